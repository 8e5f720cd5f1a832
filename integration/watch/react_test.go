package watch

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/audit/ledger"
	"github.com/sluice-pg/sluice/integration/harness"
)

// anna logs in at the place as somebody who may read copies.
func (s *stage) anna(t *testing.T) *pgconn.PgConn {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), s.there.DSN("anna", annas, "copies"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

// reads is what somebody gets for a question, or the code of the error.
func reads(conn *pgconn.PgConn, question string) string {
	results, err := conn.Exec(context.Background(), question).ReadAll()
	if err != nil {
		return err.Error()
	}
	for i := len(results) - 1; i >= 0; i-- {
		if len(results[i].Rows) > 0 {
			return string(results[i].Rows[0][0])
		}
	}
	return "no row"
}

func TestReactions(t *testing.T) {
	t.Parallel()
	for _, version := range harness.VersionsOr(t, 15) {
		t.Run(fmt.Sprint(version), func(t *testing.T) { testReactions(t, version) })
	}
}

// purging has server-level drift answered with removal.
var purging = says{After: "240h", Lease: "5m", Remind: "72h, 24h", Latent: "alert", Object: "freeze", Server: "purge", Unknown: "block"}

func testReactions(t *testing.T, version int) {
	s := newStage(t, version, purging)
	ids := s.carry(t, "people", "others", "third", "fourth")
	s.well(t)
	t.Run("freeze", func(t *testing.T) { testFreeze(t, s, ids["people"]) })
	t.Run("blocked", func(t *testing.T) { testBlocked(t, s) })
	t.Run("status", func(t *testing.T) { testStatus(t, s, ids["people"]) })
	t.Run("thaw", func(t *testing.T) { testThaw(t, s, ids["people"]) })
	t.Run("no rights", func(t *testing.T) { testNoRights(t, s, ids["third"]) })
	t.Run("restart", func(t *testing.T) { testRestart(t, s, ids["fourth"]) })
	t.Run("away", func(t *testing.T) { testAway(t, s, ids["others"]) })
	t.Run("purge", func(t *testing.T) { testPurge(t, s, ids) })
}

// testFreeze lets somebody grant everybody the right to read, while a reader has a
// cursor open and another has one that outlives its transaction.
func testFreeze(t *testing.T, s *stage, id string) {
	reader, held := s.anna(t), s.anna(t)
	if n := reads(reader, "SELECT count(*) FROM crm.people"); n != "2000" {
		t.Fatalf("anna reads %s", n)
	}
	reads(reader, "BEGIN; DECLARE c CURSOR FOR SELECT id FROM crm.people; FETCH 1 FROM c")
	reads(held, "BEGIN; DECLARE h CURSOR WITH HOLD FOR SELECT id FROM crm.people; COMMIT")
	if n := reads(held, "FETCH 1 FROM h"); n == "no row" {
		t.Fatal("the cursor has no row")
	}
	began := time.Now()
	s.sql(t, "GRANT SELECT ON crm.people TO PUBLIC")
	drifted := s.first(t, began, 10*time.Second, "the drift", ofCopy("copy.drifted", id))
	frozen := s.first(t, began, 15*time.Second, "the freeze", ofCopy("copy.frozen", id))
	t.Logf("GRANT SELECT TO PUBLIC: noticed after %.2f s, frozen after %.2f s", drifted.at.Sub(began).Seconds(), frozen.at.Sub(began).Seconds())
	f := frozen.body.(*ledger.Frozen)
	if len(f.Left) > 0 || len(f.Verified) == 0 {
		t.Errorf("frozen: %+v", f)
	}
	if !strings.Contains(strings.Join(f.Steps, "\n"), "ended 2 sessions") {
		t.Errorf("steps: %q", f.Steps)
	}
	for name, conn := range map[string]*pgconn.PgConn{"a cursor": reader, "a held cursor": held} {
		if got := reads(conn, "FETCH 1 FROM c"); !strings.Contains(got, "57P01") && !strings.Contains(got, "conn") {
			t.Errorf("the session with %s lives on: %s", name, got)
		}
	}
	if got := reads(s.anna(t), "SELECT count(*) FROM crm.people"); !strings.Contains(got, "42501") {
		t.Errorf("anna reads %s", got)
	}
	// Whoever owns it sees nothing either.
	if got := s.ask(t, "SET ROLE sluice_owner; SELECT count(*) FROM crm.people"); got != "0" {
		t.Errorf("the owner sees %s rows", got)
	}
	// The other copies are as they were.
	if n := reads(s.anna(t), "SELECT count(*) FROM crm.others"); n != "2000" {
		t.Errorf("anna reads %s of another copy", n)
	}
	s.first(t, frozen.at, 20*time.Second, "the recovery", ofCopy("copy.recovered", id))
	if c := s.ledger(t).Copy(id); c.State() != ledger.StateFrozen {
		t.Errorf("the copy is %s", c.State())
	}
	for _, event := range []string{"drifted", "frozen", "recovered"} {
		if len(s.hook.alerts(event)) == 0 {
			t.Errorf("no alert %s came", event)
		}
	}
}

// testThaw has people of the place take a freeze back: with everybody's rights, which
// is frozen again, and with those that were there.
func testThaw(t *testing.T, s *stage, id string) {
	began := time.Now()
	s.sql(t, `DROP POLICY "sluice_frozen_`+id+`" ON crm.people; GRANT SELECT ON crm.people TO PUBLIC`)
	s.first(t, began, 15*time.Second, "the freeze of what everybody may read", ofCopy("copy.frozen", id))
	began = time.Now()
	s.sql(t, `DROP POLICY "sluice_frozen_`+id+`" ON crm.people; GRANT SELECT (id, country) ON crm.people TO an_g; UPDATE sluice.lease SET valid_until = now() + interval '1 min' WHERE copy = '`+id+`'`)
	s.first(t, began, 20*time.Second, "the thaw", ofCopy("copy.thawed", id))
	anna := s.anna(t)
	for end := time.Now().Add(20 * time.Second); reads(anna, "SELECT count(*) FROM crm.people") != "2000"; time.Sleep(200 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("anna cannot read it again")
		}
	}
}

