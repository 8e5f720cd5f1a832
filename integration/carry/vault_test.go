package carry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/integration/masked/keys"
	"github.com/sluice-pg/sluice/integration/vaultserver"
	"github.com/sluice-pg/sluice/integration/vaultsetup"
	"github.com/sluice-pg/sluice/proxy/doctor"
)

// newVaultStage is a stage on which Vault makes the logins at both ends, set up as
// examples/vault says.
func newVaultStage(t *testing.T, source, destination int) *stage {
	t.Helper()
	s := &stage{world: harness.NewWorld(t, source), react: "{unknown: alert}"} // it is about copies, not about the watch
	s.world.Reset(t, "shop", "restored")
	s.world.Exec(t, "shop", schema)
	s.there = newPlace(t, destination)
	s.vault = vaultsetup.Follow(t, vaultserver.Start(t), s.world.Server)
	s.vault.Copies(t, s.there)
	s.world.Exec(t, "shop", "GRANT USAGE ON SCHEMA crm TO shop_read; GRANT SELECT ON ALL TABLES IN SCHEMA crm TO shop_read")
	s.binary = harness.BuildSluice(t)
	s.gate = harness.StartGateWith(t, s.world, s.binary, harness.Setup{
		Policy: s.policy(t), Env: []string{"SLUICE_LOG_LEVEL=debug"},
		Credential: "vault: {control_role: sluice-control, catalog_role: shop-catalog, catalog_group: shop_catalog}",
		Config: fmt.Sprintf(`vault: {address: %q, session_policies: [sluice-session], auth: {approle: {role_id_file: %q, secret_id_file: %q}}}
mask_keys: [{name: default, file: %s}]
destinations:
  - name: analytics
    server: {host: localhost, port: %d, database: copies, tls: {mode: verify-full, ca: %q}}
    credential:
      vault: {probe_role: copies-probe, carrier_role: copies-carry, reactor_role: copies-react, control_role: copies-signal}
`, s.vault.Vault.Address(), filepath.Join(s.vault.Folder, "role_id"), filepath.Join(s.vault.Folder, "secret_id"), keys.File(t), s.there.Port(), s.there.CAFile),
	})
	return s
}

// Vault makes the logins at both ends of a copy, and whatever happens to it, or to
// them, nothing is left of a copy that did not come about, and no login of any.
func TestVault(t *testing.T) {
	for _, version := range harness.VersionsOr(t, 18) {
		t.Run(fmt.Sprintf("to PostgreSQL %d", version), func(t *testing.T) {
			s := newVaultStage(t, 15, version)
			s.mustBe(t, s.psql(t, "COPY crm.people TO 'sluice://analytics/crm.people'"), 0, "COPY 2000", "2000 rows")
			s.noLoginLeft(t)
			s.check(t)
			s.doctor(t, "ok place.policy: ", "ok place.roles: ", "ok place.login: a login of copies-probe works as sluice_probe",
				"ok place.login: a login of copies-carry works as sluice_carrier", "ok place.login: a login of copies-react works as sluice_reactor")
			for _, c := range befores {
				t.Run(c.name, func(t *testing.T) { s.before(t, c) })
			}
			for _, c := range meanwhiles {
				t.Run(c.name, func(t *testing.T) { s.meanwhile(t, c) })
			}
		})
	}
}

// vaultCase is something that is not as it should be.
type vaultCase struct {
	name string
	// happens is what, back how it ends, if not by itself.
	happens, back func(*stage, *testing.T)
	// code and words are what the person sees; no code if the copy is made.
	code  string
	words []string
	// reading is true if the copy waits at the source for what it reads, and not at
	// the destination to be published.
	reading bool
	// brief is true if the login that loads lasts briefly, unless it is renewed.
	brief bool
	// hangsUp is true if the person goes away.
	hangsUp bool
	// doctor is what sluice doctor says of it, if it is asked.
	doctor string
}

