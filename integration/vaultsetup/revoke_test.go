package vaultsetup

import (
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/integration/vaultserver"
)

// Revoking a lease ends its sessions, in whatever they are, and whoever
// revokes it: Vault does it, not the proxy.
func revocationEndsSessions(t *testing.T, s *Stage, sluice *vaultserver.Client) {
	c, token := s.issue(t, sluice, "shop-migrate", "anna")
	idle := s.login(t, c, "shop_owner")
	cursor := s.login(t, c, "shop_owner")
	must(t, cursor, "BEGIN; DECLARE c CURSOR FOR SELECT generate_series(1, 100000); FETCH 10 FROM c")
	locked := s.login(t, c, "shop_owner")
	must(t, locked, "CREATE TABLE public.kept (a int)")
	must(t, locked, "BEGIN; CREATE TABLE public.lost (a int); LOCK TABLE public.kept")
	temporary := s.login(t, c, "")
	must(t, temporary, "CREATE TEMPORARY TABLE mine (a int)")
	busy := s.login(t, c, "shop_owner")
	slept := make(chan error, 1)
	go func() {
		_, err := busy.Exec(t.Context(), "SELECT pg_sleep(60)").ReadAll()
		slept <- err
	}()
	// The token is what a lease hangs from: it ends the lease with it.
	token.Write(t, "auth/token/revoke-self", nil)
	await(t, "roles", func() string {
		return s.super(t, "SELECT string_agg(rolname, ' ') FROM pg_roles WHERE rolname = "+literal(c.User))
	})
	if err := <-slept; err == nil {
		t.Error("a statement went on to its end")
	}
	s.gone(t, c, idle, cursor, locked, temporary, busy)
	if s.Vault.LeaseAlive(t, c.LeaseID) {
		t.Error("the lease outlived its token")
	}
	if got := s.super(t, "SELECT string_agg(tablename, ' ') FROM pg_tables WHERE tablename IN ('kept', 'lost')"); got != "kept" {
		t.Errorf("of the tables that were committed and not, there is %q", got)
	}
}

// A login that owns things, because it made them before it became its group,
// leaves them to the group.
func revocationOfAnOwner(t *testing.T, s *Stage, sluice *vaultserver.Client) {
	s.super(t, "CREATE SCHEMA careless; GRANT USAGE, CREATE ON SCHEMA careless TO PUBLIC")
	for role, as := range group {
		c, _ := s.issue(t, sluice, role, "anna")
		conn := s.login(t, c, "")
		must(t, conn, `CREATE TABLE careless.t (id serial PRIMARY KEY);
CREATE FUNCTION careless.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
GRANT SELECT ON careless.t TO PUBLIC; ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC`)
		s.Vault.Revoke(t, c.LeaseID)
		s.gone(t, c, conn)
		owners := s.super(t, `SELECT string_agg(DISTINCT pg_get_userbyid(o), ' ') FROM (
  SELECT relowner o FROM pg_class WHERE relnamespace = 'careless'::regnamespace
  UNION SELECT proowner FROM pg_proc WHERE pronamespace = 'careless'::regnamespace) x`)
		if owners != as {
			t.Errorf("%s: what the login had belongs to %q, want %s", role, owners, as)
		}
		s.super(t, "DROP TABLE careless.t; DROP FUNCTION careless.f()")
	}
}

// A login that an administrator has dropped is no reason to fail for ever.
func revocationOfNobody(t *testing.T, s *Stage, sluice *vaultserver.Client) {
	c, _ := s.issue(t, sluice, "shop-read", "anna")
	s.super(t, `DROP ROLE "`+c.User+`"`)
	s.Vault.Revoke(t, c.LeaseID)
	if s.Vault.LeaseAlive(t, c.LeaseID) {
		t.Error("the lease of a login that does not exist cannot be ended")
	}
}

// What keeps a login from being dropped keeps nobody from being locked out. A
// prepared transaction outlives its session, objects in another database cannot
// be given away from this one, and a right is taken back by who granted it.
func revocationOfTheUndroppable(t *testing.T, s *Stage, sluice *vaultserver.Client) {
	s.super(t, "CREATE SCHEMA IF NOT EXISTS loose; GRANT USAGE, CREATE ON SCHEMA loose TO PUBLIC")
	s.super(t, "CREATE DATABASE theirs")
	for what, c := range map[string]struct{ login, database, super, undo string }{
		"prepared transaction": {
			login: "BEGIN; CREATE TABLE loose.t (a int); PREPARE TRANSACTION 'left'",
			undo:  "ROLLBACK PREPARED 'left'",
		},
		"object elsewhere": {
			database: "theirs", super: `CREATE TABLE t (a int); ALTER TABLE t OWNER TO "LOGIN"`,
			undo: "DROP DATABASE theirs",
		},
		"right": {
			database: Database, super: `GRANT SELECT ON products TO "LOGIN"`,
			undo: `REVOKE SELECT ON products FROM "LOGIN"`,
		},
	} {
		login, _ := s.issue(t, sluice, "shop-read", "anna")
		conn := s.login(t, login, "")
		if c.login != "" {
			must(t, conn, c.login)
		} else {
			s.inDatabase(t, c.database, strings.ReplaceAll(c.super, "LOGIN", login.User))
		}
		s.Vault.Revoke(t, login.LeaseID)
		s.lockedOut(t, login, conn)
		role := "rolname = " + literal(login.User)
		if got := s.super(t, "SELECT rolcanlogin OR rolpassword IS NOT NULL FROM pg_authid WHERE "+role); got != "f" {
			t.Errorf("%s: the role can be used (%q)", what, got)
		}
		if got := s.super(t, "SELECT count(*) FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member WHERE "+role); got != "0" {
			t.Errorf("%s: the role is a member of %s others", what, got)
		}
		s.super(t, strings.ReplaceAll(c.undo, "LOGIN", login.User))
		s.super(t, `DROP ROLE "`+login.User+`"`)
	}
}

// The control login ends sessions and sees that they are gone, but not those
// of superusers, and reads nothing.
func control(t *testing.T, s *Stage, sluice *vaultserver.Client) {
	c := sluice.Credential(t, "database/creds/sluice-control")
	if len(c.User) > 63 || c.User[:15] != "sluice_control_" {
		t.Errorf("the control login is named %s", c.User)
	}
	conn := s.login(t, c, "")
	victim, _ := s.issue(t, sluice, "shop-read", "ben")
	session := s.login(t, victim, "shop_read")
	of := "usesysid = (SELECT usesysid FROM pg_stat_activity WHERE pid = " + must(t, session, "SELECT pg_backend_pid()") + ")"
	if got := must(t, conn, "SELECT count(*) FROM pg_stat_activity WHERE "+of+" AND usename = "+literal(victim.User)); got != "1" {
		t.Errorf("the control login sees %s sessions", got)
	}
	if got := must(t, conn, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "+of); got != "t" {
		t.Errorf("pg_terminate_backend says %q", got)
	}
	await(t, "sessions", func() string {
		return must(t, conn, "SELECT string_agg(pid::text, ' ') FROM pg_stat_activity WHERE usename = "+literal(victim.User))
	})
	if _, err := query(t, session, "SELECT 1"); err == nil {
		t.Error("the session goes on")
	}
	refused(t, conn, "SELECT count(*) FROM products", "42501")
	refused(t, conn, "SET ROLE shop_read", "42501")
	super, err := s.connectSuper(t)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, conn, "SELECT pg_terminate_backend("+must(t, super, "SELECT pg_backend_pid()")+")", "42501")
	s.Vault.Revoke(t, c.LeaseID)
	s.gone(t, c, conn)
}
