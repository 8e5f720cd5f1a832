package leases

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// leaseCase is something that happens around a session with this application
// name. It returns what the person saw.
type leaseCase struct {
	name string
	do   func(t *testing.T, s *stage, application string) string
}

var cases = []leaseCase{
	{"a session comes and goes", comesAndGoes},
	{"three sessions share a lease, and leave one by one", share},
	{"a purpose that no rule is for", func(t *testing.T, s *stage, application string) string {
		_, err := s.connect(t.Context(), application, "look-around")
		return words(err)
	}},
	{"the lease is renewed while the session works", renewed},
	{"the lease reaches its longest life, between transactions", longestLifeIdle},
	{"the lease reaches its longest life inside a transaction", longestLifeInTransaction},
	{"the lease reaches its longest life inside COPY TO", longestLifeInCopy},
	{"the lease reaches its longest life inside COPY FROM STDIN", longestLifeInCopyIn},
	{"the lease is revoked in Vault, the session idle with an open cursor", revokedIdle},
	{"the lease is revoked in Vault, under a query", revokedUnderQuery},
	{"Sluice's own token is revoked in Vault", loginRevoked},
	{"an administrator drops the role at the server", dropped},
	{"an open cursor over DROP ROLE", cursorOverDropRole},
	{"the policy gives the role to nobody any more", withdrawn},
	{"Vault is sealed while a session works, and somebody else comes", sealed},
	{"Vault is killed while a session works, and comes back", vaultKilled},
	{"Vault is away until the lease is over", awayTooLong},
	{"Vault's clock jumps a day ahead and a day back with every answer", vaultsClockJumps},
	{"the database's clock is a day ahead of Vault's", databasesClockIsAhead},
	{"a stream of changes (pg_recvlogical) until its lease ends", feeds},
	{"a stream of changes where no role of Vault's is for it", feedsNobody},
	{"nothing that Sluice could end sessions with (no control_role)", withoutControl},
	{"a password that others may know, of a static role", sharedStatic},
	{"a password that others may know, kept in Vault (KV)", sharedKept},
	{"Sluice is killed with open sessions and starts again", killed},
	{"200 sessions at once", crowd},
}

func comesAndGoes(t *testing.T, s *stage, application string) string {
	c := s.mustConnect(t, application, "migrate")
	role := mustQuery(t, c, "SELECT session_user || ' as ' || current_user")
	if user := s.gate.Target().User; !strings.HasPrefix(role, "sluice_shop_migrate_"+user) || !strings.HasSuffix(role, " as shop_owner") {
		t.Errorf("the session is %s; want a role of Vault's with the name %s in it, as shop_owner", role, user)
	}
	session := events(t, s.gate, application)[0].Session
	if name, want := s.nameAtServer(t, c), fmt.Sprintf("%s [sluice %s %s]", application, s.gate.Target().User, session[:10]); name != want {
		t.Errorf("the server calls the session %q; want %q, as the trail does", name, want)
	}
	mustQuery(t, c, "CREATE TABLE made_by_session (n int)")
	owner := mustQuery(t, c, "SELECT tableowner FROM pg_tables WHERE tablename = 'made_by_session'")
	mustQuery(t, c, "DROP TABLE made_by_session")
	return fmt.Sprintf("%v; a table it makes belongs to %s", words(c.Close(t.Context())), owner)
}

// nameAtServer is the application name under which the server has a session.
func (s *stage) nameAtServer(t *testing.T, c *pgconn.PgConn) string {
	t.Helper()
	return s.world.Query(t, "postgres", "SELECT application_name FROM pg_stat_activity WHERE pid = "+mustQuery(t, c, "SELECT pg_backend_pid()"))[0][0]
}

func share(t *testing.T, s *stage, application string) string {
	var sessions []*pgconn.PgConn
	seen := map[string]bool{}
	for range 3 {
		c := s.mustConnect(t, application, "copy-out")
		seen[mustQuery(t, c, "SELECT session_user")] = true
		sessions = append(sessions, c)
	}
	fourth := s.mustConnect(t, application, "copy-out")
	other := !seen[mustQuery(t, fourth, "SELECT session_user")]
	fourth.Close(t.Context())
	var last error
	for i, c := range sessions {
		_, last = query(t.Context(), c, "SELECT 1")
		c.Close(t.Context())
		if roles, _ := s.roles(t); i < 2 && len(roles) == 0 {
			t.Error("the lease went with a session that was not the last")
		}
	}
	return fmt.Sprintf("%d role for three, another for the fourth: %t; the last: %s", len(seen), other, words(last))
}

