package leases

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/integration/secrets"
)

// anotherWorks has a person work with a Sluice of its own, and returns as whom.
func (s *stage) anotherWorks(t *testing.T, application, policy, credential string) string {
	t.Helper()
	var saw string
	t.Run("another Sluice", func(t *testing.T) {
		gate := s.anotherGate(t, policy, credential)
		c, err := pgconn.Connect(t.Context(), dsn(gate, application, "read"))
		if err != nil {
			t.Fatalf("connect: %v\n%s", err, gate.Log())
		}
		login := mustQuery(t, c, "SELECT session_user || ' as ' || current_user")
		saw = words(c.Close(t.Context())) + "; " + inMessages.ReplaceAllString(login, "…")
		s.elsewhere = s.onTrail(t, gate, application)
		if found := find(s.tap.known(), gate.Log()); found != nil {
			t.Errorf("the log holds %v", found)
		}
	})
	return saw
}

func withoutControl(t *testing.T, s *stage, application string) string {
	return s.anotherWorks(t, application, policyText, "vault: {}")
}

// knownPolicy gives a password of this name in Vault to read.
func knownPolicy(role string) string {
	return fmt.Sprintf("version: 1\nleases:\n  - {id: known, purposes: [read], role: %s, group: shop_read}\n", role) + everything
}

// knownPassword is that of a login until Vault has set another, and for good of
// one that Vault only keeps.
const knownPassword = "a password that others may know"

// sharedStatic has a static role of Vault's, which has a login of the server's
// whose password it changes now and then.
func sharedStatic(t *testing.T, s *stage, application string) string {
	s.knownLogin(t, "shop_static")
	s.vault.ConnectDatabase(t, "database", "fixed", s.world.Server, "shop")
	s.vault.Root().Write(t, "database/static-roles/shop-static", map[string]any{
		"db_name": "fixed", "username": "shop_static", "rotation_period": "24h",
	})
	saw := s.anotherWorks(t, application, knownPolicy("shop-static"), "vault: {engine: static, control_role: sluice-control}")
	s.vault.Root().Delete(t, "database/static-roles/shop-static")
	s.dropLogin(t, "shop_static")
	return saw
}

// sharedKept has a login that Vault knows nothing of but the password.
func sharedKept(t *testing.T, s *stage, application string) string {
	s.knownLogin(t, "shop_kept")
	s.vault.Root().Write(t, "secret/data/sluice/shop", map[string]any{
		"data": map[string]any{"username": "shop_kept", "password": knownPassword},
	})
	saw := s.anotherWorks(t, application, knownPolicy("sluice/shop"), "vault: {engine: kv, control_role: sluice-control}")
	s.dropLogin(t, "shop_kept")
	return saw
}

// knownLogin makes a login that no lease ends.
func (s *stage) knownLogin(t *testing.T, name string) {
	t.Helper()
	secrets.Learn(secrets.Password, knownPassword)
	s.world.Exec(t, "shop", fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s' IN ROLE shop_read", name, knownPassword))
}

// dropLogin drops it when no session of it is at the server any more.
func (s *stage) dropLogin(t *testing.T, name string) {
	t.Helper()
	await(t, "the session of "+name+" to end", func() bool {
		return s.world.Query(t, "postgres", "SELECT count(*) FROM pg_stat_activity WHERE usename = '"+name+"'")[0][0] == "0"
	})
	s.world.Exec(t, "shop", "DROP ROLE "+name)
}
