package watch

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/audit/ledger"
	"github.com/sluice-pg/sluice/integration/harness"
)

// short has leases that are as short as they can be.
var short = says{After: "2h", Lease: "1m", Remind: "119m50s", Latent: "alert", Object: "freeze", Server: "freeze", Unknown: "block"}

// TestDeadWatcher kills the proxy: when the lease has ended nobody reads anything.
// After a restart what is overdue is done, and the rest can be read again.
func TestDeadWatcher(t *testing.T) {
	t.Parallel()
	for _, version := range harness.VersionsOr(t, 15) {
		t.Run(fmt.Sprint(version), func(t *testing.T) { testDeadWatcher(t, version) })
	}
}

func testDeadWatcher(t *testing.T, version int) {
	s := newStage(t, version, short)
	ids := s.carry(t, "stays", "goes?expires=1m")
	s.well(t)
	began := time.Now()
	s.first(t, began.Add(-time.Minute), 30*time.Second, "a reminder", ofCopy("copy.reminded", ids["stays"]))
	s.gate.Kill(t)
	killed := time.Now()
	reader := s.anna(t)
	if n := reads(reader, "SELECT count(*) FROM crm.stays"); n != "2000" {
		t.Errorf("anna reads %s before the lease ends", n)
	}
	for reads(reader, "SELECT count(*) FROM crm.stays") != "0" {
		if time.Since(killed) > 65*time.Second {
			t.Fatal("the copy can be read although nobody watches it")
		}
		time.Sleep(200 * time.Millisecond)
	}
	t.Logf("nobody reads it %.1f s after the proxy was killed; the lease is 60 s", time.Since(killed).Seconds())
	restarted := time.Now()
	s.gate.Start(t)
	e := s.first(t, restarted, 30*time.Second, "the removal of what is overdue", ofCopy("copy.removed", ids["goes"]))
	t.Logf("what was overdue was removed %.2f s after the start", e.at.Sub(restarted).Seconds())
	for reader = s.anna(t); reads(reader, "SELECT count(*) FROM crm.stays") != "2000"; {
		if time.Since(restarted) > 30*time.Second {
			t.Fatal("the copy cannot be read again")
		}
		time.Sleep(200 * time.Millisecond)
	}
	t.Logf("read again %.2f s after the start", time.Since(restarted).Seconds())
	for _, e := range s.events(t) {
		if d, is := e.body.(*ledger.Drifted); is && d.Severity != ledger.SeverityLatent {
			t.Errorf("a restart led to %+v", d)
		}
		if e.kind == "copy.frozen" {
			t.Errorf("a restart led to %+v", e.body)
		}
	}
}

// testExpiry has a copy removed whose time has come.
func testExpiry(t *testing.T, s *stage, id string) {
	carried := s.ledger(t).Copy(id)
	if carried == nil {
		t.Fatalf("there is no copy %q", id)
	}
	expired := s.first(t, carried.PublishedAt, 80*time.Second, "the end of a copy's time", ofCopy("copy.expired", id))
	removed := s.first(t, expired.at.Add(-time.Millisecond), 40*time.Second, "the removal", ofCopy("copy.removed", id))
	t.Logf("removed %.2f s after its time had come", removed.at.Sub(carried.Expires).Seconds())
	if s.ask(t, "SELECT to_regclass('crm.goes')") != "" {
		t.Error("the table is still there")
	}
	if n := s.ask(t, "SELECT count(*) FROM sluice.lease WHERE copy = '"+id+"'"); n != "0" {
		t.Error("its lease is still there")
	}
	r := removed.body.(*ledger.Removed)
	if len(r.Verified) < 2 || r.Verified[0].How != ledger.HowCatalog || r.Verified[1].How != ledger.HowOutside {
		t.Errorf("verified: %+v", r.Verified)
	}
	if a := s.hook.alerts("removed"); len(a) == 0 || !strings.Contains(a[0].Summary, "its time has come") {
		t.Errorf("alerts %+v", a)
	}
}