// works has a session work for a while, and returns the error that ended it, and
// what it was told.
func (s *stage) works(t *testing.T, application, purpose string, d time.Duration, step func(*pgconn.PgConn) error) (told []string, err error) {
	t.Helper()
	config, err := pgconn.ParseConfig(s.dsn(application, purpose))
	if err != nil {
		t.Fatal(err)
	}
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		told = append(told, inMessages.ReplaceAllString(n.Message, "…"))
	}
	c, err := pgconn.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatalf("connect: %v\n%s", err, s.gate.Log())
	}
	defer c.Close(t.Context())
	for end := time.Now().Add(d); time.Now().Before(end); {
		if err := step(c); err != nil {
			return told, err
		}
	}
	return told, nil
}

// looks is a step that asks something ten times a second.
func looks(c *pgconn.PgConn) error {
	time.Sleep(100 * time.Millisecond)
	_, err := query(context.Background(), c, "SELECT 1")
	return err
}

func renewed(t *testing.T, s *stage, application string) string {
	began := time.Now()
	told, err := s.works(t, application, "migrate", briefTTL+time.Second, looks)
	issued := s.tap.since(began, "database/creds/shop-migrate")
	if len(issued) != 1 {
		t.Fatalf("%d leases were asked for", len(issued))
	}
	// The next renewal comes after this session.
	const due = briefTTL * 2 / 3
	renewals := s.tap.since(issued[0], "sys/leases/renew")
	if len(renewals) != 1 || (renewals[0].Sub(issued[0])-due).Abs() > time.Second {
		t.Errorf("renewed at %v; want once, %s after %s, give or take a second", renewals, due, issued[0])
	}
	return words(err) + " for longer than the lease was given; told: " + list(told)
}

func list(told []string) string {
	if len(told) == 0 {
		return "nothing"
	}
	return strings.Join(told, "; ")
}

func longestLifeIdle(t *testing.T, s *stage, application string) string {
	began := time.Now()
	told, err := s.works(t, application, "migrate", time.Minute, looks)
	notLaterThan(t, began, briefMax)
	return words(err) + "; told: " + list(told)
}

// notLaterThan fails if a session lived longer than its lease; a second is for
// this machine.
func notLaterThan(t *testing.T, began time.Time, most time.Duration) {
	t.Helper()
	if took := time.Since(began); took > most+time.Second {
		t.Errorf("the session lived for %s, its lease for %s", took, most)
	}
}

func longestLifeInTransaction(t *testing.T, s *stage, application string) string {
	s.keepsNothing(t)
	began := time.Now()
	open := false
	told, err := s.works(t, application, "migrate", time.Minute, func(c *pgconn.PgConn) error {
		if open {
			return looks(c)
		}
		open = true
		_, err := query(context.Background(), c, "BEGIN; INSERT INTO kept VALUES (1)")
		return err
	})
	notLaterThan(t, began, briefMax)
	return words(err) + "; told: " + list(told) + "; rows kept: " + s.kept(t)
}

// keepsNothing makes a table without rows; kept counts those it has then.
func (s *stage) keepsNothing(t *testing.T) {
	t.Helper()
	s.world.Exec(t, "shop", "CREATE TABLE IF NOT EXISTS kept (n int); ALTER TABLE kept OWNER TO shop_owner; TRUNCATE kept")
}

func (s *stage) kept(t *testing.T) string {
	t.Helper()
	return s.world.Query(t, "shop", "SELECT count(*) FROM kept")[0][0]
}

func longestLifeInCopy(t *testing.T, s *stage, application string) string {
	c := s.mustConnect(t, application, "migrate")
	began := time.Now()
	_, err := c.CopyTo(t.Context(), io.Discard, "COPY (SELECT i, pg_sleep(0.2) FROM generate_series(1, 1000) i) TO STDOUT")
	notLaterThan(t, began, briefMax)
	return words(err)
}

// drip is COPY data without end, a row at a time.
type drip struct{}

func (drip) Read(p []byte) (int, error) {
	time.Sleep(100 * time.Millisecond)
	return copy(p, "1\n"), nil
}

func longestLifeInCopyIn(t *testing.T, s *stage, application string) string {
	s.keepsNothing(t)
	c := s.mustConnect(t, application, "migrate")
	began := time.Now()
	_, err := c.CopyFrom(t.Context(), drip{}, "COPY kept FROM STDIN")
	notLaterThan(t, began, briefMax)
	return words(err) + "; rows kept: " + s.kept(t)
}

// revokedWithin is how soon a session has to end whose lease was taken away.
const revokedWithin = 5 * time.Second