// testBlocked asks for a copy while one is frozen.
func testBlocked(t *testing.T, s *stage) {
	r := s.psql(t, "COPY crm.guests TO 'sluice://analytics/crm.fifth'")
	if r.Exit == 0 || !strings.Contains(r.Stderr, "given no new copy") || !strings.Contains(r.Stderr, "frozen") {
		t.Errorf("exit %d:\n%s", r.Exit, r.Stderr)
	}
	t.Log(strings.TrimSpace(r.Stderr))
}

// testStatus asks how the watch is, as a person does.
func testStatus(t *testing.T, s *stage, frozen string) {
	out, err := exec.CommandContext(t.Context(), s.binary, "watch", "status", "--url", fmt.Sprintf("http://127.0.0.1:%d/copies/watch", s.admin)).Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("%v: something is frozen, and that is not well", err)
	}
	text := string(out)
	t.Log("\n" + text)
	for _, line := range []string{"analytics", "no new copies since", frozen + "  frozen"} {
		if !strings.Contains(text, line) {
			t.Errorf("it does not say %q", line)
		}
	}
	for _, name := range []string{"crm", "people", "anna", "sluice_", "PUBLIC"} {
		if strings.Contains(text, name) {
			t.Errorf("it names %s", name)
		}
	}
}

// testNoRights takes the reactor's rights away, and then protects less.
func testNoRights(t *testing.T, s *stage, id string) {
	began := time.Now()
	s.sql(t, "REVOKE sluice_owner FROM sluice_reactor")
	e := s.first(t, began, 10*time.Second, "the loss of the rights", ofCopy("copy.drifted", id))
	if d := e.body.(*ledger.Drifted); d.Severity != ledger.SeverityUnknown {
		t.Errorf("severity %s", d.Severity)
	}
	began = time.Now()
	s.sql(t, "GRANT SELECT ON crm.third TO PUBLIC")
	frozen := s.first(t, began, 15*time.Second, "the try to freeze", ofCopy("copy.frozen", id)).body.(*ledger.Frozen)
	if len(frozen.Left) == 0 {
		t.Errorf("frozen without rights: %+v", frozen)
	}
	t.Logf("left: %q", frozen.Left)
	if len(s.hook.alerts("not frozen")) == 0 {
		t.Error("no alert that it is not frozen")
	}
	s.sql(t, "GRANT sluice_owner TO sluice_reactor")
	s.first(t, began, 30*time.Second, "the freeze", func(e event) bool {
		f, is := e.body.(*ledger.Frozen)
		return is && f.Copy == id && len(f.Left) == 0
	})
}

