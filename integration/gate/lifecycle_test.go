package gate

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/proxy"
)

func TestWhoIsLetIn(t *testing.T) {
	p := startPlace(t, setup{change: func(c *proxy.Config) { c.Limits.Connections = 3 }})
	for name, c := range map[string]struct{ extra, sqlstate string }{
		"wrong password":   {"password=wrong", "28P01"},
		"unknown user":     {"user=mallory", "28P01"},
		"unknown database": {"dbname=payroll", "3D000"},
	} {
		conn, err := p.try(c.extra)
		if err == nil {
			conn.Close(t.Context())
			t.Errorf("%s was let in", name)
		} else if code(err) != c.sqlstate {
			t.Errorf("%s: got %v, want SQLSTATE %s", name, err, c.sqlstate)
		}
	}
	var open []*pgconn.PgConn
	for range 3 {
		open = append(open, p.connect(t, ""))
	}
	if _, err := p.try(""); code(err) != "53300" {
		t.Errorf("one too many: %v", err)
	}
	open[0].Close(t.Context())
	for range 100 {
		c, err := p.try("")
		if err == nil {
			c.Close(t.Context())
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Error("a freed place stays taken")
}

// A stopping proxy ends idle sessions at once, lets transactions finish, and
// cuts what is still there at the end of the grace.
func TestDrain(t *testing.T) {
	p := startPlace(t, setup{})
	onServerExec(t, "DROP TABLE IF EXISTS drained; CREATE TABLE drained (x int); ALTER TABLE drained OWNER TO "+group)
	if got := problems(p); len(got) != 0 {
		t.Errorf("these are in the way of new clients: %v", got)
	}
	idle, busy, stuck := p.connect(t, ""), p.connect(t, ""), p.connect(t, "")
	mustRun(t, busy, "BEGIN; INSERT INTO drained VALUES (1)")
	mustRun(t, stuck, "BEGIN; INSERT INTO drained VALUES (2)")
	finished := make(chan error, 1)
	go func() {
		ctx, done := context.WithTimeout(context.Background(), 3*time.Second)
		defer done()
		finished <- p.server.Shutdown(ctx)
	}()
	if err := waitClosed(idle); code(err) != "57P01" {
		t.Errorf("idle session: %v, want 57P01", err)
	}
	if got := problems(p); len(got) != 1 || got[0] != "serving" {
		t.Errorf("while it stops these are in the way of new clients: %v, want serving", got)
	}
	time.Sleep(200 * time.Millisecond)
	mustRun(t, busy, "INSERT INTO drained VALUES (3)")
	mustRun(t, busy, "COMMIT")
	if err := waitClosed(busy); code(err) != "57P01" {
		t.Errorf("session after its transaction: %v, want 57P01", err)
	}
	if _, err := p.try(""); code(err) != "57P01" {
		t.Errorf("a new client while the proxy stops: %v, want 57P01", err)
	}
	if err := <-finished; err == nil {
		t.Error("the drain ended with a transaction open, before its grace")
	}
	if n := onServer(t, "SELECT count(*) FROM drained"); n != 2 {
		t.Errorf("%d rows of the finished transaction", n)
	}
}

// waitClosed reads until the session ends and returns the FATAL it ended
// with.
func waitClosed(c *pgconn.PgConn) error {
	ctx, done := context.WithTimeout(context.Background(), 10*time.Second)
	defer done()
	for {
		if err := c.WaitForNotification(ctx); err != nil {
			return err
		}
	}
}

// Cancelling works as it does without a proxy, and only with the right key.
func TestCancel(t *testing.T) {
	p := startPlace(t, setup{})
	for _, extra := range []string{"", "max_protocol_version=3.2"} {
		c := p.connect(t, extra)
		if want := 4 + 28*strings.Count(extra, "3.2"); len(c.SecretKey()) != want {
			t.Errorf("%q: a key of %d bytes, want %d", extra, len(c.SecretKey()), want)
		}
		answer := make(chan error, 1)
		go func() { answer <- execOn(c, "SELECT pg_sleep(30)") }()
		time.Sleep(300 * time.Millisecond)
		if err := c.CancelRequest(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-answer; code(err) != "57014" {
			t.Errorf("%q: got %v, want 57014", extra, err)
		}
		mustRun(t, c, "SELECT 1")
	}
}

// At the end of its lease a session ends, and nothing of it works on: not an
// open cursor, not a running query.
func TestLeaseEnds(t *testing.T) {
	p := startPlace(t, setup{ttl: 3 * time.Second})
	c := p.connect(t, "")
	mustRun(t, c, "BEGIN; DECLARE d CURSOR WITH HOLD FOR SELECT 1; COMMIT")
	err := execOn(c, "SELECT pg_sleep(30)")
	if code(err) != "57P01" {
		t.Errorf("got %v, want 57P01", err)
	}
	for range 100 {
		if onServer(t, "SELECT count(*) FROM pg_stat_activity WHERE usename LIKE 'sluice\\_alice%'") == 0 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Error("the session works on after the end of its lease")
}

func TestIdleLimit(t *testing.T) {
	p := startPlace(t, setup{change: func(c *proxy.Config) { c.Limits.Idle = 500 * time.Millisecond }})
	idle, inside := p.connect(t, ""), p.connect(t, "")
	mustRun(t, inside, "BEGIN")
	if err := waitClosed(idle); code(err) != "57P05" {
		t.Errorf("idle session: %v, want 57P05", err)
	}
	time.Sleep(time.Second)
	mustRun(t, inside, "COMMIT")
}

// DISCARD ALL and RESET ALL pass, and leave the session what it was.
func TestResets(t *testing.T) {
	p := startPlace(t, setup{policy: "version: 1\n"})
	c := p.connect(t, "application_name=before")
	role := func() string {
		t.Helper()
		results, err := c.Exec(t.Context(), "SELECT current_user || ' ' || current_setting('standard_conforming_strings') || ' ' || current_setting('client_encoding')").ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		return string(results[0].Rows[0][0])
	}
	for _, reset := range []string{
		"RESET ALL", "DISCARD ALL", "RESET standard_conforming_strings", "SET client_encoding = 'UTF8'",
		"SET standard_conforming_strings = on", "RESET ROLE", "DEALLOCATE ALL", "CLOSE ALL", "UNLISTEN *",
	} {
		mustRun(t, c, reset)
		if got := role(); got != group+" on UTF8" {
			t.Errorf("after %s: %s", reset, got)
		}
	}
}

// What ends unfinished is undone by the server, and the proxy sees to it
// that the server knows.
func TestClientGoesAway(t *testing.T) {
	p := startPlace(t, setup{})
	onServerExec(t, "DROP TABLE IF EXISTS unfinished; CREATE TABLE unfinished (x int); ALTER TABLE unfinished OWNER TO "+group)
	c := p.connect(t, "")
	mustRun(t, c, "BEGIN; INSERT INTO unfinished VALUES (1)")
	c.Conn().Close()
	for range 200 {
		if p.server.Sessions() == 0 && onServer(t, "SELECT count(*) FROM pg_stat_activity WHERE usename LIKE 'sluice\\_alice%'") == 0 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if n := onServer(t, "SELECT count(*) FROM unfinished"); n != 0 {
		t.Errorf("%d rows of an unfinished transaction", n)
	}
	onServerExec(t, "BEGIN; LOCK TABLE unfinished IN ACCESS EXCLUSIVE MODE NOWAIT; COMMIT")
}
