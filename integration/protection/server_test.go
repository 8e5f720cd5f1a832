package protection

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/integration/secrets"
	"github.com/sluice-pg/sluice/policy/protection"
	"github.com/sluice-pg/sluice/proxy/credential"
)

const (
	database = "shop"
	looker   = "looker"
	password = "looker looks at rights"
)

func TestMain(m *testing.M) { harness.RunTests(m) }

// connection asks over a real connection, and counts what it asks.
type connection struct {
	*pgconn.PgConn
	asked *[]string
}

func (c connection) Query(ctx context.Context, sql string, row func([][]byte) error) error {
	*c.asked = append(*c.asked, sql)
	return credential.EachRow(ctx, c.PgConn, sql, row)
}

// try runs statements and returns their error.
func (c connection) try(t testing.TB, sql string) error {
	t.Helper()
	return c.Query(t.Context(), sql, func([][]byte) error { return nil })
}

// must runs statements.
func (c connection) must(t testing.TB, sql string) {
	t.Helper()
	if err := c.try(t, sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// one is the only value of a result, "" for NULL and for none.
func (c connection) one(t testing.TB, sql string) (value string, err error) {
	t.Helper()
	err = c.Query(t.Context(), sql, func(values [][]byte) error {
		value = string(values[0])
		return nil
	})
	return value, err
}

// newServer starts a server with an empty database and a role that may connect
// and nothing else.
func newServer(t testing.TB, version int) *pgserver.Server {
	t.Helper()
	server, err := pgserver.Start(t.Context(), pgserver.Options{
		Version:  version,
		Database: database,
		Config:   map[string]string{"autovacuum": "off", "fsync": "off", "wal_level": "logical"},
		InitSQL:  []string{"CREATE ROLE " + looker + " LOGIN PASSWORD '" + password + "'"},
	})
	if err != nil {
		t.Fatal(err)
	}
	secrets.Learn(secrets.Password, password)
	t.Cleanup(func() {
		harness.LearnFrom(server)
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	return server
}

func connect(t testing.TB, dsn string) connection {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return connection{conn, &[]string{}}
}

// root connects as superuser, look as the role that may only connect.
func root(t testing.TB, server *pgserver.Server, in string) connection {
	t.Helper()
	return connect(t, server.SuperuserDSN(in))
}

func look(t testing.TB, server *pgserver.Server, in string) connection {
	t.Helper()
	return connect(t, server.DSN(looker, password, in))
}

func load(t testing.TB, c connection) *protection.Server {
	t.Helper()
	s, err := protection.Load(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func relation(t testing.TB, s *protection.Server, name string) *protection.Relation {
	t.Helper()
	schema, bare, _ := strings.Cut(name, ".")
	r, found := s.Relation(schema, bare)
	if !found {
		t.Fatalf("there is no relation %s", name)
	}
	return r
}