// befores happen before the copy is asked for.
var befores = []vaultCase{
	{
		name: "sealed", happens: (*stage).seal, back: (*stage).unseal, code: "57P03",
		words: []string{"the copy to analytics failed while it was to get a login", "Vault is away", "Nothing of it is at analytics"},
	},
	{
		name: "denied", happens: func(s *stage, t *testing.T) {
			s.vault.Vault.WritePolicy(t, "sluice-session", `path "database/creds/shop-*" { capabilities = ["read"] }`)
		},
		back: (*stage).setUpAgain, code: "58000", words: []string{"Vault denies the proxy a login", "Nothing of it is at analytics"},
	},
	{
		name:    "unknown to Vault",
		happens: func(s *stage, t *testing.T) { s.vault.Vault.Root().Delete(t, "database/roles/copies-carry") },
		back:    (*stage).setUpAgain, code: "42501", words: []string{"there is no such role in Vault"},
	},
	{
		name: "may make roles", happens: func(s *stage, t *testing.T) { s.makes(t, "CREATEROLE IN ROLE sluice_carrier") },
		back: (*stage).setUpAgain, code: "42501", words: []string{"the login that was issued can act as", "superuser or has CREATEROLE"},
		doctor: "which is a superuser or has CREATEROLE",
	},
	{
		name: "of the wrong group", happens: func(s *stage, t *testing.T) { s.makes(t, "IN ROLE sluice_probe") },
		back: (*stage).setUpAgain, code: "42501", words: []string{"permission denied to set role", "sluice_carrier"},
		doctor: "has not the rights of sluice_carrier",
	},
}

// meanwhiles happen while the copy waits to be published.
var meanwhiles = []vaultCase{
	{name: "renewed", brief: true, happens: func(_ *stage, t *testing.T) { time.Sleep(briefly + 2*time.Second) }},
	{
		name: "revoked", happens: func(s *stage, t *testing.T) {
			for _, id := range s.vault.Vault.Root().List(t, "sys/leases/lookup/database/creds/copies-carry") {
				s.vault.Vault.Revoke(t, "database/creds/copies-carry/"+id)
			}
		}, code: "42501", words: []string{"failed while it was to keep its login", "it was revoked in Vault"},
	},
	{
		name: "shut at the source", reading: true, happens: func(s *stage, t *testing.T) {
			logins := s.world.Query(t, "shop", "SELECT DISTINCT usename FROM pg_stat_activity WHERE application_name LIKE 'sluice/copy%'")
			if len(logins) != 1 {
				t.Fatalf("the copy reads as %v", logins)
			}
			s.world.Exec(t, "shop", `ALTER ROLE "`+logins[0][0]+`" NOLOGIN`)
		}, code: "42501", words: []string{"failed while it was to keep its login", "it was revoked in Vault", "Nothing of it is at analytics"},
	},
	{name: "hung up", hangsUp: true},
	{name: "sealed meanwhile", happens: (*stage).seal, back: (*stage).unseal},
}

// briefly is shorter than the copy that is to show that its login is renewed.
const briefly = 4 * time.Second

func (s *stage) seal(t *testing.T)   { s.vault.Vault.Seal(t) }
func (s *stage) unseal(t *testing.T) { s.vault.Vault.Unseal(t) }

// setUpAgain brings Vault back to what the example has.
func (s *stage) setUpAgain(t *testing.T) { s.vault.SetUp(t, "--copies") }

// makes has Vault make other logins for the carrier.
func (s *stage) makes(t *testing.T, attributes string) {
	t.Helper()
	role := s.vault.Vault.Root().Read(t, "database/roles/copies-carry").Data
	role["creation_statements"] = []string{`CREATE ROLE "{{name}}" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}' ` + attributes}
	s.vault.Vault.Root().Write(t, "database/roles/copies-carry", role)
}

// before asks for a copy when something is wrong already.
func (s *stage) before(t *testing.T, c vaultCase) {
	conn := s.connect(t)
	if _, err := conn.Exec(t.Context(), "SELECT 1"); err != nil {
		t.Fatal(err)
	}
	c.happens(s, t)
	_, err := conn.Exec(t.Context(), "COPY crm.people TO 'sluice://analytics/crm.fresh'", pgx.QueryExecModeSimpleProtocol)
	if c.doctor != "" {
		s.doctor(t, c.doctor)
	}
	c.back(s, t)
	s.says(t, c, err)
	s.holds(t, "SELECT to_regclass('crm.fresh') IS NULL", "t")
	s.nothingLeft(t, conn)
}

