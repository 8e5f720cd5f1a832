package vaultsetup

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
	"github.com/sluice-pg/sluice/integration/secrets"
	"github.com/sluice-pg/sluice/integration/vaultserver"
	"github.com/sluice-pg/sluice/proxy/credential"
)

// Database is the name of the database that the example is about, and Place that of
// the one that copies are carried to.
const (
	Database = "shop"
	Place    = "copies"
)

// Example is the folder of the example, seen from the folder of a suite's
// package.
const Example = "../../examples/vault"

// firstPassword is that of shop_vault and copies_vault until Vault sets another.
const firstPassword = `a "first" password\of shop_vault`

// schema is what there is before anybody thinks of Vault.
const schema = `
CREATE TABLE products (sku text PRIMARY KEY, cents int NOT NULL);
INSERT INTO products VALUES ('SKU-0001', 1412), ('SKU-0002', 2025)`

// Stage is Vault and a database, as the example leaves them.
type Stage struct {
	Vault *vaultserver.Server
	// Server has the database named Database, TLS, and a log of every
	// statement.
	Server *pgserver.Server
	// Folder has the files role_id and secret_id.
	Folder string

	dir string
}

// New starts both servers and follows the example.
func New(t testing.TB, version int) *Stage {
	t.Helper()
	return Follow(t, vaultserver.Start(t), start(t, version))
}

// start starts a PostgreSQL with the database.
func start(t testing.TB, version int) *pgserver.Server {
	t.Helper()
	server, err := pgserver.Start(t.Context(), pgserver.Options{
		Version: version, TLS: true, Database: Database, InitSQL: []string{schema},
		Config: map[string]string{"log_statement": "all", "max_prepared_transactions": "5"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	return server
}

// Follow follows the example with servers that run: a Vault that was not set
// up yet, and a PostgreSQL with TLS and the database named Database.
func Follow(t testing.TB, vault *vaultserver.Server, server *pgserver.Server) *Stage {
	t.Helper()
	s := prepare(t, vault, server)
	s.SetUp(t, s.first(t)...)
	return s
}

// prepare runs prepare.sql as its comment says. Without a terminal, psql reads
// the password from its standard input, twice.
func prepare(t testing.TB, vault *vaultserver.Server, server *pgserver.Server) *Stage {
	t.Helper()
	secrets.Learn(secrets.Password, firstPassword)
	s := &Stage{Vault: vault, Server: server, dir: t.TempDir()}
	s.Folder = filepath.Join(s.dir, "vault")
	psql(t, server, Database, "prepare.sql", firstPassword+"\n"+firstPassword+"\n")
	return s
}

// psql runs a file of the example as superuser.
func psql(t testing.TB, server *pgserver.Server, database, file, stdin string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "psql", "-X", "-q", server.DSN(server.Superuser(), "", database),
		"-f", filepath.Join(Example, file))
	cmd.Env = append(os.Environ(), "PGPASSWORD="+server.Password())
	cmd.Stdin = strings.NewReader(stdin)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", file, err, out)
	}
}

// Feed does what the example says about following changes.
func (s *Stage) Feed(t testing.TB) {
	t.Helper()
	psql(t, s.Server, Database, "prepare-feed.sql", "")
	s.SetUp(t, "--feed")
}

// Copies does what the example says about a place that copies are carried to: a
// server with TLS and the database named Place, where the SQL of sluice destination
// setup has been run.
func (s *Stage) Copies(t testing.TB, place *pgserver.Server) {
	t.Helper()
	psql(t, place, Place, "prepare-copies.sql", firstPassword+"\n"+firstPassword+"\n")
	s.SetUp(t, append(s.firstOf(t, place, "copies_vault"), "--copies")...)
}

// first are the arguments of setup for a Vault that does not know the
// database yet.
func (s *Stage) first(t testing.TB) []string {
	t.Helper()
	return s.firstOf(t, s.Server, "shop_vault")
}

func (s *Stage) firstOf(t testing.TB, server *pgserver.Server, login string) []string {
	t.Helper()
	file := filepath.Join(s.dir, login+".password")
	if err := os.WriteFile(file, []byte(firstPassword+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{
		"--host", "localhost", "--port", strconv.Itoa(server.Port()), "--ca", server.CAFile,
		"--password-file", file,
	}
}

// SetUp runs setup, with the folder as its last argument, and returns what it
// said.
func (s *Stage) SetUp(t testing.TB, args ...string) string {
	t.Helper()
	out, err := s.trySetUp(t, nil, args...)
	if err != nil {
		t.Fatalf("setup: %v\n%s", err, out)
	}
	return out
}

func (s *Stage) trySetUp(t testing.TB, env []string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(Example, "setup"), append(args, s.Folder)...)
	cmd.Env = append([]string{
		"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + s.dir,
		"VAULT_ADDR=" + s.Vault.Address(), "VAULT_TOKEN=" + s.Vault.RootToken().Reveal(),
	}, env...)
	out, err := cmd.CombinedOutput()
	if text, err := os.ReadFile(filepath.Join(s.Folder, "secret_id")); err == nil {
		secrets.Learn(secrets.SecretID, strings.TrimSpace(string(text)))
	}
	return string(out), err
}

// AppRole is what setup wrote into the folder.
func (s *Stage) AppRole(t testing.TB) vaultserver.AppRole {
	t.Helper()
	role, roleErr := os.ReadFile(filepath.Join(s.Folder, "role_id"))
	secret, secretErr := os.ReadFile(filepath.Join(s.Folder, "secret_id"))
	if err := errors.Join(roleErr, secretErr); err != nil {
		t.Fatal(err)
	}
	return vaultserver.AppRole{
		Mount:    "approle",
		RoleID:   strings.TrimSpace(string(role)),
		SecretID: credential.NewSecret(strings.TrimSpace(string(secret))),
	}
}
