package telemetry

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/sluice-pg/sluice/proxy"
)

// The attributes of spans alone.
const (
	sessionKey = attribute.Key("sluice.session")
	requestKey = attribute.Key("sluice.request")
	shapeKey   = attribute.Key("sluice.shape")
	roadKey    = attribute.Key("sluice.road")
	methodKey  = attribute.Key("sluice.auth.method")
	tlsKey     = attribute.Key("sluice.tls")
	endKey     = attribute.Key("sluice.end")
	rowsKey    = attribute.Key("db.response.returned_rows")
	bytesKey   = attribute.Key("sluice.bytes")
	limitedKey = attribute.Key("sluice.limited")
)

// spans are those of one session. A statement's are made when it has ended,
// with the times it had: nothing is kept for it before.
type spans struct {
	tracer  trace.Tracer
	ration  *ration
	session trace.Span
	ctx     context.Context
	// common are attributes that all have, upstream those of the spans
	// about the server behind.
	common, upstream []attribute.KeyValue
}

func beginSpans(tracer trace.Tracer, r *ration, facts proxy.SessionFacts) *spans {
	s := &spans{tracer: tracer, ration: r, common: []attribute.KeyValue{semconv.DBSystemNamePostgreSQL, semconv.DBNamespace(facts.Database)}}
	s.upstream = append(s.common, semconv.ServerAddress(facts.Upstream), semconv.ServerPort(facts.Port))
	s.ctx, s.session = tracer.Start(context.Background(), "sluice.session", trace.WithSpanKind(trace.SpanKindServer))
	if s.session.IsRecording() {
		s.session.SetAttributes(s.common...)
		s.session.SetAttributes(sessionKey.String(facts.ID), methodKey.String(facts.Method), tlsKey.Bool(facts.TLS))
	}
	return s
}

// statement begins the span of a statement: in the session's, or in the
// client's trace with a link to the session if the client has named one.
func (s *spans) statement(a *proxy.Asked, at trace.SpanStartEventOption) (context.Context, trace.Span) {
	ctx, options := s.ctx, []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer), at}
	if a.Traceparent != "" {
		carrier := propagation.MapCarrier{"traceparent": a.Traceparent}
		ctx = propagation.TraceContext{}.Extract(context.Background(), carrier)
		options = append(options, trace.WithLinks(trace.LinkFromContext(s.ctx)))
	}
	ctx, span := s.tracer.Start(ctx, "sluice.statement", options...)
	if span.IsRecording() {
		span.SetAttributes(s.common...)
		span.SetAttributes(
			kindKey.String(a.Kind.String()), verdictKey.String(a.Verdict.String()), ruleKey.String(a.Rule),
			requestKey.String(a.ID), roadKey.String(a.Road),
		)
		if a.Summary != "" {
			span.SetAttributes(semconv.DBQuerySummary(a.Summary))
		}
		if a.Shape != "" {
			span.SetAttributes(shapeKey.String(a.Shape))
		}
	}
	return ctx, span
}

// wanted reports whether somebody may want to see a statement: its session is
// seen, or the client's trace is.
func (s *spans) wanted(a *proxy.Asked) bool { return a.Traceparent != "" || s.session.IsRecording() }

// refused is a statement that went nowhere.
func (s *spans) refused(a *proxy.Asked) {
	if !s.wanted(a) || !s.ration.take(a.Ready, true) {
		return
	}
	_, span := s.statement(a, trace.WithTimestamp(a.Arrived))
	span.SetStatus(codes.Error, "refused: "+a.Verdict.String())
	span.End(trace.WithTimestamp(a.Ready))
}

// completed is a statement that ran. One that was read before, by a Parse,
// begins with its execution.
func (s *spans) completed(a *proxy.Asked, r proxy.Result) {
	if !s.wanted(a) || a.Traceparent == "" && !s.ration.take(r.Ended, r.SQLSTATE != "" || r.Limited) {
		return
	}
	began := a.Arrived
	if a.Road == "parse" {
		began = r.Started
	}
	ctx, span := s.statement(a, trace.WithTimestamp(began))
	if span.IsRecording() {
		s.asked(ctx, a, r)
		span.SetAttributes(bytesKey.Int64(r.Bytes))
		if r.Limited {
			span.SetAttributes(limitedKey.Bool(true))
			span.SetStatus(codes.Error, "stopped at a limit")
		}
	}
	s.finish(span, r)
}

// asked is what the server behind had of a statement. Its name is the summary
// (semantic conventions for databases, "Name").
func (s *spans) asked(ctx context.Context, a *proxy.Asked, r proxy.Result) {
	name := a.Summary
	if name == "" {
		name = "postgresql"
	}
	_, span := s.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(r.Started))
	span.SetAttributes(s.upstream...)
	span.SetAttributes(semconv.DBQuerySummary(name), rowsKey.Int64(r.Rows))
	s.finish(span, r)
}

// finish ends a span as the statement ended (semantic conventions for
// PostgreSQL: classes 00 and 01 are no errors).
func (s *spans) finish(span trace.Span, r proxy.Result) {
	if state := r.SQLSTATE; state != "" {
		span.SetAttributes(semconv.DBResponseStatusCode(state))
		if state[:min(2, len(state))] > "01" {
			span.SetAttributes(semconv.ErrorTypeKey.String(state))
			span.SetStatus(codes.Error, "")
		}
	}
	span.End(trace.WithTimestamp(r.Ended))
}

func (s *spans) end(reason string) {
	s.session.SetAttributes(endKey.String(reason))
	s.session.End()
}
