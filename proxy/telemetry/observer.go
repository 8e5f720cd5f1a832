package telemetry

import (
	"context"

	"go.opentelemetry.io/otel/metric"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/proxy"
)

// Observer is what a server tells of its sessions; nil if nobody looks.
func (t *Telemetry) Observer() proxy.Observer {
	if t == nil || t.metrics == nil && t.tracer == nil {
		return nil
	}
	return observer{t}
}

type observer struct{ *Telemetry }

// LoginFailed implements proxy.Observer.
func (o observer) LoginFailed(reason string) {
	if o.metrics != nil {
		o.metrics.loginsFailed.Add(context.Background(), 1, metric.WithAttributes(reasonKey.String(reason)))
	}
}

// Session implements proxy.Observer.
func (o observer) Session(facts proxy.SessionFacts) proxy.SessionObserver {
	s := &session{metrics: o.metrics, database: facts.Database}
	if o.tracer != nil {
		s.spans = beginSpans(o.tracer, o.ration, facts)
	}
	return s
}

// session tells of one session.
type session struct {
	metrics  *metrics // may be nil
	spans    *spans   // may be nil
	database string
}

// kept is what stays with a decision: its counter and its labels.
type kept struct {
	count  *count
	labels []metric.RecordOption
}

// Decided implements proxy.SessionObserver.
func (s *session) Decided(a *proxy.Asked) {
	if m := s.metrics; m != nil {
		k, ok := a.Kept.(*kept)
		if !ok {
			k = &kept{
				count:  m.decisions.counter(decision{a.Verdict, a.Kind, a.Rule}),
				labels: []metric.RecordOption{m.labelsFor(labelsOf{database: s.database, kind: a.Kind})},
			}
			a.Kept = k
		}
		k.count.n.Add(1)
		m.gate.Record(context.Background(), a.Ready.Sub(a.Arrived).Seconds(), k.labels...)
	}
	if s.spans != nil && a.Verdict != policy.Allow {
		s.spans.refused(a)
	}
}

// Completed implements proxy.SessionObserver.
func (s *session) Completed(a *proxy.Asked, r proxy.Result) {
	if s.metrics != nil {
		s.measure(a, r)
	}
	if s.spans != nil {
		s.spans.completed(a, r)
	}
}

func (s *session) measure(a *proxy.Asked, r proxy.Result) {
	m, ctx, took := s.metrics, context.Background(), r.Ended.Sub(r.Started).Seconds()
	k, ok := a.Kept.(*kept)
	if ok && r.SQLSTATE == "" {
		m.statement.Record(ctx, took, k.labels...)
	} else {
		m.statement.Record(ctx, took, m.labelsFor(labelsOf{s.database, a.Kind, failureClass(r.SQLSTATE)}))
	}
	if r.Limited {
		m.limited.Add(ctx, 1)
	}
}

// Ended implements proxy.SessionObserver.
func (s *session) Ended(reason string) {
	if s.metrics != nil {
		s.metrics.sessionsEnded.Add(context.Background(), 1, metric.WithAttributes(reasonKey.String(reason)))
	}
	if s.spans != nil {
		s.spans.end(reason)
	}
}
