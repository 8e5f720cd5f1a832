package leases

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/integration/secrets"
	"github.com/sluice-pg/sluice/integration/vaultserver"
	"github.com/sluice-pg/sluice/integration/vaultsetup"
)

func TestMain(m *testing.M) { harness.RunTests(m) }

// patience is how long anything may take that is to happen.
const patience = 60 * time.Second

// policyText gives a lease of one's own to read, a shared one to copy out, and a
// short one to migrate.
const policyText = `version: 1
leases:
  - {id: own, purposes: [read], role: shop-read, group: shop_read}
  - {id: shared, purposes: [copy-out], role: shop-copy-out, group: shop_copy_out, share: {for: 1m, sessions: 3}}
  - {id: short, purposes: [migrate], role: shop-migrate, group: shop_owner}
replication:
  - {id: sales, users: [alice], databases: [shop], slot: warehouse, publications: [sold], may_create: true}
` + everything

const everything = `rules:
  - {id: everything, effect: allow, kinds: ["*"], limits: {rows: unlimited, bytes: unlimited}}
`

// The leases to migrate are short here: how long they are given for, and how long
// they can become. Those to follow changes are shorter.
const (
	briefTTL = 8 * time.Second
	briefMax = 14 * time.Second
	feedTTL  = 4 * time.Second
	feedMax  = 7 * time.Second
)

// stage is a server and a Vault, with Sluice between people and both.
type stage struct {
	world  *harness.World
	vault  *vaultserver.Server
	binary string
	setup  *vaultsetup.Stage // examples/vault, as people follow it
	tap    *tap              // between Sluice and Vault, if there is one
	gate   *harness.Gate
	left   []string // leases that a bench took from Vault itself
	// elsewhere is what the trail says of a case that has a Sluice of its own.
	elsewhere string
}

// setStage starts all three, and a tap between Sluice and Vault.
func setStage(t testing.TB, binary string, version int, limits string) *stage {
	t.Helper()
	s := newStage(t, binary, version)
	s.tap = startTap(t, s.vault.Address)
	s.startGate(t, s.tap.address(), limits)
	return s
}

func newStage(t testing.TB, binary string, version int) *stage {
	t.Helper()
	s := &stage{binary: binary}
	s.world = harness.NewWorldWith(t, version, map[string]string{"max_connections": "300", "wal_level": "logical"})
	s.world.Reset(t, "shop", "restored")
	s.vault = vaultserver.Start(t)
	s.setup = vaultsetup.Follow(t, s.vault, s.world.Server)
	s.setup.Feed(t)
	s.world.Exec(t, "shop", "CREATE TABLE sold (what text PRIMARY KEY); CREATE PUBLICATION sold FOR TABLE sold; GRANT SELECT ON sold TO shop_feed")
	s.lasts(t, "shop-migrate", briefTTL, briefMax)
	s.lasts(t, "shop-feed", feedTTL, feedMax)
	return s
}

// lasts sets how long the leases of a role last, and at most.
func (s *stage) lasts(t testing.TB, name string, ttl, most time.Duration) {
	t.Helper()
	role := s.vault.Root().Read(t, "database/roles/"+name).Data
	role["default_ttl"], role["max_ttl"] = ttl.String(), most.String()
	s.vault.Root().Write(t, "database/roles/"+name, role)
}

func (s *stage) startGate(t testing.TB, address, limits string) {
	t.Helper()
	s.gate = s.newGate(t, address, policyText, limits, "vault: {control_role: sluice-control, catalog_role: shop-catalog, catalog_group: shop_catalog, replication_role: shop-feed, replication_group: shop_feed}")
}

// anotherGate starts one more, for one test, with its own part of Vault.
func (s *stage) anotherGate(t testing.TB, policy, credential string) *harness.Gate {
	t.Helper()
	return s.newGate(t, s.tap.address(), policy, "drain: 2s", credential)
}

func (s *stage) newGate(t testing.TB, address, policy, limits, credential string) *harness.Gate {
	t.Helper()
	return harness.StartGateWith(t, s.world, s.binary, harness.Setup{
		Policy: policy, Limits: limits, Env: []string{"SLUICE_LOG_LEVEL=debug"},
		Config: fmt.Sprintf("vault: {address: %q, timeout: 20s, session_policies: [sluice-session], auth: {approle: {role_id_file: %q, secret_id_file: %q}}}",
			address, filepath.Join(s.setup.Folder, "role_id"), filepath.Join(s.setup.Folder, "secret_id")),
		Credential: credential,
	})
}

