package classify

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/integration/secrets"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const issuerPassword = "the issuer in the suite of classes"

// roles are those of the quickstart.
const roles = `
CREATE ROLE people NOLOGIN;
CREATE ROLE issuer LOGIN CREATEROLE PASSWORD '` + issuerPassword + `';
GRANT people TO issuer WITH ADMIN OPTION;
GRANT pg_signal_backend TO issuer;`

// stage is a server with the databases demo and odd, and a configuration.
type stage struct {
	world  *harness.World
	dir    string
	binary string
}

func newStage(t *testing.T, version int) *stage {
	t.Helper()
	secrets.Learn(secrets.Password, issuerPassword)
	s := &stage{world: harness.NewWorld(t, version), dir: t.TempDir(), binary: harness.BuildSluice(t)}
	s.world.Exec(t, "postgres", roles)
	for name, load := range map[string]string{"demo": demo(t), "odd": read(t, "testdata/odd.sql")} {
		s.world.Exec(t, "postgres", "CREATE DATABASE "+name)
		s.world.Exec(t, name, load)
	}
	s.write(t, "issuer.pgpass", "*:*:*:issuer:"+issuerPassword+"\n")
	s.write(t, "policy.yaml", "version: 1\n")
	server := s.world.Server
	config := "listen:\n  - {address: 127.0.0.1:0, plaintext: loopback}\nusers: users.scram\n" +
		"auth:\n  - {databases: [all], users: [all], addresses: [all], method: scram-sha-256}\n" +
		"policy: policy.yaml\ntrail: {dir: trail}\ndatabases:\n"
	for _, name := range []string{"demo", "odd"} {
		config += fmt.Sprintf("  - name: %s\n    upstream: {host: localhost, port: %d, tls: {mode: verify-full, ca: %q}}\n"+
			"    credential:\n      builtin: {admin: %q, group: people}\n", name, server.Port(), server.CAFile,
			fmt.Sprintf("host=localhost port=%d user=issuer sslmode=verify-full sslrootcert=%s passfile=%s", server.Port(), server.CAFile, s.path("issuer.pgpass")))
	}
	s.write(t, "sluice.yaml", config)
	return s
}

// demo is the demo's shop without what has nothing to do with classes: its
// extension, and the rights of its application.
func demo(t *testing.T) string {
	t.Helper()
	schema := read(t, "../../examples/demo/schema.sql")
	for _, cut := range [][2]string{
		{"CREATE ROLE shop_app NOLOGIN;\n", ""}, {"DATABASE shop ", "DATABASE demo "}, {"CREATE EXTENSION dblink SCHEMA public;\n", ""},
	} {
		if !strings.Contains(schema, cut[0]) {
			t.Fatalf("the demo's schema has no %q", cut[0])
		}
		schema = strings.ReplaceAll(schema, cut[0], cut[1])
	}
	return schema + read(t, "../../examples/demo/data.sql") + `
GRANT CONNECT ON DATABASE demo TO people; GRANT USAGE ON SCHEMA public TO people; GRANT SELECT ON ALL TABLES IN SCHEMA public TO people;`
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func (s *stage) path(name string) string { return filepath.Join(s.dir, name) }

func (s *stage) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(s.path(name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// run is what sluice classify does, and shows that it leaves no login behind.
func (s *stage) run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), s.binary, append([]string{"classify", "--config", s.path("sluice.yaml")}, args...)...)
	cmd.Dir = s.dir
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	secrets.Show(t.Name(), out.String()+errs.String())
	if left := s.world.Query(t, "postgres", "SELECT rolname FROM pg_roles WHERE rolname LIKE 'sluice%'"); len(left) > 0 {
		t.Errorf("logins are left: %v", left)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}
