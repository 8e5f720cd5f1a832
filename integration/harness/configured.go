package harness

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/integration/secrets"
)

const issuerPassword = "the issuer of a configured folder"

// issuerRoles are those of the quickstart.
const issuerRoles = `
CREATE ROLE people NOLOGIN;
CREATE ROLE issuer LOGIN CREATEROLE PASSWORD '` + issuerPassword + `';
GRANT people TO issuer WITH ADMIN OPTION;
GRANT pg_signal_backend TO issuer;`

// Configured is a folder with a configuration, an empty policy and the login of an
// issuer, for programs that look at a server's databases without a running Sluice.
type Configured struct {
	World  *World
	dir    string
	binary string
}

// Configure makes the folder for a server, the roles people and issuer there, and
// the databases, each filled by its statements.
func Configure(t testing.TB, world *World, binary string, databases map[string]string) *Configured {
	t.Helper()
	secrets.Learn(secrets.Password, issuerPassword)
	f := &Configured{World: world, dir: t.TempDir(), binary: binary}
	world.Exec(t, "postgres", issuerRoles)
	f.Write(t, "issuer.pgpass", "*:*:*:issuer:"+issuerPassword+"\n")
	f.Write(t, "policy.yaml", "version: 1\n")
	config := "listen:\n  - {address: 127.0.0.1:0, plaintext: loopback}\nusers: users.scram\n" +
		"auth:\n  - {databases: [all], users: [all], addresses: [all], method: scram-sha-256}\n" +
		"policy: policy.yaml\ntrail: {dir: trail}\ndatabases:\n"
	port, ca := world.Server.Port(), world.Server.CAFile
	for name, statements := range databases {
		world.Exec(t, "postgres", "CREATE DATABASE "+name)
		world.Exec(t, name, statements)
		config += fmt.Sprintf("  - name: %s\n    upstream: {host: localhost, port: %d, tls: {mode: verify-full, ca: %q}}\n"+
			"    credential:\n      builtin: {admin: %q, group: people}\n", name, port, ca,
			fmt.Sprintf("host=localhost port=%d user=issuer sslmode=verify-full sslrootcert=%s passfile=%s", port, ca, f.Path("issuer.pgpass")))
	}
	f.Write(t, "sluice.yaml", config)
	return f
}

// Path is that of a file of the folder.
func (f *Configured) Path(name string) string { return filepath.Join(f.dir, name) }

// Write writes a file of the folder.
func (f *Configured) Write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(f.Path(name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Sluice runs a command of Sluice with the configuration, and shows that it leaves
// no login behind.
func (f *Configured) Sluice(t testing.TB, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), f.binary, args...)
	cmd.Dir = f.dir
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	secrets.Show(t.Name(), out.String()+errs.String())
	if left := f.World.Query(t, "postgres", "SELECT rolname FROM pg_roles WHERE rolname LIKE 'sluice%'"); len(left) > 0 {
		t.Errorf("logins are left: %v", left)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// ReadFile is a file's text.
func ReadFile(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