// revokeAll revokes every lease to read in Vault.
func (s *stage) revokeAll(t *testing.T) {
	t.Helper()
	for _, id := range s.vault.Root().List(t, "sys/leases/lookup/database/creds/shop-read") {
		s.vault.Root().Write(t, "sys/leases/revoke", map[string]any{"lease_id": "database/creds/shop-read/" + id})
	}
}

// gone waits until no backend of a lease is at the server.
func (s *stage) gone(t *testing.T, began time.Time) {
	t.Helper()
	await(t, "the backend to end", func() bool {
		return s.world.Query(t, "postgres", "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'case-%'")[0][0] == "0"
	})
	if took := time.Since(began); took > revokedWithin {
		t.Errorf("the backend lived on for %s; at most %s", took, revokedWithin)
	}
}

func revokedIdle(t *testing.T, s *stage, application string) string {
	c := s.mustConnect(t, application, "read")
	mustQuery(t, c, "BEGIN; DECLARE c CURSOR WITH HOLD FOR SELECT * FROM generate_series(1, 1000); COMMIT; FETCH 1 FROM c")
	began := time.Now()
	s.revokeAll(t)
	s.gone(t, began)
	_, err := query(t.Context(), c, "FETCH 1 FROM c")
	return words(err)
}

// under runs a query and does something once the server has it.
func (s *stage) under(t *testing.T, application string, then func()) error {
	t.Helper()
	c := s.mustConnect(t, application, "read")
	result := make(chan error, 1)
	go func() {
		_, err := query(context.Background(), c, "SELECT pg_sleep(40)")
		result <- err
	}()
	await(t, "the query to run", func() bool {
		return s.world.Query(t, "postgres", "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE '"+application+"%' AND query LIKE '%pg_sleep%'")[0][0] == "1"
	})
	then()
	return <-result
}

func revokedUnderQuery(t *testing.T, s *stage, application string) string {
	return words(s.under(t, application, func() {
		began := time.Now()
		s.revokeAll(t)
		s.gone(t, began)
	}))
}

// loginRevoked has what Vault does to whoever logged in with the AppRole take the
// leases along. Sluice logs in again.
func loginRevoked(t *testing.T, s *stage, application string) string {
	s.vault.Mine(t, "revoke all logins with an AppRole of")
	c := s.mustConnect(t, application, "read")
	began := time.Now()
	root, revoked := s.vault.Root(), 0
	for _, accessor := range root.List(t, "auth/token/accessors") {
		body := map[string]any{"accessor": accessor}
		token, err := root.Do(t.Context(), http.MethodPut, "auth/token/lookup-accessor", body) // it may have ended meanwhile
		if err == nil && token.Data["path"] == "auth/approle/login" {
			root.Write(t, "auth/token/revoke-accessor", body)
			revoked++
		}
	}
	if revoked != 1 {
		t.Errorf("%d logins were revoked, and Sluice has one", revoked)
	}
	s.gone(t, began)
	_, err := query(t.Context(), c, "SELECT 1")
	s.worksAgain(t, "again")
	// The login with which Sluice ends sessions goes as well: it may be cut off while
	// it looks whether this one is gone, and has to come again.
	const either = "credential.revoked, or first credential.not_revoked"
	s.elsewhere = strings.NewReplacer("; the credential could not be revoked", "", "credential.not_revoked", either, "credential.revoked", either).
		Replace(s.onTrail(t, s.gate, application))
	return words(err) + "; then a new session works"
}

func dropped(t *testing.T, s *stage, application string) string {
	return words(s.under(t, application, func() {
		began := time.Now()
		roles, _ := s.roles(t)
		for _, role := range roles {
			s.world.Exec(t, "postgres", `DROP ROLE "`+role+`"`)
		}
		s.gone(t, began)
	}))
}

// cursorOverDropRole has a session read on from an open cursor when its role is
// gone: PostgreSQL does not mind, Sluice does. Now and then Sluice is quicker than
// the one FETCH; then it is done again.
func cursorOverDropRole(t *testing.T, s *stage, application string) string {
	for range 5 {
		c := s.mustConnect(t, application, "read")
		mustQuery(t, c, "BEGIN; DECLARE c CURSOR FOR SELECT i FROM generate_series(1, 100000) i; FETCH 10 FROM c")
		roles, _ := s.roles(t)
		began := time.Now()
		for _, role := range roles {
			s.world.Exec(t, "postgres", `DROP ROLE "`+role+`"`)
		}
		row, err := query(t.Context(), c, "FETCH 1 FROM c")
		nameless := s.world.Query(t, "postgres", "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE '"+application+"%' AND usename IS NULL")[0][0]
		s.gone(t, began)
		if err != nil || nameless != "1" {
			continue
		}
		_, err = query(t.Context(), c, "FETCH 1 FROM c")
		return fmt.Sprintf("row %s after DROP ROLE, from a backend of no role; soon after: %s", row, words(err))
	}
	t.Error("nothing was read after DROP ROLE")
	return ""
}

