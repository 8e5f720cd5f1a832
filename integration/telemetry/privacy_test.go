package telemetry

import (
	"strings"
	"testing"

	trace "go.opentelemetry.io/proto/otlp/trace/v1"
)

// checkPrivacy looks for the client's words. A table's name may be in a span's
// summary, which is also the name of a client span, a made-up SQLSTATE in a
// span's status, and a person's name in the log, which says who logged in.
// Nothing else may be anywhere.
func checkPrivacy(t *testing.T, s *stage, scraped string) {
	t.Helper()
	metrics, spans := s.collector.took(t, "metrics")
	logs, _ := s.collector.took(t, "logs")
	for where, text := range map[string]string{"/metrics": scraped, "OTLP metrics": metrics} {
		absent(t, where, text, table, literal, madeUp, person, nobody, nowhere, label)
	}
	absent(t, "OTLP logs", logs, table, literal, madeUp, label)
	for _, span := range spans {
		absent(t, "a span", strip(span), table, literal, madeUp, person, nobody, nowhere, label)
	}
	if !strings.Contains(logs, nobody) || !strings.Contains(metrics, "sluice.decisions") || len(spans) == 0 {
		t.Error("there was nothing to look at")
	}
	if _, first, _ := strings.Cut(s.Log(), "\n"); !strings.Contains(first, `{"time":`) {
		t.Errorf("the log is no JSON:\n%s", s.Log())
	}
}

func absent(t *testing.T, where, text string, words ...string) {
	t.Helper()
	for _, word := range words {
		if at := strings.Index(text, word); at >= 0 {
			t.Errorf("%s has %q: ...%s...", where, word, text[max(0, at-100):min(len(text), at+100)])
		}
	}
}

// strip is a span as text, without what may have names.
func strip(s *trace.Span) string {
	rest := &trace.Span{Name: s.Name, Attributes: nil, Status: s.Status, Events: s.Events, Links: s.Links, TraceState: s.TraceState}
	if s.Kind == trace.Span_SPAN_KIND_CLIENT {
		rest.Name = ""
	}
	for _, a := range s.Attributes {
		switch a.Key {
		case "db.query.summary", "db.response.status_code", "error.type":
		default:
			rest.Attributes = append(rest.Attributes, a)
		}
	}
	return rest.String()
}
