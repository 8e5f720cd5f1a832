package deploy

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/integration/secrets"
)

// The ports in the examples.
const (
	examplePort  = 6432
	exampleAdmin = 9632
)

// stage is the world of one example: a folder that stands for the root of its
// file system, two free ports, and a database server.
type stage struct {
	dir         string
	port, admin int
	server      *pgserver.Server
}

// newStage makes a folder that every user can enter, because the server's own
// user has to reach some files in it.
func newStage(t *testing.T) *stage {
	t.Helper()
	dir, err := os.MkdirTemp("", "stage")
	if err != nil {
		t.Fatal(err)
	}
	writes := secrets.NewTree(t.Name(), filepath.Join(dir, "var", "lib"))
	secrets.Learn(secrets.Password, password)
	t.Cleanup(func() {
		writes.Keep()
		secrets.LearnKeys(dir)
		os.RemoveAll(dir)
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return &stage{dir: dir, port: harness.FreePort(t), admin: harness.FreePort(t)}
}

// startServer starts PostgreSQL and lets it be reached under the name in the
// examples.
func (s *stage) startServer(t *testing.T, o pgserver.Options) {
	t.Helper()
	server, err := pgserver.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		harness.LearnFrom(server)
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	s.server = server
}

// preparedServer starts PostgreSQL and runs prepare.sql there as the README
// says, with a password for the issuer, and one table to work with.
func (s *stage) preparedServer(t *testing.T) (issuerPassword string) {
	t.Helper()
	var sql strings.Builder
	for line := range strings.Lines(example(t, "quickstart/prepare.sql")) {
		if !strings.HasPrefix(line, `\`) {
			sql.WriteString(line)
		}
	}
	issuerPassword = "of the issuer in this test"
	secrets.Learn(secrets.Password, issuerPassword)
	s.startServer(t, pgserver.Options{TLS: true, Database: "shop", InitSQL: []string{
		"CREATE TABLE products (sku text PRIMARY KEY); INSERT INTO products VALUES ('SKU-0001')",
		sql.String(),
		"ALTER ROLE shop_issuer PASSWORD '" + issuerPassword + "'",
	}})
	return issuerPassword
}

// exampleHost is a database's host in a connection string.
var exampleHost = regexp.MustCompile(`host=(db\.example\.net|database) port=5432`)

// exampleUpstream is a database's host in a configuration, on a line of its
// own.
var exampleUpstream = regexp.MustCompile(`(?m)^( *)host: (db\.example\.net|database)\b.*$`)

// exampleFolder is a path in the examples: where the program, its files and
// its volumes are.
var exampleFolder = regexp.MustCompile(`/(etc/sluice|var/lib/sluice|run/credentials/sluice\.service|shared|sluice-secrets|database-secrets|prepare\.sh|migrations|test)\b`)

// move rewrites places in a text: paths into the stage, ports and hosts to
// those in use here.
func (s *stage) move(text string) string {
	text = exampleFolder.ReplaceAllStringFunc(text, func(path string) string { return s.dir + path })
	text = regexp.MustCompile(`/usr/bin/sluice\b`).ReplaceAllString(text, sluice)
	for from, to := range map[int]int{examplePort: s.port, exampleAdmin: s.admin} {
		text = regexp.MustCompile(fmt.Sprintf(`\b(0\.0\.0\.0|127\.0\.0\.1):%d\b`, from)).ReplaceAllString(text, fmt.Sprintf("127.0.0.1:%d", to))
	}
	if s.server != nil {
		text = exampleHost.ReplaceAllString(text, fmt.Sprintf("host=localhost port=%d", s.server.Port()))
		text = exampleUpstream.ReplaceAllString(text, fmt.Sprintf("${1}host: localhost\n${1}port: %d", s.server.Port()))
	}
	return text
}

func (s *stage) moveAll(words []string) []string {
	var all []string
	for _, word := range words {
		all = append(all, s.move(word))
	}
	return all
}

// put writes a file at a path of the example, with its text moved.
func (s *stage) put(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	name := s.dir + path
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(s.move(text)), mode); err != nil {
		t.Fatal(err)
	}
}

// mkdir makes a folder that the example's system would have made.
func (s *stage) mkdir(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(s.dir+path, 0o755); err != nil {
		t.Fatal(err)
	}
}

// issuerFile is the passfile of the issuer.
func issuerFile(password string) string { return "*:*:*:shop_issuer:" + password + "\n" }

// serverCA is the certificate of who signed the server's.
func (s *stage) serverCA(t *testing.T) string { t.Helper(); return readFile(t, s.server.CAFile) }

// certificate has the server's authority sign one for Sluice.
func (s *stage) certificate(t *testing.T) (cert, key string) {
	t.Helper()
	certFile, keyFile, err := s.server.Issue("sluice", "localhost", "localhost", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	return readFile(t, certFile), readFile(t, keyFile)
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