func withdrawn(t *testing.T, s *stage, application string) string {
	c := s.mustConnect(t, application, "read")
	path := filepath.Join(s.gate.Dir(), "policy.yaml")
	swap := func(text string) {
		loads := strings.Count(s.gate.Log(), "policy reloaded")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		await(t, "the policy to be in force", func() bool { return strings.Count(s.gate.Log(), "policy reloaded") > loads })
	}
	swap(strings.Replace(policyText, "id: own, purposes: [read]", "id: own, users: [nobody], purposes: [read]", 1))
	_, err := query(t.Context(), c, "SELECT 1")
	swap(policyText)
	return words(err)
}

func sealed(t *testing.T, s *stage, application string) string {
	c := s.mustConnect(t, application, "read")
	s.vault.Seal(t)
	_, other := s.connect(t.Context(), "other", "read")
	_, err := query(t.Context(), c, "SELECT 1")
	s.vault.Unseal(t)
	c.Close(t.Context())
	return words(err) + "; the other: " + words(other)
}

func vaultKilled(t *testing.T, s *stage, application string) string {
	c := s.mustConnect(t, application, "read")
	s.vault.Kill(t)
	_, other := s.connect(t.Context(), "other", "read")
	_, err := query(t.Context(), c, "SELECT 1")
	c.Close(t.Context())
	s.vault.Restart(t)
	s.vault.Unseal(t)
	s.worksAgain(t, "again")
	return words(err) + "; the other: " + words(other)
}

func awayTooLong(t *testing.T, s *stage, application string) string {
	began := time.Now()
	down := false
	told, err := s.works(t, application, "migrate", time.Minute, func(c *pgconn.PgConn) error {
		if !down {
			down = true
			s.vault.Seal(t)
		}
		return looks(c)
	})
	notLaterThan(t, began, briefTTL)
	s.onTrail(t, s.gate, application) // its end, which Vault does not hear of yet
	s.vault.Unseal(t)
	return words(err) + "; told: " + list(told)
}

func killed(t *testing.T, s *stage, application string) string {
	one, two := s.mustConnect(t, application, "read"), s.mustConnect(t, application, "copy-out")
	mustQuery(t, one, "BEGIN")
	goesOn := s.sleeps(t, application)
	s.gate.Kill(t)
	_, err := query(t.Context(), one, "SELECT 1")
	two.Close(t.Context())
	without := goesOn()
	s.gate.Start(t)
	s.awaitNothingLeft(t)
	with := goesOn()
	s.worksAgain(t, application)
	return fmt.Sprintf("%s; a long query goes on without Sluice: %t, when it has started: %t; then a new session works", words(err), without, with)
}

// sleeps has a session run a query for longer than any case takes, which no end of
// a connection interrupts. It returns whether the server still works on it.
func (s *stage) sleeps(t *testing.T, application string) (goesOn func() bool) {
	t.Helper()
	c := s.mustConnect(t, application, "read")
	pid := mustQuery(t, c, "SELECT pg_backend_pid()")
	goesOn = func() bool {
		return s.world.Query(t, "postgres", fmt.Sprintf("SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND query LIKE '%%pg_sleep(120)%%'", pid))[0][0] == "1"
	}
	go func() { _, _ = query(context.Background(), c, "SELECT pg_sleep(120)") }() // it fails with its session
	await(t, "the query to run", goesOn)
	return goesOn
}

// worksAgain waits until somebody can work.
func (s *stage) worksAgain(t *testing.T, application string) {
	t.Helper()
	await(t, "a session to work again", func() bool {
		again, err := s.connect(t.Context(), application, "read")
		if err == nil {
			again.Close(t.Context())
		}
		return err == nil
	})
}

func crowd(t *testing.T, s *stage, application string) string {
	var all sync.WaitGroup
	var ok atomic.Int64
	open := make(chan struct{})
	for range 200 {
		all.Go(func() {
			c, err := s.connect(context.Background(), application, "read")
			if err != nil {
				t.Errorf("connect: %v", err)
				return
			}
			defer c.Close(context.Background())
			if _, err := query(context.Background(), c, "SELECT 1"); err == nil {
				ok.Add(1)
			}
			<-open
		})
	}
	await(t, "all to work", func() bool { return ok.Load() == 200 || t.Failed() })
	_, backends := s.roles(t)
	close(open)
	all.Wait()
	return fmt.Sprintf("%d of 200 worked at once, with %d roles", ok.Load(), backends)
}
