package telemetry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/sluice-pg/sluice/policy/statement"
	"github.com/sluice-pg/sluice/proxy"
)

// Subject is what is asked how it is whenever somebody reads the metrics.
type Subject struct {
	State func() proxy.State
	Stats func() statement.Stats
	// Healthy is the error that the trail would refuse a record with.
	Healthy func() error
	// Copies are those that are watched; nil where none are.
	Copies func() proxy.CopiesState
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// gauges are the metrics that are read from a Subject.
type gauges struct {
	sessions, starting, places, draining, writable metric.Int64ObservableGauge
	cacheBytes, cacheEntries                       metric.Int64ObservableGauge
	bytes, rows, cacheHits, cacheMisses, leftOut   metric.Int64ObservableCounter
	lease                                          metric.Float64ObservableGauge
	watched                                        watchGauges
}

// Watch has a subject asked. It is called once.
func (t *Telemetry) Watch(s Subject) error {
	if t == nil || t.metrics == nil {
		return nil
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	g, all, err := newGauges(t.metrics.meter)
	if err == nil {
		_, err = t.metrics.meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
			g.observe(o, s)
			if r := t.ration; r != nil && t.tracer != nil {
				o.ObserveInt64(g.leftOut, r.leftOut.Load())
			}
			return nil
		}, all...)
	}
	if err != nil {
		return fmt.Errorf("telemetry: %w", err)
	}
	return nil
}

func newGauges(meter metric.Meter) (*gauges, []metric.Observable, error) {
	g := &gauges{}
	var all []metric.Observable
	var errs []error
	gauge := func(into *metric.Int64ObservableGauge, name, unit, text string) {
		i, err := meter.Int64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(text))
		*into, all, errs = i, append(all, i), append(errs, err)
	}
	count := func(into *metric.Int64ObservableCounter, name, unit, text string) {
		i, err := meter.Int64ObservableCounter(name, metric.WithUnit(unit), metric.WithDescription(text))
		*into, all, errs = i, append(all, i), append(errs, err)
	}
	gauge(&g.sessions, "sluice.sessions", "{session}", "Sessions that are open.")
	gauge(&g.starting, "sluice.connections.starting", "{connection}", "Connections that have not logged in.")
	gauge(&g.places, "sluice.sessions.limit", "{session}", "Sessions that may be open.")
	gauge(&g.draining, "sluice.draining", "", "1 while the proxy stops, else 0.")
	gauge(&g.writable, "sluice.audit.writable", "", "1 while the trail takes records, else 0; then no statement runs.")
	gauge(&g.cacheBytes, "sluice.analysis.cache.size", "By", "Memory that kept analyses take, about.")
	gauge(&g.cacheEntries, "sluice.analysis.cache.entries", "{entry}", "Analyses that are kept.")
	count(&g.cacheHits, "sluice.analysis.cache.hits", "{text}", "Texts that were not parsed because one like them had been.")
	count(&g.cacheMisses, "sluice.analysis.cache.misses", "{text}", "Texts that had to be parsed.")
	count(&g.bytes, "sluice.client.io", "By", "Bytes from clients and to them, after login.")
	count(&g.rows, "sluice.client.rows", "{row}", "Rows to clients, also as lines of COPY.")
	count(&g.leftOut, "sluice.spans.left.out", "{statement}", "Statements without a span because there were too many; see telemetry.statement_spans.")
	lease, err := meter.Float64ObservableGauge("sluice.lease.remaining", metric.WithUnit("s"),
		metric.WithDescription("Time until the first credential that a session works with ends, and the session with it."))
	g.lease, all, errs = lease, append(all, lease), append(errs, err)
	more, err := g.watched.make(meter)
	all, errs = append(all, more...), append(errs, err)
	return g, all, errors.Join(errs...)
}

func (g *gauges) observe(o metric.Observer, s Subject) {
	state, stats := s.State(), s.Stats()
	for name, t := range state.Traffic {
		database := semconv.DBNamespace(name)
		o.ObserveInt64(g.sessions, t.Sessions, metric.WithAttributes(database))
		o.ObserveInt64(g.bytes, t.In, metric.WithAttributes(database, wayKey.String("receive")))
		o.ObserveInt64(g.bytes, t.Out, metric.WithAttributes(database, wayKey.String("transmit")))
		o.ObserveInt64(g.rows, t.Rows, metric.WithAttributes(database))
	}
	o.ObserveInt64(g.starting, int64(state.Strangers))
	o.ObserveInt64(g.places, int64(state.Places))
	o.ObserveInt64(g.draining, flag(state.Draining))
	o.ObserveInt64(g.writable, flag(s.Healthy() == nil))
	o.ObserveInt64(g.cacheBytes, stats.Bytes)
	o.ObserveInt64(g.cacheEntries, stats.Entries)
	o.ObserveInt64(g.cacheHits, int64(stats.Hits))     //nolint:gosec // no program lives that long
	o.ObserveInt64(g.cacheMisses, int64(stats.Misses)) //nolint:gosec // nor that
	if !state.NextLeaseEnd.IsZero() {
		o.ObserveFloat64(g.lease, state.NextLeaseEnd.Sub(s.Now()).Seconds())
	}
	if s.Copies != nil {
		g.watched.observe(o, s.Copies(), s.Now())
	}
}

func flag(on bool) int64 {
	if on {
		return 1
	}
	return 0
}
