package vaultsetup

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/integration/vaultserver"
)

// A login that follows changes may open a replication connection, works as its
// group there, can be kept, and leaves nothing; no other login may, and Vault's
// own can make nobody else follow.
func feed(t *testing.T, s *Stage, sluice *vaultserver.Client) {
	s.Feed(t)
	c, _ := s.issue(t, sluice, "shop-feed", "anna")
	conn := s.replicates(t, c)
	if got := must(t, conn, "SELECT current_user"); got != "shop_feed" {
		t.Errorf("it works as %s", got)
	}
	refused(t, conn, "SELECT count(*) FROM products", "42501")
	valid := "SELECT rolvaliduntil FROM pg_roles WHERE rolname = " + literal(c.User)
	before := s.super(t, valid)
	time.Sleep(1100 * time.Millisecond)
	sluice.Write(t, "sys/leases/renew", map[string]any{"lease_id": c.LeaseID, "increment": 3600})
	if after := s.super(t, valid); after <= before {
		t.Errorf("it was kept, and is valid until %s, before until %s", after, before)
	}
	s.Vault.Revoke(t, c.LeaseID)
	s.gone(t, c, conn)

	ordinary, _ := s.issue(t, sluice, "shop-read", "anna")
	if _, err := s.openReplication(t, ordinary, "shop_read"); err == nil {
		t.Error("a login to read can follow changes")
	}
	s.super(t, "SET ROLE shop_vault; SELECT sluice_feed.lease("+literal(ordinary.User)+", NULL)")
	for _, login := range []string{ordinary.User, "shop_vault", s.Server.Superuser()} {
		if _, err := s.Server.Query(t.Context(), Database, "SET ROLE shop_vault; SELECT sluice_feed.lease("+literal(login)+", 'infinity')"); err == nil {
			t.Errorf("Vault can make %s follow changes", login)
		}
	}
	if got := s.super(t, "SELECT string_agg(rolname, ' ') FROM pg_roles WHERE rolreplication AND NOT rolsuper"); got != "" {
		t.Errorf("these may follow changes: %s", got)
	}
	s.Vault.Revoke(t, ordinary.LeaseID)
	s.gone(t, ordinary)
}

func (s *Stage) openReplication(t *testing.T, c vaultserver.Credential, group string) (*pgconn.PgConn, error) {
	t.Helper()
	config, err := pgconn.ParseConfig(s.Server.DSN(c.User, c.Password.Reveal(), Database))
	if err != nil {
		t.Fatal("the connection string cannot be read") // it has a password
	}
	config.RuntimeParams["replication"], config.RuntimeParams["role"] = "database", group
	return pgconn.ConnectConfig(t.Context(), config)
}

func (s *Stage) replicates(t *testing.T, c vaultserver.Credential) *pgconn.PgConn {
	t.Helper()
	conn, err := s.openReplication(t, c, "shop_feed")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = conn.Close(ctx) // it is cut by then
	})
	return conn
}
