package admin

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

// subject is a proxy with one condition that may fail.
type subject struct{ problem atomic.Value }

func (s *subject) Conditions() []Condition {
	problem, _ := s.problem.Load().(string)
	return []Condition{{Name: "trail", Problem: problem}, {Name: "policy"}}
}

// open starts a port and returns it with its address.
func open(t *testing.T, o Options) (*Server, string) {
	t.Helper()
	o.Log = slog.New(slog.DiscardHandler)
	s := New(o)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go s.Serve(l)
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
		goleak.VerifyNone(t)
	})
	return s, "http://" + l.Addr().String()
}

// get returns the status and the body.
func get(t *testing.T, url, accept string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", accept)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func TestProbes(t *testing.T) {
	s, url := open(t, Options{})
	is := func(path string, code int, text string) {
		t.Helper()
		if gotCode, got := get(t, url+path, ""); gotCode != code || got != text {
			t.Errorf("%s: %d %q, want %d %q", path, gotCode, got, code, text)
		}
	}
	is("/livez", 200, "alive\n")
	is("/startupz", 503, "starting\n")
	is("/readyz", 503, "started: the proxy is starting\nnot ready\n")

	var p subject
	s.Started(&p)
	is("/startupz", 200, "started\n")
	is("/readyz", 200, "trail: ok\npolicy: ok\nready\n")

	p.problem.Store("it takes no records")
	is("/livez", 200, "alive\n")
	is("/startupz", 200, "started\n")
	is("/readyz", 503, "trail: it takes no records\npolicy: ok\nnot ready\n")

	p.problem.Store("")
	is("/readyz", 200, "trail: ok\npolicy: ok\nready\n")
}

func TestReadinessAsJSON(t *testing.T) {
	s, url := open(t, Options{})
	var p subject
	p.problem.Store("it takes no records")
	s.Started(&p)
	code, body := get(t, url+"/readyz", "application/json")
	var got readiness
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	want := readiness{Conditions: []Condition{{Name: "trail", Problem: "it takes no records"}, {Name: "policy"}}}
	if diff := cmp.Diff(want, got); code != 503 || diff != "" {
		t.Errorf("%d\n%s", code, diff)
	}
}

// What was not asked for is not there.
func TestNothingElse(t *testing.T) {
	_, url := open(t, Options{})
	for _, path := range []string{"/", "/metrics", "/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/cmdline", "/readyz/x"} {
		if code, _ := get(t, url+path, ""); code != 404 {
			t.Errorf("%s: %d", path, code)
		}
	}
	response, err := http.Post(url+"/readyz", "text/plain", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if response.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %s", response.Status)
	}
}

func TestMetricsAndProfiles(t *testing.T) {
	_, url := open(t, Options{
		PProf:   true,
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "sessions 3\n") }),
	})
	if code, body := get(t, url+"/metrics", ""); code != 200 || body != "sessions 3\n" {
		t.Errorf("%d %q", code, body)
	}
	if code, body := get(t, url+"/debug/pprof/goroutine?debug=1", ""); code != 200 || !strings.Contains(body, "goroutine profile") {
		t.Errorf("%d %q", code, body)
	}
	// The command line may hold what its user thinks is seen by nobody.
	if code, body := get(t, url+"/debug/pprof/cmdline", ""); code != 404 {
		t.Errorf("%d %q", code, body)
	}
}

func TestAsk(t *testing.T) {
	s, url := open(t, Options{})
	if said, err := Ask(t.Context(), url+"/readyz"); err == nil || !strings.Contains(said, "the proxy is starting") {
		t.Errorf("%q, %v", said, err)
	}
	s.Started(new(subject))
	if said, err := Ask(t.Context(), url+"/readyz"); err != nil || !strings.HasSuffix(said, "ready") {
		t.Errorf("%q, %v", said, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := Ask(ctx, "http://127.0.0.1:1/readyz"); err == nil {
		t.Error("a port that nobody listens at is well")
	}
}

func TestURL(t *testing.T) {
	for address, want := range map[string]string{
		"127.0.0.1:9632": "http://127.0.0.1:9632/readyz",
		"0.0.0.0:9632":   "http://127.0.0.1:9632/readyz",
		":9632":          "http://127.0.0.1:9632/readyz",
		"[::]:9632":      "http://[::1]:9632/readyz",
		"sluice:9632":    "http://sluice:9632/readyz",
		"127.0.0.1:0":    "",
		"9632":           "",
	} {
		got, err := URL(address, "/readyz")
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v", address, got, err)
		}
	}
}
