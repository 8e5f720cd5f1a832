package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/audit"
	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
	"github.com/sluice-pg/sluice/proxy"
	"github.com/sluice-pg/sluice/proxy/credential"
)

// unasked takes everything out of the environment that asks for telemetry.
func unasked(t *testing.T) {
	t.Helper()
	for _, name := range []string{"OTEL_SDK_DISABLED", "OTEL_EXPORTER_OTLP_ENDPOINT"} {
		t.Setenv(name, "")
	}
	for _, signal := range []string{"TRACES", "METRICS", "LOGS"} {
		t.Setenv("OTEL_"+signal+"_EXPORTER", "")
		t.Setenv("OTEL_EXPORTER_OTLP_"+signal+"_ENDPOINT", "")
	}
}

func begin(t *testing.T, o Options) *Telemetry {
	t.Helper()
	if o.Output == nil {
		o.Output = new(strings.Builder)
	}
	told, err := Start(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := told.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return told
}

func TestAsked(t *testing.T) {
	for _, test := range []struct {
		environment string
		want        bool
	}{
		{"", false},
		{"OTEL_SERVICE_NAME=sluice OTEL_TRACES_SAMPLER=always_on", false},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318", true},
		{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://localhost:4318", true},
		{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=http://localhost:4318", false},
		{"OTEL_TRACES_EXPORTER=console", true},
		{"OTEL_TRACES_EXPORTER=none OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318", false},
		{"OTEL_SDK_DISABLED=true OTEL_TRACES_EXPORTER=console", false},
	} {
		t.Run(test.environment, func(t *testing.T) {
			unasked(t)
			for setting := range strings.FieldsSeq(test.environment) {
				name, value, _ := strings.Cut(setting, "=")
				t.Setenv(name, value)
			}
			if got := asked("TRACES"); got != test.want {
				t.Errorf("%t, want %t", got, test.want)
			}
		})
	}
}

// Unasked, nothing stands in the way of anything.
func TestNothingIsMadeUnasked(t *testing.T) {
	unasked(t)
	var recorder proxy.Recorder = new(broken)
	var issuer proxy.Credentials = new(broken)
	for name, told := range map[string]*Telemetry{"nil": nil, "started": begin(t, Options{})} {
		if told.Observer() != nil || told.Parsed() != nil || told.Handler() != nil {
			t.Errorf("%s: somebody is told", name)
		}
		if told.Recorder(recorder) != recorder || told.Credentials(issuer) != issuer {
			t.Errorf("%s: somebody stands between", name)
		}
		told.Reloaded(nil)
		if err := told.Watch(Subject{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		told.Log().Info("still logged")
	}
}

// broken is a recorder and an issuer that fail.
type broken struct{ proxy.Recorder }

var errBroken = errors.New("broken")

func (*broken) Append(context.Context, audit.Event) (audit.Index, error) { return 0, errBroken }
func (*broken) Enqueue(audit.Event) error                                { return errBroken }
func (*broken) End(context.Context, *credential.Lease) error             { return errBroken }
func (*broken) EndLeft(context.Context) (int, error)                     { return 0, errBroken }
func (*broken) Issue(context.Context, credential.Request) (*credential.Lease, error) {
	return nil, errBroken
}

// What fails is counted, and stays the error that it was.
func TestFailuresAreCounted(t *testing.T) {
	unasked(t)
	told := begin(t, Options{Prometheus: true})
	b := new(broken)
	recorder, issuer := told.Recorder(b), told.Credentials(b)
	_, appending := recorder.Append(context.Background(), audit.Event{})
	_, issuing := issuer.Issue(context.Background(), credential.Request{})
	_, ending := issuer.EndLeft(context.Background())
	for _, err := range []error{appending, issuing, ending, recorder.Enqueue(audit.Event{}), issuer.End(context.Background(), nil)} {
		if !errors.Is(err, errBroken) {
			t.Errorf("%v", err)
		}
	}
	told.Reloaded(nil)
	told.Reloaded(errBroken)
	told.Parsed()(time.Millisecond, true)
	contains(t, scrape(t, told),
		`sluice_audit_errors_total{operation="append"} 1`, `sluice_audit_errors_total{operation="enqueue"} 1`,
		`sluice_credential_failures_total{operation="end"} 1`, `sluice_credential_failures_total{operation="issue"} 1`,
		`sluice_policy_reloads_total{outcome="in force"} 1`, `sluice_policy_reloads_total{outcome="refused"} 1`,
		`sluice_parse_failures_total 1`)
}

func scrape(t *testing.T, told *Telemetry) string {
	t.Helper()
	w := httptest.NewRecorder()
	told.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}

func contains(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("there is no line %s in\n%s", line, text)
		}
	}
}

// A subject is asked when somebody looks.
func TestWatch(t *testing.T) {
	unasked(t)
	told := begin(t, Options{Prometheus: true})
	now := time.Now()
	healthy := error(nil)
	err := told.Watch(Subject{
		State: func() proxy.State {
			return proxy.State{Draining: true, Places: 7, NextLeaseEnd: now.Add(time.Minute), Traffic: map[string]proxy.Traffic{"shop": {Sessions: 2, In: 3, Out: 4, Rows: 5}}}
		},
		Stats:   func() statement.Stats { return statement.Stats{Hits: 6, Misses: 7, Bytes: 8, Entries: 9} },
		Healthy: func() error { return healthy },
		Now:     func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	contains(t, scrape(t, told),
		"sluice_draining 1", "sluice_audit_writable 1", "sluice_sessions_limit 7", "sluice_lease_remaining_seconds 60",
		`sluice_sessions{db_namespace="shop"} 2`, `sluice_client_io_bytes_total{db_namespace="shop",direction="receive"} 3`,
		`sluice_client_io_bytes_total{db_namespace="shop",direction="transmit"} 4`, `sluice_client_rows_total{db_namespace="shop"} 5`,
		"sluice_analysis_cache_hits_total 6", "sluice_analysis_cache_misses_total 7", "sluice_analysis_cache_size_bytes 8")
	healthy = errBroken
	contains(t, scrape(t, told), "sluice_audit_writable 0")
}

// However many rules come and go, the counters stay few.
func TestDecisionsAreBounded(t *testing.T) {
	unasked(t)
	told := begin(t, Options{Prometheus: true})
	s := told.Observer().Session(proxy.SessionFacts{Database: "shop"})
	for i := range maxDecisions + 10 {
		j := &proxy.Judged{Kind: statement.DDL, Verdict: policy.Deny, Rule: fmt.Sprint("r", i)}
		s.Decided(&proxy.Asked{Judged: j})
		s.Decided(&proxy.Asked{Judged: j})
	}
	text := scrape(t, told)
	contains(t, text, `sluice_decisions_total{sluice_kind="ddl",sluice_rule="r0",sluice_verdict="deny"} 2`,
		`sluice_decisions_total{sluice_kind="ddl",sluice_rule="other",sluice_verdict="deny"} 20`)
	if n := strings.Count(text, "\nsluice_decisions_total{"); n != maxDecisions+1 {
		t.Errorf("%d counters", n)
	}
}

func TestFailureClass(t *testing.T) {
	for state, want := range map[string]string{"": "", "23505": "23", "XX000": "XX", "QZX77": "_OTHER", "23": "_OTHER", "alice": "_OTHER"} {
		if got := failureClass(state); got != want {
			t.Errorf("%s: %q, want %q", state, got, want)
		}
	}
}

func TestLogIsWrittenAsConfigured(t *testing.T) {
	unasked(t)
	for _, test := range []struct {
		config proxy.LogConfig
		want   string
	}{
		{proxy.LogConfig{}, "level=INFO msg=b"},
		{proxy.LogConfig{Level: "debug"}, "level=DEBUG msg=a"},
		{proxy.LogConfig{Level: "error", Format: "json"}, `"level":"ERROR","msg":"c"`},
	} {
		var out strings.Builder
		log := begin(t, Options{Log: test.config, Output: &out}).Log()
		log.Debug("a")
		log.Info("b")
		log.Error("c")
		if first, _, _ := strings.Cut(out.String(), "\n"); !strings.Contains(first, test.want) {
			t.Errorf("%+v: %s", test.config, first)
		}
	}
}

// What a statement costs that is told of: nothing is allocated.
func TestTellingAllocatesNothing(t *testing.T) {
	unasked(t)
	s, a, r := told(begin(t, Options{Prometheus: true}))
	s.Decided(a)
	if n := testing.AllocsPerRun(100, func() { s.Decided(a); s.Completed(a, r) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func told(t *Telemetry) (proxy.SessionObserver, *proxy.Asked, proxy.Result) {
	now := time.Now()
	a := &proxy.Asked{Judged: &proxy.Judged{Kind: statement.OrdinaryRead, Rule: "r", Verdict: policy.Allow}, Arrived: now, Ready: now.Add(20 * time.Microsecond)}
	r := proxy.Result{Started: now, Ended: now.Add(200 * time.Microsecond)}
	return t.Observer().Session(proxy.SessionFacts{Database: "shop"}), a, r
}

func BenchmarkStatement(b *testing.B) {
	t, err := Start(context.Background(), Options{Prometheus: true, Output: new(strings.Builder)})
	if err != nil {
		b.Fatal(err)
	}
	defer t.Close(context.Background())
	s, a, r := told(t)
	b.ReportAllocs()
	for b.Loop() {
		s.Decided(a)
		s.Completed(a, r)
	}
}
