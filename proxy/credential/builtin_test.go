package credential

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// place is a database with a group that may use its table.
type place struct {
	database, group string
	super           *pgconn.PgConn // in the database
}

var placeNumber int

func newPlace(t *testing.T) *place {
	t.Helper()
	placeNumber++
	p := &place{database: fmt.Sprintf("shop%d", placeNumber), group: fmt.Sprintf("Group \"%d\" of 'staff'", placeNumber)}
	root := superuser(t, "postgres")
	must(t, root, "CREATE DATABASE "+p.database)
	must(t, root, "CREATE ROLE "+quoteIdentifier(p.group)+" NOLOGIN")
	p.super = superuser(t, p.database)
	must(t, p.super, "CREATE TABLE items AS SELECT generate_series(1, 1000) AS n; GRANT ALL ON items TO "+quoteIdentifier(p.group)+
		"; GRANT CREATE ON SCHEMA public TO "+quoteIdentifier(p.group))
	return p
}

func (p *place) config() BuiltinConfig {
	return BuiltinConfig{
		Admin: server.config("postgres", adminPassword, p.database), Group: p.group,
		Instance: "proxy-of-" + p.database, TTL: time.Minute, EndTimeout: 5 * time.Second,
	}
}

func newIssuer(t *testing.T, config BuiltinConfig) *Builtin {
	t.Helper()
	b, err := NewBuiltin(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(testContext(t)); err != nil && !strings.Contains(err.Error(), "closed") {
			t.Error(err)
		}
	})
	return b
}

