package posture

import (
	"context"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/goleak"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/integration/secrets"
	"github.com/sluice-pg/sluice/policy/destination"
	"github.com/sluice-pg/sluice/proxy/credential"
	"github.com/sluice-pg/sluice/proxy/probe"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// versions are the servers of this suite: an old one without what came in 16,
// and the newest.
func versions(t testing.TB) []int { return harness.VersionsOr(t, 15, 18) }

// database is the one that holds copies.
const database = "copies"

// password is that of every role here that has one.
const password = "nobody may see this in a log"

// server is one place.
type server struct {
	*pgserver.Server
	version int
}

// start starts a server that ends with the test.
func start(t testing.TB, version int, o pgserver.Options) *server {
	t.Helper()
	o.Version, o.Database = version, database
	o.InitSQL = append([]string{"SET password_encryption = 'scram-sha-256'"}, o.InitSQL...)
	s, err := pgserver.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	secrets.Learn(secrets.Password, password)
	t.Cleanup(func() {
		harness.LearnFrom(s)
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return &server{s, version}
}

func (s *server) exec(t testing.TB, sql string) {
	t.Helper()
	if err := s.Exec(t.Context(), database, sql); err != nil {
		t.Fatalf("PostgreSQL %d: %s: %v", s.version, sql, err)
	}
}

// setHBA replaces pg_hba.conf and waits until the server has read it. A file
// that cannot be loaded leaves the old rules, and is read all the same.
func (s *server) setHBA(t testing.TB, lines ...string) {
	t.Helper()
	before := s.loaded(t)
	if err := s.SetHBA(t.Context(), lines); err != nil {
		t.Fatal(err)
	}
	s.awaitLoad(t, before)
}

func (s *server) reload(t testing.TB) {
	t.Helper()
	before := s.loaded(t)
	s.exec(t, "SELECT pg_reload_conf()")
	s.awaitLoad(t, before)
}

// loaded is when the server has read its files.
func (s *server) loaded(t testing.TB) string {
	t.Helper()
	rows, err := s.Query(t.Context(), "postgres", "SELECT pg_conf_load_time()")
	if err != nil {
		t.Fatal(err)
	}
	return rows[0][0]
}

func (s *server) awaitLoad(t testing.TB, before string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); s.loaded(t) == before; {
		if time.Now().After(deadline) {
			t.Fatalf("PostgreSQL %d did not read its files again", s.version)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// writeHBA replaces the file without making the server read it.
func (s *server) writeHBA(t testing.TB, lines ...string) {
	t.Helper()
	text := "local all postgres trust\n" + strings.Join(lines, "\n") + "\n"
	if err := os.WriteFile(filepath.Join(s.Dir(), "data", "pg_hba.conf"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// querier asks over a real connection.
type querier struct{ *pgconn.PgConn }

func (q querier) Query(ctx context.Context, sql string, row func([][]byte) error) error {
	return credential.EachRow(ctx, q.PgConn, sql, row)
}

func connect(t testing.TB, dsn string) querier {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.WithoutCancel(t.Context())) })
	q := querier{conn}
	q.must(t, "SET search_path = pg_catalog, pg_temp")
	return q
}

func (q querier) must(t testing.TB, sql string) {
	t.Helper()
	if err := q.Query(t.Context(), sql, func([][]byte) error { return nil }); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// inside is what the server says of itself to a superuser.
func (s *server) inside(t testing.TB) *destination.Facts {
	t.Helper()
	return s.insideAs(t, connect(t, s.SuperuserDSN(database)))
}

func (s *server) insideAs(t testing.TB, q querier) *destination.Facts {
	t.Helper()
	f, err := probe.Inside(t.Context(), q)
	if err != nil {
		t.Fatalf("PostgreSQL %d: %v", s.version, err)
	}
	return f
}

// target is the place as a policy would name it.
func (s *server) target(t testing.TB, users ...string) probe.Target {
	t.Helper()
	target := probe.Target{
		Name: "place", Host: pgserver.Host, Port: s.Port(), Users: users,
		Databases: []string{database}, ServerName: "localhost", CA: x509.NewCertPool(),
	}
	if s.CAFile != "" {
		pem, err := os.ReadFile(s.CAFile)
		if err != nil {
			t.Fatal(err)
		}
		if !target.CA.AppendCertsFromPEM(pem) {
			t.Fatal("no certificate in the CA file")
		}
	}
	return target
}

// setup runs the SQL of SetupSQL with psql, as a DBA would.
func (s *server) setup(t testing.TB, o destination.SetupOptions) {
	t.Helper()
	sql, err := destination.SetupSQL(o)
	if err != nil {
		t.Fatal(err)
	}
	s.psql(t, sql, 0)
}

// psql runs SQL as the superuser over the socket and returns what it printed.
func (s *server) psql(t testing.TB, sql string, exit int) string {
	t.Helper()
	return s.psqlIn(t, database, sql, exit)
}

func (s *server) psqlIn(t testing.TB, database, sql string, exit int) string {
	t.Helper()
	target := harness.Target{Name: "direct", Host: s.Socket, Port: s.Port(), User: s.Superuser(), Database: database, SSLMode: "disable"}
	r := harness.Run(t, target, harness.Command{
		Program: "psql", Args: []string{"-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", "-"}, Stdin: sql, Dir: t.TempDir(),
	})
	if r.Exit != exit {
		t.Fatalf("PostgreSQL %d: psql exits with %d, not %d\n%s", s.version, r.Exit, exit, r)
	}
	return fmt.Sprint(r.Stdout, r.Stderr)
}

// login makes a short-lived login in a group and connects as it over TCP.
func (s *server) login(t testing.TB, name, group string) querier {
	t.Helper()
	s.exec(t, fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s'", name, password))
	if group != "" {
		s.exec(t, fmt.Sprintf("GRANT %s TO %s", group, name))
	}
	return connect(t, strings.Replace(s.DSN(name, password, database), "127.0.0.1", "localhost", 1))
}
