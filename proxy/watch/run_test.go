package watch

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-pg/sluice/audit/ledger"
)

// The loop looks every second while there are copies, renews leases in time, and ends
// when it is told to.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		place, book := newFakePlace(t, time.Now), &fakeBook{Ledger: ledger.New(0), now: time.Now}
		w := New(Options{Places: []Place{place}, Book: book})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { w.Run(ctx); close(ended) }()
		time.Sleep(10 * time.Second)
		if w.Status().Places[0].Watched {
			t.Error("a place without copies is watched")
		}
		id := book.publish(t, 1, time.Now().Add(240*time.Hour))
		w.Changed("analytics")
		synctest.Wait()
		if s := w.Status().Places[0]; !s.Watched || s.Verdicts != 1 {
			t.Errorf("after a copy was published: %+v", s)
		}
		var ends time.Time
		for range 3600 {
			time.Sleep(time.Second)
			synctest.Wait()
			s := w.Status().Places[0]
			if time.Since(s.LookedAt) > 2*beat {
				t.Fatalf("looked at %s ago", time.Since(s.LookedAt))
			}
			if ends = s.Copies[0].Readable; ends.Before(time.Now().Add(place.def.Expires.Lease / 2)) {
				t.Fatalf("the lease ends in %s", time.Until(ends))
			}
		}
		place.mu.Lock()
		place.wrong[id] = &Judgement{Severity: ledger.SeverityObject, Deficits: deficit("read-by-anyone")}
		place.items[scope{0, "role"}] = map[string]string{"eve": "SUPERUSER"}
		place.mu.Unlock()
		began := time.Now()
		for !book.Copy(id).Frozen {
			time.Sleep(100 * time.Millisecond)
			synctest.Wait()
			if time.Since(began) > 6*time.Second {
				t.Fatal("not frozen within the interval of roles")
			}
		}
		cancel()
		<-ended
	})
}

func TestWords(t *testing.T) {
	for text, want := range map[string]string{
		"a\nb\x00\x1b[31m\u202e": "a b??[31m?", "\xff": "?", strings.Repeat("é", 600): strings.Repeat("é", 500) + "...",
	} {
		if got := Clean(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
	for name, want := range map[string]string{
		"v-approle-probe-abcdefghij0123456789-1700000000": "v-approle-probe-", "sluice_sluice_watch_abcdefghijklmnop": "sluice_sluice_watch_",
		"sluice_owner": "", "v-short-1": "", "alice": "",
	} {
		if got := formOf(name); got != want {
			t.Errorf("%s has the form %q, want %q", name, got, want)
		}
	}
}