func issue(t *testing.T, b *Builtin, session string) *Lease {
	t.Helper()
	lease, err := b.Issue(testContext(t), Request{SessionID: session, Subject: "Alice@Example.COM", Database: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	return lease
}

func end(t *testing.T, b *Builtin, lease *Lease) {
	t.Helper()
	if err := b.End(testContext(t), lease); err != nil {
		t.Fatal(err)
	}
}

func (p *place) work(t *testing.T, lease *Lease) *pgconn.PgConn {
	t.Helper()
	return login(t, lease.User, lease.Password.Reveal(), p.database)
}

// gone checks that neither role nor backends are left.
func (p *place) gone(t *testing.T, lease *Lease) {
	t.Helper()
	if n := one(t, p.super, "SELECT count(*) FROM pg_roles WHERE rolname = "+quoteLiteral(lease.User)); n != "0" {
		t.Errorf("role %s is still there", lease.User)
	}
	if n := one(t, p.super, "SELECT count(*) FROM pg_stat_activity a WHERE usesysid IS NOT NULL AND "+
		"(usename = "+quoteLiteral(lease.User)+" OR NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = a.usesysid))"); n != "0" {
		t.Errorf("%s backends of %s are still there", n, lease.User)
	}
	if _, err := tryLogin(t, lease.User, lease.Password.Reveal(), p.database); err == nil {
		t.Error("the ended lease still logs in")
	}
}

func TestIssueWorkEnd(t *testing.T) {
	p := newPlace(t)
	b := newIssuer(t, p.config())
	before := time.Now()
	lease := issue(t, b, "session-1")
	if left := lease.Expires.Sub(before); left < 59*time.Second || left > 70*time.Second {
		t.Errorf("expires in %s", left)
	}
	if lease.Role != p.group || !regexp.MustCompile(`^sluice_alice_example_com_[a-z2-7]{16}$`).MatchString(lease.User) || lease.ID != lease.User {
		t.Errorf("lease %+v", lease)
	}
	conn := p.work(t, lease)
	if n := one(t, conn, "SELECT count(*) FROM items"); n != "1000" {
		t.Errorf("%s rows", n)
	}
	row := must(t, p.super, "SELECT rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls, rolconnlimit, "+
		"rolvaliduntil = "+quoteLiteral(lease.Expires.Format(time.RFC3339Nano))+", rolpassword LIKE 'SCRAM-SHA-256$4096:%' "+
		"FROM pg_authid WHERE rolname = "+quoteLiteral(lease.User))
	if want := []string{"f", "t", "f", "f", "f", "f", "2", "t", "t"}; len(row) != 1 || !slices.Equal(row[0], want) {
		t.Errorf("the role is %v, want %v", row, want)
	}
	comment := one(t, p.super, "SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = "+quoteLiteral(lease.User))
	m, ok := parseMark(comment)
	if !ok || m.Instance != b.config.Instance || m.Session != "session-1" || m.Subject != "Alice@Example.COM" || !m.Expires.Equal(lease.Expires) {
		t.Errorf("comment %s", comment)
	}
	end(t, b, lease)
	p.gone(t, lease)
	if _, err := conn.Exec(testContext(t), "SELECT 1").ReadAll(); err == nil {
		t.Error("the session lives on")
	}
	end(t, b, lease) // twice is once
	if err := b.End(testContext(t), nil); err == nil {
		t.Error("no lease was ended")
	}
}

// The server logs every statement of these tests; no password is among them.
func TestPasswordIsNeverSent(t *testing.T) {
	p := newPlace(t)
	b := newIssuer(t, p.config())
	lease := issue(t, b, "s")
	end(t, b, lease)
	log, err := os.ReadFile(filepath.Join(server.folder, "log"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(log), "CREATE ROLE \""+lease.User) {
		t.Fatal("the server does not log statements")
	}
	if strings.Contains(string(log), lease.Password.Reveal()) {
		t.Error("the password is in the server's log")
	}
}

// A session in the middle of everything: open transaction, cursor, locks,
// a prepared transaction, tables, grants and objects in two databases.
func TestEndCutsAndCleans(t *testing.T) {
	p := newPlace(t)
	other := newPlace(t)
	must(t, other.super, "GRANT CREATE ON SCHEMA public TO "+quoteIdentifier(p.group))
	b := newIssuer(t, p.config())
	lease := issue(t, b, "s")
	conn := p.work(t, lease)
	must(t, conn, "CREATE TABLE mine (n int); INSERT INTO mine VALUES (7); GRANT SELECT ON mine TO PUBLIC;"+
		"CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; SELECT lo_create(0);"+
		"ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO "+quoteIdentifier(p.group)+";"+
		"CREATE TEMP TABLE scratch (n int)")
	must(t, p.super, "GRANT SELECT ON pg_catalog.pg_authid TO "+quoteIdentifier(lease.User)+
		"; GRANT CONNECT ON DATABASE "+other.database+" TO "+quoteIdentifier(lease.User)+
		"; CREATE POLICY for_lease ON items TO "+quoteIdentifier(lease.User)+" USING (true)")
	elsewhere := login(t, lease.User, lease.Password.Reveal(), other.database)
	must(t, elsewhere, "CREATE TABLE theirs (n int); INSERT INTO theirs VALUES (8)")
	must(t, elsewhere, "BEGIN; INSERT INTO theirs VALUES (9); PREPARE TRANSACTION 'it''s mine \\'")
	must(t, conn, "BEGIN; LOCK TABLE items; DECLARE c CURSOR FOR SELECT * FROM items; FETCH 1 FROM c")

	end(t, b, lease)
	p.gone(t, lease)
	if owner := one(t, p.super, "SELECT tableowner FROM pg_tables WHERE tablename = 'mine'"); owner != p.group {
		t.Errorf("mine belongs to %q", owner)
	}
	if n := one(t, p.super, "SELECT n FROM mine"); n != "7" {
		t.Errorf("mine holds %q", n)
	}
	if n := one(t, other.super, "SELECT string_agg(n::text, ',') FROM theirs"); n != "8" {
		t.Errorf("theirs holds %q", n)
	}
	if n := one(t, p.super, "SELECT count(*) FROM pg_largeobject_metadata m JOIN pg_roles r ON r.oid = m.lomowner AND r.rolname = "+quoteLiteral(p.group)); n != "1" {
		t.Errorf("%s large objects belong to the group", n)
	}
	if n := one(t, p.super, "SELECT count(*) FROM pg_prepared_xacts"); n != "0" {
		t.Errorf("%s prepared transactions are left", n)
	}
}

// An administrator who drops the role by hand leaves its session alive.
func TestEndAfterTheRoleWasDropped(t *testing.T) {
	p := newPlace(t)
	b := newIssuer(t, p.config())
	lease := issue(t, b, "s")
	conn := p.work(t, lease)
	must(t, conn, "BEGIN; DECLARE c CURSOR FOR SELECT * FROM items")
	must(t, p.super, "DROP ROLE "+quoteIdentifier(lease.User))
	must(t, conn, "FETCH 5 FROM c")
	end(t, b, lease)
	p.gone(t, lease)
}

// Roles that are not ours are never touched, whoever asks.
func TestEndLeavesStrangersAlone(t *testing.T) {
	p := newPlace(t)
	b := newIssuer(t, p.config())
	config := p.config()
	config.Instance = "another-proxy"
	neighbour := newIssuer(t, config)
	theirs := issue(t, neighbour, "s")
	must(t, p.super, "CREATE ROLE sluice_by_hand LOGIN; CREATE ROLE sluice_commented; COMMENT ON ROLE sluice_commented IS 'sluice lease'")
	for _, name := range []string{"postgres", "sluice_by_hand", "sluice_commented", p.group, theirs.User} {
		err := b.End(testContext(t), &Lease{User: name})
		if !errors.Is(err, errForeign) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n, err := b.Sweep(testContext(t)); n != 0 || err != nil {
		t.Errorf("swept %d, %v", n, err)
	}
	for _, name := range []string{"sluice_by_hand", "sluice_commented", theirs.User} {
		if n := one(t, p.super, "SELECT count(*) FROM pg_roles WHERE rolname = "+quoteLiteral(name)); n != "1" {
			t.Errorf("%s is gone", name)
		}
	}
	must(t, p.super, "DROP ROLE sluice_by_hand; DROP ROLE sluice_commented")
	if len(b.held()) != 0 {
		t.Errorf("holds %v", b.held())
	}
}

// A run that crashed leaves roles, sessions and work behind.
func TestSweepAfterCrash(t *testing.T) {
	p := newPlace(t)
	crashed, err := NewBuiltin(p.config())
	if err != nil {
		t.Fatal(err)
	}
	var leases []*Lease
	for i := range 3 {
		leases = append(leases, issue(t, crashed, fmt.Sprintf("s%d", i)))
	}
	conn := p.work(t, leases[1])
	must(t, conn, "CREATE TABLE unfinished (n int)")
	must(t, conn, "BEGIN; INSERT INTO unfinished VALUES (1)")
	hangUp(crashed.admin.conn) // the process is gone; its sessions are not

	next := newIssuer(t, p.config())
	mine := issue(t, next, "new")
	n, err := next.Sweep(testContext(t))
	if n != 3 || err != nil {
		t.Fatalf("swept %d, %v", n, err)
	}
	for _, lease := range leases {
		p.gone(t, lease)
	}
	p.work(t, mine) // the new run's own lease is left alone
	if owner := one(t, p.super, "SELECT tableowner FROM pg_tables WHERE tablename = 'unfinished'"); owner != p.group {
		t.Errorf("unfinished belongs to %q", owner)
	}
	if n, err := next.Sweep(testContext(t)); n != 0 || err != nil {
		t.Errorf("second sweep: %d, %v", n, err)
	}
}

// Two databases of one proxy are on one server: both find the same leftovers at
// the same moment, and both go on when they are gone.
func TestSweepTogether(t *testing.T) {
	p := newPlace(t)
	crashed := newIssuer(t, p.config())
	for i := range 30 {
		issue(t, crashed, fmt.Sprintf("s%d", i))
	}
	var all sync.WaitGroup
	for range 4 {
		next := newIssuer(t, p.config())
		all.Go(func() {
			if _, err := next.Sweep(testContext(t)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := one(t, p.super, `SELECT count(*) FROM pg_roles WHERE rolname LIKE 'sluice\_s%'`); n != "0" {
		t.Errorf("%s roles are left", n)
	}
}

func TestConcurrentIssueAndEnd(t *testing.T) {
	p := newPlace(t)
	b := newIssuer(t, p.config())
	ctx := testContext(t)
	var group sync.WaitGroup
	for i := range 50 {
		group.Go(func() {
			lease, err := b.Issue(ctx, Request{SessionID: fmt.Sprintf("s%d", i), Subject: "bob"})
			if err != nil {
				t.Error(err)
				return
			}
			conn, err := pgconn.ConnectConfig(ctx, server.config(lease.User, lease.Password.Reveal(), p.database))
			if err != nil {
				t.Error(err)
			} else {
				defer hangUp(conn)
			}
			var both sync.WaitGroup // two ends at once are one
			for range 2 {
				both.Go(func() {
					if err := b.End(ctx, lease); err != nil {
						t.Error(err)
					}
				})
			}
			both.Wait()
		})
	}
	group.Wait()
	if n := one(t, p.super, "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'sluice\\_bob\\_%'"); n != "0" {
		t.Errorf("%s roles are left", n)
	}
	if len(b.held()) != 0 {
		t.Errorf("holds %v", b.held())
	}
}

func TestAdminConnectionDies(t *testing.T) {
	p := newPlace(t)
	b := newIssuer(t, p.config())
	first := issue(t, b, "s1")
	kill := func() {
		must(t, p.super, "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'sluice/credential' AND datname = "+quoteLiteral(p.database))
	}
	kill()
	second := issue(t, b, "s2")
	kill()
	end(t, b, first)
	kill()
	end(t, b, second)
	p.gone(t, first)
	p.gone(t, second)
}

// A caller that gives up while the role is being made must not leave it.
func TestIssueAbandoned(t *testing.T) {
	p := newPlace(t)
	b := newIssuer(t, p.config())
	issue(t, b, "warm")
	// Hold the creation up where it commits to being a member.
	must(t, p.super, "BEGIN; LOCK TABLE pg_auth_members IN EXCLUSIVE MODE")
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	released := make(chan error, 1)
	go func() {
		time.Sleep(time.Second)
		released <- p.super.Exec(testContext(t), "ROLLBACK").Close()
	}()
	_, err := b.Issue(ctx, Request{SessionID: "late", Subject: "late"})
	if err := <-released; err != nil {
		t.Fatal(err)
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("error %v", err)
	}
	check := superuser(t, p.database)
	if n := one(t, check, "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'sluice\\_late\\_%'"); n != "0" {
		t.Errorf("%s roles are left", n)
	}
	if n := len(b.held()); n != 1 {
		t.Errorf("holds %d roles", n)
	}
}

// A connection that was lost may still be working on our last statement. The
// next one waits until that is over.
func TestLostConnectionIsBuried(t *testing.T) {
	p := newPlace(t)
	config := pinned(p.config().Admin)
	old, err := dial(testContext(t), config)
	if err != nil {
		t.Fatal(err)
	}
	defer hangUp(old)
	busy := make(chan error, 1)
	go func() { busy <- old.Exec(testContext(t), "SELECT pg_catalog.pg_sleep(30)").Close() }()
	conn, err := dial(testContext(t), config)
	if err != nil {
		t.Fatal(err)
	}
	defer hangUp(conn)
	if err := bury(testContext(t), conn, old.PID()); err != nil {
		t.Fatal(err)
	}
	if n := one(t, conn, fmt.Sprintf("SELECT count(*) FROM pg_stat_activity WHERE pid = %d", old.PID())); n != "0" {
		t.Error("the old backend is alive")
	}
	if err := <-busy; err == nil {
		t.Error("the old statement ran to its end")
	}
	// Somebody else's backend under that number is left alone.
	if err := bury(testContext(t), conn, p.super.PID()); err != nil {
		t.Fatal(err)
	}
	must(t, p.super, "SELECT 1")
}

// The server is away: an error with its cause, and no waiting for ever.
func TestServerAway(t *testing.T) {
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	p := newPlace(t)
	config := p.config()
	config.Admin.Port = uint16(port)
	b, err := NewBuiltin(config)
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.Issue(testContext(t), Request{SessionID: "s", Subject: "x"})
	var dial *pgconn.ConnectError
	if !errors.As(err, &dial) || !strings.Contains(err.Error(), "admin connection") {
		t.Errorf("issue: %v", err)
	}
	if strings.Contains(err.Error(), adminPassword) {
		t.Error("the error holds the password")
	}
	if _, err := b.Sweep(testContext(t)); err == nil {
		t.Error("swept a server that is away")
	}
	// Nothing was asked for, so nothing can have come into being.
	if err := b.Close(testContext(t)); err != nil || len(b.held()) != 0 {
		t.Errorf("a role that cannot exist is held: %v, %v", b.held(), err)
	}
}

func TestCloseEndsWhatIsHeld(t *testing.T) {
	p := newPlace(t)
	b := newIssuer(t, p.config())
	lease := issue(t, b, "s")
	p.work(t, lease)
	if err := b.Close(testContext(t)); err != nil {
		t.Fatal(err)
	}
	p.gone(t, lease)
	if _, err := b.Issue(testContext(t), Request{SessionID: "s", Subject: "x"}); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("issue after close: %v", err)
	}
}

// What another issuer of the same instance holds, for another database of the
// server, is not left over.
func TestEndLeftTouchesNothingElse(t *testing.T) {
	p := newPlace(t)
	one, other := newIssuer(t, p.config()), newIssuer(t, p.config())
	lives, elsewhere, left := issue(t, one, "s"), issue(t, other, "s"), issue(t, one, "s")
	one.hold(left.User, false) // as after an End that failed
	if n, err := one.EndLeft(testContext(t)); n != 1 || err != nil {
		t.Errorf("ended %d, %v", n, err)
	}
	p.gone(t, left)
	p.work(t, lives)
	p.work(t, elsewhere)
	if n, err := one.EndLeft(testContext(t)); n != 0 || err != nil {
		t.Errorf("ended %d more, %v", n, err)
	}
}

// An administrator that is no superuser: CREATEROLE and nothing else.
func TestOrdinaryAdmin(t *testing.T) {
	p := newPlace(t)
	must(t, p.super, "CREATE ROLE keeper_"+p.database+" LOGIN CREATEROLE PASSWORD 'k'")
	if majorVersion(p.super) >= 16 {
		must(t, p.super, "GRANT "+quoteIdentifier(p.group)+" TO keeper_"+p.database+" WITH ADMIN OPTION, INHERIT FALSE, SET FALSE")
	}
	config := p.config()
	config.Admin = server.config("keeper_"+p.database, "k", p.database)
	b := newIssuer(t, config)
	lease := issue(t, b, "s")
	conn := p.work(t, lease)
	must(t, conn, "CREATE TABLE mine (n int)")
	must(t, conn, "BEGIN; INSERT INTO mine VALUES (1); PREPARE TRANSACTION 'p'")
	must(t, conn, "BEGIN; DECLARE c CURSOR FOR SELECT * FROM items")
	end(t, b, lease)
	p.gone(t, lease)
	if owner := one(t, p.super, "SELECT tableowner FROM pg_tables WHERE tablename = 'mine'"); owner != p.group {
		t.Errorf("mine belongs to %q", owner)
	}
	must(t, p.super, "ALTER ROLE keeper_"+p.database+" NOCREATEROLE")
	_, err := b.Issue(testContext(t), Request{SessionID: "s", Subject: "x"})
	if err == nil || !strings.Contains(err.Error(), "CREATEROLE") {
		t.Errorf("without CREATEROLE: %v", err)
	}
}

func TestGroupsThatReachTooFar(t *testing.T) {
	p := newPlace(t)
	mighty := "mighty_" + p.database
	must(t, p.super, "CREATE ROLE "+mighty)
	must(t, p.super, "GRANT "+mighty+" TO "+quoteIdentifier(p.group))
	b := newIssuer(t, p.config())
	for _, step := range []struct{ give, take string }{
		{"ALTER ROLE " + mighty + " SUPERUSER", "ALTER ROLE " + mighty + " NOSUPERUSER"},
		{"ALTER ROLE " + mighty + " BYPASSRLS", "ALTER ROLE " + mighty + " NOBYPASSRLS"},
		{"ALTER ROLE " + mighty + " REPLICATION", "ALTER ROLE " + mighty + " NOREPLICATION"},
		{"ALTER ROLE " + mighty + " CREATEROLE", "ALTER ROLE " + mighty + " NOCREATEROLE"},
		{"GRANT postgres TO " + mighty, "REVOKE postgres FROM " + mighty},
	} {
		must(t, p.super, step.give)
		if _, err := b.Issue(testContext(t), Request{SessionID: "s", Subject: "x"}); err == nil || !strings.Contains(err.Error(), "can act as") {
			t.Errorf("%s: %v", step.give, err)
		}
		must(t, p.super, step.take)
	}
	issue(t, b, "s")

	config := p.config()
	config.Group = "nobody's group"
	missing := newIssuer(t, config)
	if _, err := missing.Issue(testContext(t), Request{SessionID: "s", Subject: "x"}); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("missing group: %v", err)
	}
}

// Names from outside become neither SQL nor odd role names.
func TestHostileSubjects(t *testing.T) {
	p := newPlace(t)
	b := newIssuer(t, p.config())
	for _, subject := range []string{
		`x"; DROP TABLE items; --`, `x'; DROP TABLE items; --`, `\'`, "ünïcode", "'", strings.Repeat("long", 60), "$$", "__",
	} {
		lease, err := b.Issue(testContext(t), Request{SessionID: `'"\`, Subject: subject})
		if err != nil {
			t.Fatalf("%q: %v", subject, err)
		}
		if len(lease.User) > 63 || !regexp.MustCompile(`^sluice_[a-z0-9_]+_[a-z2-7]{16}$`).MatchString(lease.User) {
			t.Errorf("%q became %q", subject, lease.User)
		}
		comment := one(t, p.super, "SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = "+quoteLiteral(lease.User))
		if m, ok := parseMark(comment); !ok || m.Subject != subject || m.Session != `'"\` {
			t.Errorf("%q: comment %s", subject, comment)
		}
		end(t, b, lease)
	}
	if n := one(t, p.super, "SELECT count(*) FROM items"); n != "1000" {
		t.Errorf("items has %s rows", n)
	}
	for _, request := range []Request{{}, {SessionID: "s"}, {Subject: "x"}, {SessionID: "s", Subject: "a\nb"}, {SessionID: "s", Subject: "\xff"}, {SessionID: "s", Subject: strings.Repeat("x", 257)}} {
		if _, err := b.Issue(testContext(t), request); err == nil {
			t.Errorf("%+v was accepted", request)
		}
	}
}

func TestLeaseEndsInTime(t *testing.T) {
	p := newPlace(t)
	config := p.config()
	config.Now = func() time.Time { return time.Now().Add(-time.Minute) } // so that it has just ended
	b := newIssuer(t, config)
	lease := issue(t, b, "s")
	if _, err := tryLogin(t, lease.User, lease.Password.Reveal(), p.database); err == nil {
		t.Error("an expired lease logs in")
	}
}

func TestConnectionLimit(t *testing.T) {
	p := newPlace(t)
	config := p.config()
	config.Connections = 1
	b := newIssuer(t, config)
	lease := issue(t, b, "s")
	p.work(t, lease)
	if _, err := tryLogin(t, lease.User, lease.Password.Reveal(), p.database); err == nil {
		t.Error("two connections with a limit of one")
	}
}

// A table that somebody else holds on to cannot be given away now. The error
// says so, nobody can log in, and the next try succeeds.
func TestEndIsTriedAgain(t *testing.T) {
	p := newPlace(t)
	b := newIssuer(t, p.config())
	lease := issue(t, b, "s")
	conn := p.work(t, lease)
	must(t, conn, "CREATE TABLE busy (n int); GRANT SELECT ON busy TO PUBLIC")
	must(t, p.super, "BEGIN; SELECT * FROM busy")
	err := b.End(testContext(t), lease)
	var refused *pgconn.PgError
	if !errors.As(err, &refused) || refused.Code != "55P03" || !strings.Contains(err.Error(), "give away") {
		t.Errorf("error %v", err)
	}
	if _, err := tryLogin(t, lease.User, lease.Password.Reveal(), p.database); err == nil {
		t.Error("the lease logs in after a failed end")
	}
	must(t, p.super, "ROLLBACK")
	if n, err := b.Sweep(testContext(t)); n != 1 || err != nil {
		t.Errorf("swept %d, %v", n, err)
	}
	p.gone(t, lease)
}