// connect logs in for a purpose.
func (s *stage) connect(ctx context.Context, application, purpose string) (*pgconn.PgConn, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return pgconn.Connect(ctx, s.dsn(application, purpose))
}

func (s *stage) dsn(application, purpose string) string { return dsn(s.gate, application, purpose) }

func dsn(gate *harness.Gate, application, purpose string) string {
	target := gate.Target()
	return fmt.Sprintf("host=127.0.0.1 port=%d user=%s password='%s' dbname=shop sslmode=disable application_name=%s options='-c sluice.purpose=%s'",
		target.Port, target.User, target.Password, application, purpose)
}

func (s *stage) mustConnect(t testing.TB, application, purpose string) *pgconn.PgConn {
	t.Helper()
	c, err := s.connect(t.Context(), application, purpose)
	if err != nil {
		t.Fatalf("connect: %v\n%s", err, s.gate.Log())
	}
	return c
}

func query(ctx context.Context, c *pgconn.PgConn, sql string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	results, err := c.Exec(ctx, sql).ReadAll()
	if err != nil || len(results) == 0 {
		return "", err
	}
	last := results[len(results)-1]
	if len(last.Rows) == 0 {
		return "", nil
	}
	return string(last.Rows[0][0]), nil
}

func mustQuery(t testing.TB, c *pgconn.PgConn, sql string) string {
	t.Helper()
	value, err := query(t.Context(), c, sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return value
}

// inMessages is what changes from run to run in what people read.
var inMessages = regexp.MustCompile(` \[req .*|(in \d+ (seconds|minutes)|now), at \d\d:\d\d:\d\d UTC|sluice_shop_read_alice-\w+`)

// words are what a person has seen, in short.
func words(err error) string {
	secrets.Show("leases", err)
	var pg *pgconn.PgError
	switch {
	case err == nil:
		return "no error"
	case errors.As(err, &pg):
		return pg.Severity + " " + pg.Code + " " + inMessages.ReplaceAllString(pg.Message, "…")
	case errors.Is(err, context.DeadlineExceeded):
		return "nothing at all"
	}
	return "the end of the connection, without words"
}

// await waits until something is so.
func await(t testing.TB, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !so(); time.Sleep(30 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s for %s", patience, what)
		}
	}
}

// roles are the roles at the server that Vault has made, but for those that
// Sluice has for itself; backends counts what works under any of them.
func (s *stage) roles(t testing.TB) (roles []string, backends int) {
	t.Helper()
	for _, row := range s.world.Query(t, "postgres", `SELECT r.rolname, (SELECT count(*) FROM pg_stat_activity a WHERE a.usesysid = r.oid)
FROM pg_roles r WHERE r.rolname LIKE 'sluice\_%' AND r.rolname NOT LIKE 'sluice\_control%' AND r.rolname NOT LIKE 'sluice\_shop\_catalog%'`) {
		roles = append(roles, row[0])
		if row[1] != "0" {
			backends++
		}
	}
	return roles, backends
}

// leases are the leases that Vault has, but for those that Sluice has for itself.
func (s *stage) leases(t testing.TB) []string {
	t.Helper()
	var all []string
	for _, role := range []string{"shop-read", "shop-copy-out", "shop-migrate", "shop-feed"} {
		all = append(all, s.vault.Root().List(t, "sys/leases/lookup/database/creds/"+role)...)
	}
	return all
}

// backends are what works under a role of Vault's, also one that was dropped
// under it, but for what Sluice has for itself.
func (s *stage) backends(t testing.TB) [][]string {
	t.Helper()
	return s.world.Query(t, "postgres", `SELECT pid, usesysid, application_name, state, backend_start, query FROM pg_stat_activity
WHERE backend_type IN ('client backend', 'walsender')
AND (usename IS NULL OR usename LIKE 'sluice\_shop%' AND usename NOT LIKE 'sluice\_shop\_catalog%')`)
}

// awaitNothingLeft waits until no lease has left anything, anywhere.
func (s *stage) awaitNothingLeft(t testing.TB) string {
	t.Helper()
	var roles, leases []string
	var backends [][]string
	defer func() {
		if t.Failed() {
			t.Logf("at last there were the roles %q, the backends %q and the leases %q", roles, backends, leases)
		}
	}()
	await(t, "nothing of a lease to be left at the server and in Vault", func() bool {
		roles, _ = s.roles(t)
		backends, leases = s.backends(t), s.leases(t)
		return len(roles) == 0 && len(backends) == 0 && len(leases) == 0
	})
	return "no role, no backend; no lease in Vault"
}
