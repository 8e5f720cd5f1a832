package telemetry

import (
	"errors"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/sluice-pg/sluice/proxy"
)

// The attributes of metrics about copies. Places are named as in the configuration.
const (
	placeKey    = attribute.Key("place")
	stateKey    = attribute.Key("state")
	reactionKey = attribute.Key("reaction")
)

// watchGauges are the metrics of the watch over copies.
type watchGauges struct {
	age                 metric.Float64ObservableGauge
	copies              metric.Int64ObservableGauge
	blocked, away       metric.Int64ObservableGauge
	reactions, webhooks metric.Int64ObservableCounter
}

func (g *watchGauges) make(meter metric.Meter) (all []metric.Observable, err error) {
	var errs []error
	gauge := func(into *metric.Int64ObservableGauge, name, unit, text string) {
		i, err := meter.Int64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(text))
		*into, all, errs = i, append(all, i), append(errs, err)
	}
	count := func(into *metric.Int64ObservableCounter, name, unit, text string) {
		i, err := meter.Int64ObservableCounter(name, metric.WithUnit(unit), metric.WithDescription(text))
		*into, all, errs = i, append(all, i), append(errs, err)
	}
	age, err := meter.Float64ObservableGauge("sluice.watch.posture.age", metric.WithUnit("s"),
		metric.WithDescription("Time since a place that holds copies, and all of them, were last seen to be protected as they must be."))
	g.age, all, errs = age, append(all, age), append(errs, err)
	gauge(&g.copies, "sluice.copies", "{copy}", "Copies that are at a place, by their state.")
	gauge(&g.blocked, "sluice.watch.blocked", "", "1 while a place is given no new copy because of those that are there, else 0.")
	gauge(&g.away, "sluice.watch.away", "", "1 while a place that holds copies does not answer, else 0.")
	count(&g.reactions, "sluice.watch.reactions", "{reaction}", "What was done about copies: freeze, purge, remove; done or failed.")
	count(&g.webhooks, "sluice.watch.webhooks", "{alert}", "Alerts that the webhook took (sent), tries that it did not take (failed), and alerts that were given up (lost).")
	return all, errors.Join(errs...)
}

func (g *watchGauges) observe(o metric.Observer, s proxy.CopiesState, now time.Time) {
	for outcome, n := range map[string]int64{"sent": s.Sent, "failed": s.Failed, "lost": s.Lost} {
		o.ObserveInt64(g.webhooks, n, metric.WithAttributes(outcomeKey.String(outcome)))
	}
	if s.Watch == nil {
		return
	}
	for what, n := range s.Watch.Reactions {
		reaction, outcome, _ := strings.Cut(what, " ")
		o.ObserveInt64(g.reactions, n, metric.WithAttributes(reactionKey.String(reaction), outcomeKey.String(outcome)))
	}
	for i := range s.Watch.Places {
		p := &s.Watch.Places[i]
		place := metric.WithAttributes(placeKey.String(p.Name))
		o.ObserveInt64(g.blocked, flag(p.Blocked != nil), place)
		o.ObserveInt64(g.away, flag(!p.Away.IsZero()), place)
		if !p.Watched {
			continue
		}
		well := p.WellAt
		if well.Before(s.Watch.Since) {
			well = s.Watch.Since
		}
		o.ObserveFloat64(g.age, now.Sub(well).Seconds(), place)
		states := map[string]int64{}
		for _, c := range p.Copies {
			states[string(c.State)]++
		}
		for state, n := range states {
			o.ObserveInt64(g.copies, n, metric.WithAttributes(placeKey.String(p.Name), stateKey.String(state)))
		}
	}
}