// testRestart kills the proxy in the middle of a reaction that cannot be done at once,
// because a superuser holds a lock.
func testRestart(t *testing.T, s *stage, id string) {
	root, err := pgconn.Connect(t.Context(), s.there.SuperuserDSN("copies"))
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close(context.WithoutCancel(t.Context()))
	reads(root, "BEGIN; SELECT 1 FROM crm.fourth LIMIT 1")
	began := time.Now()
	s.sql(t, "GRANT SELECT ON crm.fourth TO PUBLIC")
	s.first(t, began, 10*time.Second, "the drift", ofCopy("copy.drifted", id))
	s.gate.Kill(t)
	reads(root, "ROLLBACK")
	restarted := time.Now()
	s.gate.Start(t)
	frozen := s.first(t, restarted, 30*time.Second, "the freeze", func(e event) bool {
		f, is := e.body.(*ledger.Frozen)
		return is && f.Copy == id && len(f.Left) == 0
	})
	t.Logf("frozen %.2f s after the restart", frozen.at.Sub(restarted).Seconds())
	if got := reads(s.anna(t), "SELECT count(*) FROM crm.fourth"); !strings.Contains(got, "42501") {
		t.Errorf("anna reads %s", got)
	}
}

// testAway has the place go away and come back.
func testAway(t *testing.T, s *stage, id string) {
	began := time.Now()
	s.first(t, began.Add(-time.Minute), 20*time.Second, "a measurement", func(e event) bool { return e.kind == "place.measured" })
	if err := s.there.Kill(); err != nil {
		t.Fatal(err)
	}
	e := s.first(t, began, 40*time.Second, "that it is away", ofCopy("copy.drifted", id))
	if d := e.body.(*ledger.Drifted); d.Severity != ledger.SeverityUnknown {
		t.Errorf("severity %s", d.Severity)
	}
	t.Logf("unknown after %.2f s", e.at.Sub(began).Seconds())
	if err := s.there.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	back := time.Now()
	e = s.first(t, back, 40*time.Second, "the recovery", ofCopy("copy.recovered", id))
	t.Logf("well %.2f s after it is back", e.at.Sub(back).Seconds())
	if n := reads(s.anna(t), "SELECT count(*) FROM crm.others"); n != "2000" {
		t.Errorf("anna reads %s", n)
	}
}

// testPurge lets everybody in.
func testPurge(t *testing.T, s *stage, ids map[string]string) {
	began := time.Now()
	if err := s.there.SetHBA(t.Context(), append([]string{"host all all 127.0.0.1/32 trust"}, safeHBA...)); err != nil {
		t.Fatal(err)
	}
	id := ids["others"]
	drifted := s.first(t, began, 60*time.Second, "the drift", ofCopy("copy.drifted", id))
	frozen := s.first(t, began, 60*time.Second, "the freeze", ofCopy("copy.frozen", id))
	purged := s.first(t, began, 60*time.Second, "the purge", func(e event) bool {
		p, is := e.body.(*ledger.Purged)
		return is && p.Copy == id && len(p.Left) == 0
	})
	t.Logf("pg_hba trust + reload: noticed after %.2f s, frozen after %.2f s, purged after %.2f s",
		drifted.at.Sub(began).Seconds(), frozen.at.Sub(began).Seconds(), purged.at.Sub(began).Seconds())
	if d := drifted.body.(*ledger.Drifted); d.Severity != ledger.SeverityServer {
		t.Errorf("severity %s", d.Severity)
	}
	p := purged.body.(*ledger.Purged)
	if !slices.ContainsFunc(p.Verified, func(e ledger.Evidence) bool { return e.How == ledger.HowOutside }) {
		t.Errorf("verified: %+v", p.Verified)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		left := s.ask(t, "SELECT string_agg(relname, ' ') FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = 'crm'")
		if left == "" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("still there: %s", left)
		}
	}
	if err := s.there.SetHBA(t.Context(), safeHBA); err != nil {
		t.Fatal(err)
	}
}
