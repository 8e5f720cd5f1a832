package telemetry

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	trace "go.opentelemetry.io/proto/otlp/trace/v1"
)

func checkTrace(t *testing.T, s *stage) {
	t.Helper()
	_, spans := s.collector.took(t, "traces")
	statements := map[string]*trace.Span{}
	byID := map[string]*trace.Span{}
	for _, span := range spans {
		byID[string(span.SpanId)] = span
		if span.Name == "sluice.statement" {
			a := attributes(span)
			statements[fmt.Sprint(a["db.query.summary"], "|", a["sluice.verdict"], "|", a["db.response.status_code"])] = span
		}
	}
	for _, want := range []string{
		"CREATE TABLE " + table + "|allow|<nil>", "INSERT " + table + "|allow|<nil>", "INSERT " + table + "|allow|23505",
		"SELECT public." + table + "|allow|<nil>", "SELECT|allow|22P02", "<nil>|deny|<nil>", "COPY " + table + "|deny|<nil>",
		"DO|allow|" + madeUp, "SELECT " + table + "|allow|<nil>",
	} {
		if statements[want] == nil {
			t.Errorf("there is no statement %q", want)
		}
	}
	for name, span := range statements {
		checkStatement(t, name, span, byID)
	}
	keep(t, "trace.txt", draw(spans))
}

// checkStatement looks at the span of one statement: whose child it is, and
// who is its child.
func checkStatement(t *testing.T, name string, span *trace.Span, byID map[string]*trace.Span) {
	t.Helper()
	a := attributes(span)
	for _, key := range []string{"db.system.name", "db.namespace", "sluice.kind", "sluice.rule", "sluice.request", "sluice.road"} {
		if a[key] == nil || a[key] == "" {
			t.Errorf("%s: no %s", name, key)
		}
	}
	if span.Kind != trace.Span_SPAN_KIND_SERVER {
		t.Errorf("%s: is of kind %s", name, span.Kind)
	}
	if hex.EncodeToString(span.ParentSpanId) == parent[36:52] {
		if hex.EncodeToString(span.TraceId) != parent[3:35] || len(span.Links) != 1 {
			t.Errorf("%s: is not in the client's trace with a link to the session", name)
		}
	} else if session := byID[string(span.ParentSpanId)]; session == nil || session.Name != "sluice.session" {
		t.Errorf("%s: is no child of a session", name)
	}
	if failed := span.Status.GetCode() == trace.Status_STATUS_CODE_ERROR; failed != (a["sluice.verdict"] == "deny" || a["error.type"] != nil || a["sluice.limited"] == true) {
		t.Errorf("%s: counts as failed: %t", name, failed)
	}
	var client *trace.Span
	for _, other := range byID {
		if bytes.Equal(other.ParentSpanId, span.SpanId) {
			client = other
		}
	}
	if ran := a["sluice.verdict"] == "allow"; ran != (client != nil) {
		t.Errorf("%s: a server was asked: %t", name, client != nil)
	}
	if client != nil && (client.Kind != trace.Span_SPAN_KIND_CLIENT || client.StartTimeUnixNano < span.StartTimeUnixNano || client.EndTimeUnixNano > span.EndTimeUnixNano) {
		t.Errorf("%s: the server's part is not inside", name)
	}
}

// draw writes spans as a tree, in the order of time.
func draw(spans []*trace.Span) string {
	slices.SortStableFunc(spans, func(a, b *trace.Span) int { return int(a.StartTimeUnixNano - b.StartTimeUnixNano) })
	var b strings.Builder
	var walk func(parent []byte, depth int)
	write := func(s *trace.Span, depth int) {
		fmt.Fprintf(&b, "%s%s  %s  %s\n", strings.Repeat("  ", depth), s.Name, strings.ToLower(strings.TrimPrefix(s.Kind.String(), "SPAN_KIND_")),
			time.Duration(s.EndTimeUnixNano-s.StartTimeUnixNano).Round(time.Microsecond))
		a := attributes(s)
		for _, key := range slices.Sorted(func(yield func(string) bool) {
			for k := range a {
				if !yield(k) {
					return
				}
			}
		}) {
			fmt.Fprintf(&b, "%s    %s = %v\n", strings.Repeat("  ", depth), key, a[key])
		}
		walk(s.SpanId, depth+1)
	}
	walk = func(parent []byte, depth int) {
		for _, s := range spans {
			if bytes.Equal(s.ParentSpanId, parent) {
				write(s, depth)
			}
		}
	}
	walk(nil, 0)
	for _, s := range spans {
		if hex.EncodeToString(s.ParentSpanId) == parent[36:52] {
			b.WriteString("\nin the client's trace " + hex.EncodeToString(s.TraceId) + ":\n")
			write(s, 0)
		}
	}
	return b.String()
}

// keep writes what was seen into the folder that SLUICE_TEST_CAPTURE names, to
// be looked at.
func keep(t *testing.T, name, text string) {
	t.Helper()
	dir := os.Getenv("SLUICE_TEST_CAPTURE")
	if dir == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
