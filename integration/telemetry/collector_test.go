package telemetry

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	logspb "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	metricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/sluice-pg/sluice/integration/secrets"
)

// collector takes OTLP over HTTP (protobuf), as an OpenTelemetry collector
// does.
type collector struct {
	url string
	mu  sync.Mutex
	// spans are those that came, texts everything that came as JSON, by
	// signal.
	spans []*trace.Span
	texts map[string]string
	err   error
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{texts: map[string]string{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/traces", c.take("traces", &tracepb.ExportTraceServiceRequest{}))
	mux.HandleFunc("POST /v1/metrics", c.take("metrics", &metricspb.ExportMetricsServiceRequest{}))
	mux.HandleFunc("POST /v1/logs", c.take("logs", &logspb.ExportLogsServiceRequest{}))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

func (c *collector) take(signal string, form proto.Message) http.HandlerFunc {
	return func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		request := form.ProtoReflect().New().Interface()
		if err == nil {
			err = proto.Unmarshal(body, request)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if err != nil {
			c.err = fmt.Errorf("%s: %w", signal, err)
			return
		}
		c.texts[signal] += protojson.Format(request)
		secrets.Keep(secrets.Telemetry, signal, body)
		secrets.Keep(secrets.Telemetry, signal+" as JSON", []byte(protojson.Format(request)))
		if r, ok := request.(*tracepb.ExportTraceServiceRequest); ok {
			for _, resource := range r.ResourceSpans {
				for _, scope := range resource.ScopeSpans {
					c.spans = append(c.spans, scope.Spans...)
				}
			}
		}
	}
}

// took returns what came of a signal, as JSON, and the spans.
func (c *collector) took(t *testing.T, signal string) (string, []*trace.Span) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		t.Fatal(c.err)
	}
	return c.texts[signal], append([]*trace.Span(nil), c.spans...)
}

// await waits until so many spans of a name have come.
func (c *collector) await(t *testing.T, name string, n int) []*trace.Span {
	t.Helper()
	until := time.Now().Add(30 * time.Second)
	for {
		_, all := c.took(t, "traces")
		var found []*trace.Span
		for _, s := range all {
			if s.Name == name {
				found = append(found, s)
			}
		}
		if len(found) >= n {
			return found
		}
		if time.Now().After(until) {
			t.Fatalf("%d spans %s came, want %d", len(found), name, n)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// attributes are those of a span, in Go's words.
func attributes(s *trace.Span) map[string]any {
	all := map[string]any{}
	for _, a := range s.Attributes {
		switch v := a.Value.Value.(type) {
		case *commonpb.AnyValue_StringValue:
			all[a.Key] = v.StringValue
		case *commonpb.AnyValue_IntValue:
			all[a.Key] = v.IntValue
		case *commonpb.AnyValue_BoolValue:
			all[a.Key] = v.BoolValue
		}
	}
	return all
}
