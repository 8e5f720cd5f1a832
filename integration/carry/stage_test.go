package carry

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/template"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/integration/masked/keys"
	"github.com/sluice-pg/sluice/integration/vaultsetup"
	"github.com/sluice-pg/sluice/policy/destination"
)

func TestMain(m *testing.M) { harness.RunTests(m) }

// schema is what the source has: harness.CRM, with a condition that masked
// addresses have to satisfy as well.
var schema = harness.CRM + "ALTER TABLE crm.people ADD CONSTRAINT people_email_check CHECK (email LIKE '%@%');\n"

//go:embed policy.yaml.tmpl
var policyTemplate string

// stage is Sluice between a source and a destination.
type stage struct {
	world  *harness.World
	there  *pgserver.Server
	gate   *harness.Gate
	binary string
	vault  *vaultsetup.Stage // nil where Sluice makes the logins itself
	// way is the port at which Sluice reaches the destination; 0 for the
	// destination's own.
	way int
	// react is what the policy says of drifts there, in YAML; empty for what it is by
	// default.
	react string
	// more are further names of the destination, with ports.
	more []way
}

// way is a name of a place with a port at which it is reached.
type way struct {
	name string
	port int
}

func (s *stage) road() int {
	if s.way == 0 {
		return s.there.Port()
	}
	return s.way
}

// newStage starts a source and a destination of two versions, and Sluice.
func newStage(t *testing.T, source, destination int) *stage {
	t.Helper()
	s := newEnds(t, source, destination)
	s.start(t, harness.Setup{Policy: s.policy(t)})
	return s
}

// newEnds starts a source and a destination of two versions.
func newEnds(t *testing.T, source, destination int) *stage {
	t.Helper()
	s := &stage{world: harness.NewWorld(t, source), there: newPlace(t, destination), binary: harness.BuildSluice(t)}
	s.world.Exec(t, "shop", schema)
	return s
}

// start starts Sluice, with the destination in its configuration.
func (s *stage) start(t *testing.T, setup harness.Setup) {
	t.Helper()
	setup.Config += s.config(t)
	s.gate = harness.StartGateWith(t, s.world, s.binary, setup)
}

// newPlace starts a server that protects what it is given.
func newPlace(t *testing.T, version int) *pgserver.Server {
	t.Helper()
	setup, err := destination.SetupSQL(destination.SetupOptions{Database: "copies", QuietLogs: true})
	if err != nil {
		t.Fatal(err)
	}
	server, err := pgserver.Start(t.Context(), pgserver.Options{
		Version: version, TLS: true, Database: "copies", Config: map[string]string{"log_connections": "on", "log_min_error_statement": "panic"},
		HBA: []string{"hostssl all all 127.0.0.1/32 scram-sha-256", "hostssl all all ::1/128 scram-sha-256"},
		InitSQL: []string{
			"CREATE ROLE an_g NOLOGIN; CREATE ROLE anna LOGIN PASSWORD 'anna in the integration suite' IN ROLE an_g",
			"CREATE SCHEMA crm; GRANT USAGE ON SCHEMA crm TO an_g",
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		harness.LearnFrom(server)
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := server.Exec(t.Context(), "copies", setup+"GRANT USAGE, CREATE ON SCHEMA crm TO sluice_owner"); err != nil {
		t.Fatal(err)
	}
	return server
}

func (s *stage) policy(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	err := template.Must(template.New("policy").Parse(policyTemplate)).Execute(&b, map[string]any{
		"Port": s.road(), "CA": s.there.CAFile, "React": s.react, "Vault": s.vault != nil,
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func (s *stage) config(t *testing.T) string {
	t.Helper()
	passfile := filepath.Join(t.TempDir(), "place.pgpass")
	if err := os.WriteFile(passfile, fmt.Appendf(nil, "*:*:*:%s:%s\n", s.there.Superuser(), s.there.Password()), 0o600); err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf("mask_keys: [{name: default, file: %s}]\ndestinations:\n", keys.File(t))
	for _, at := range append([]way{{"analytics", s.road()}}, s.more...) {
		admin := fmt.Sprintf("host=localhost port=%d user=%s dbname=copies sslmode=verify-full sslrootcert=%s passfile=%s",
			at.port, s.there.Superuser(), s.there.CAFile, passfile)
		config += fmt.Sprintf(`  - name: %s
    server: {host: localhost, port: %d, database: copies, tls: {mode: verify-full, ca: %q}}
    credential:
      builtin: {admin: %q, ttl: 1h}
`, at.name, at.port, s.there.CAFile, admin)
	}
	return config
}

// psql runs a text through Sluice.
func (s *stage) psql(t *testing.T, sql string, env ...string) harness.Result {
	t.Helper()
	return harness.Run(t, s.gate.Target(), harness.Command{
		Program: "psql", Dir: t.TempDir(), Args: []string{"-X", "-v", "VERBOSITY=default", "-c", sql}, Env: env,
	})
}

// sluice runs the program as a person at a shell does who works with databases.
func (s *stage) sluice(t *testing.T, args ...string) harness.Result {
	t.Helper()
	return harness.Run(t, s.gate.Target(), harness.Command{Program: s.binary, Dir: s.gate.Dir(), Args: args})
}

// operator runs the program as whoever looks after Sluice.
func (s *stage) operator(t *testing.T, args ...string) harness.Result {
	t.Helper()
	return harness.Run(t, s.gate.Target(), harness.Command{Program: s.binary, Dir: s.gate.Dir(), Args: args, Env: []string{"PGPASSWORD="}})
}

// at asks the destination, as its superuser.
func (s *stage) at(t *testing.T, sql string) string {
	t.Helper()
	rows, err := s.there.Query(t.Context(), "copies", sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	var lines []string
	for _, row := range rows {
		lines = append(lines, strings.Join(row, "|"))
	}
	return strings.Join(lines, "\n")
}
