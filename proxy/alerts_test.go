package proxy

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-pg/sluice/proxy/watch"
)

// receiver takes alerts as a webhook does.
type receiver struct {
	mu      sync.Mutex
	refuse  int
	headers []string
	got     []watch.Alert
}

// RoundTrip stands in the place of the network.
func (r *receiver) RoundTrip(request *http.Request) (*http.Response, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	recorder := httptest.NewRecorder()
	if r.refuse > 0 {
		r.refuse--
		recorder.WriteHeader(http.StatusBadGateway)
		return recorder.Result(), nil
	}
	var one watch.Alert
	if err := json.NewDecoder(request.Body).Decode(&one); err != nil {
		return nil, err
	}
	r.got, r.headers = append(r.got, one), append(r.headers, request.Header.Get("Authorization"))
	return recorder.Result(), nil
}

func newTestAlerts(t *testing.T, r *receiver) *alerts {
	t.Helper()
	header := filepath.Join(t.TempDir(), "header")
	if err := os.WriteFile(header, []byte("Authorization: Bearer of news\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := newAlerts(Alerts{URL: "https://alerts.example.net/", Timeout: time.Second, HeaderFile: header}, "gate-1", slog.New(slog.NewTextHandler(io.Discard, nil)), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	a.client.Transport = r
	return a
}

func TestAlertsAreTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{refuse: 3}
		a := newTestAlerts(t, r)
		end := a.attend(t.Context())
		a.tell(watch.Alert{Event: "frozen"})
		a.tell(watch.Alert{Event: "recovered"})
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(r.got) != 2 || r.got[0].Event != "frozen" || r.got[0].Instance != "gate-1" || r.headers[0] != "Bearer of news" {
			t.Errorf("got %+v %q", r.got, r.headers)
		}
		if a.sent.Load() != 2 || a.failed.Load() != 3 || a.lost.Load() != 0 {
			t.Errorf("sent %d, failed %d, lost %d", a.sent.Load(), a.failed.Load(), a.lost.Load())
		}
		end()
	})
}

// Whoever tells never waits; what is too much is lost, the oldest first, and counted.
func TestAlertsAreLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{refuse: 1 << 30}
		a := newTestAlerts(t, r)
		for range maxAlerts + 10 {
			a.tell(watch.Alert{Event: "drifted"})
		}
		if a.lost.Load() != 10 {
			t.Errorf("%d are lost", a.lost.Load())
		}
		ctx, cancel := context.WithCancel(t.Context())
		end := a.attend(ctx)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if a.lost.Load() < 11 {
			t.Error("an alert that nobody takes is not given up")
		}
		cancel()
		began := time.Now()
		end()
		if took := time.Since(began); took > alertFarewell+alertRest {
			t.Errorf("the end took %s", took)
		}
	})
}

func TestAlertsConfig(t *testing.T) {
	for url, wrong := range map[string]string{
		"https://alerts.example.net/x": "", "http://127.0.0.1:9/": "", "http://localhost/": "", "http://[::1]/": "",
		"http://alerts.example.net/": "loopback", "ftp://x/": "https://", "https://u:p@x/": "password", "x": "https://",
	} {
		a := Alerts{URL: url, Timeout: time.Second}
		said := ""
		a.validate(func(format string, _ ...any) { said += format })
		if wrong == "" != (said == "") || !strings.Contains(said, wrong) {
			t.Errorf("%s: %q, want %q", url, said, wrong)
		}
	}
	for text, good := range map[string]bool{
		"X-Key: abc": true, "X-Key: a b:c\n": true, "": false, "X-Key": false, ": x": false, "X Key: y": false, "A: b\nC: d": false,
	} {
		file := filepath.Join(t.TempDir(), "header")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		a := &alerts{config: Alerts{HeaderFile: file}}
		if _, _, err := a.header(); (err == nil) != good {
			t.Errorf("%q: %v", text, err)
		}
	}
}