// meanwhile has something happen while a copy waits for the table that it is to take
// the place of.
func (s *stage) meanwhile(t *testing.T, c vaultCase) {
	lasts := time.Hour
	if c.brief {
		lasts = briefly
	}
	role := s.vault.Vault.Root().Read(t, "database/roles/copies-carry").Data
	role["default_ttl"] = lasts.String()
	s.vault.Vault.Root().Write(t, "database/roles/copies-carry", role)
	s.at(t, "DROP TABLE IF EXISTS crm.held; CREATE TABLE crm.held (id integer); ALTER TABLE crm.held OWNER TO sluice_owner")
	server, database, lock := s.there, "copies", "BEGIN; LOCK TABLE crm.held"
	if c.reading {
		server, database, lock = s.world.Server, "shop", "BEGIN; LOCK TABLE crm.people"
	}
	holder, err := pgx.Connect(t.Context(), server.SuperuserDSN(database))
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close(context.WithoutCancel(t.Context()))
	if _, err := holder.Exec(t.Context(), lock); err != nil {
		t.Fatal(err)
	}
	conn, done := s.connect(t), make(chan error, 1)
	go func() {
		_, err := conn.Exec(t.Context(), "COPY crm.people TO 'sluice://analytics/crm.held?existing=swap'", pgx.QueryExecModeSimpleProtocol)
		done <- err
	}()
	awaitAnswer(t, server, database, "the copy to wait", "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'sluice/copy%' AND wait_event_type = 'Lock'", "1")
	if c.hangsUp {
		_ = conn.PgConn().Conn().Close()
		<-done
		s.nothingLeft(t, conn)
		_ = holder.Close(t.Context())
		s.holds(t, "SELECT count(*) FROM crm.held", "0")
		return
	}
	c.happens(s, t)
	if c.code == "" {
		_, err = holder.Exec(t.Context(), "ROLLBACK")
	}
	if err != nil {
		t.Fatal(err)
	}
	s.says(t, c, <-done)
	if c.back != nil {
		c.back(s, t)
	}
	_ = holder.Close(t.Context())
	rows := map[bool]string{true: "2000", false: "0"}[c.code == ""]
	s.holds(t, "SELECT count(*) FROM crm.held", rows)
	s.nothingLeft(t, conn)
}

// doctor has the doctor look, and make nothing of it.
func (s *stage) doctor(t *testing.T, words ...string) {
	t.Helper()
	r := s.operator(t, "doctor", "-o", "json", "--config", "sluice.yaml")
	var report doctor.Report
	if err := json.Unmarshal([]byte(r.Stdout), &report); err != nil {
		t.Fatalf("doctor: %v\n%s", err, r)
	}
	said := ""
	for _, c := range report.Checks {
		said += fmt.Sprintf("%s %s: %s\n", c.State, c.Name, c.Evidence)
	}
	for _, w := range words {
		if !strings.Contains(said, w) {
			t.Errorf("the doctor does not say %q:\n%s", w, said)
		}
	}
}

func (s *stage) says(t *testing.T, c vaultCase, err error) {
	t.Helper()
	defer func() {
		if t.Failed() {
			t.Log(s.gate.Log())
		}
	}()
	if codeOf(err) != c.code {
		t.Errorf("got %v, want SQLSTATE %q", err, c.code)
	}
	var said *pgconn.PgError
	if !errors.As(err, &said) {
		return
	}
	text := said.Message + "\n" + said.Detail + "\n" + said.Hint
	t.Log(text)
	for _, w := range c.words {
		if !strings.Contains(text, w) {
			t.Errorf("%q is not in\n%s", w, text)
		}
	}
}

// nothingLeft ends a session and waits until nothing is left of its copy: no schema,
// no login at either end, and no lease in Vault.
func (s *stage) nothingLeft(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	_ = conn.Close(t.Context())
	awaitAnswer(t, s.there, "copies", "what was loaded to be gone", "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'sluice\\_%'", "0")
	s.noLoginLeft(t)
}

func (s *stage) noLoginLeft(t *testing.T) {
	t.Helper()
	const roles = "SELECT count(*) FROM pg_roles WHERE rolname LIKE "
	awaitAnswer(t, s.there, "copies", "the login that loads to be gone", roles+"'sluice\\_copies\\_carry%'", "0")
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		left := s.world.Query(t, "shop", roles+"'sluice\\_shop\\_read%'")[0][0]
		var leases []string
		for _, role := range []string{"shop-read", "copies-carry"} {
			leases = append(leases, s.vault.Vault.Root().List(t, "sys/leases/lookup/database/creds/"+role)...)
		}
		if left == "0" && len(leases) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s logins are left at the source, and in Vault the leases %v\n%s", left, leases, s.gate.Log())
		}
	}
}

// awaitAnswer waits for an answer of a server.
func awaitAnswer(t *testing.T, server *pgserver.Server, database, what, sql, want string) {
	t.Helper()
	var rows [][]string
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		var err error
		if rows, err = server.Query(t.Context(), database, sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		if rows[0][0] == want {
			return
		}
	}
	t.Fatalf("waited for %s: %s gives %v", what, sql, rows)
}
