package catalog

import (
	_ "embed"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/integration/secrets"
	"github.com/sluice-pg/sluice/policy/catalog"
)

//go:embed testdata/schema.sql
var schema string

const (
	database = "shop"
	looker   = "looker"
	password = "looker looks around"
)

func TestMain(m *testing.M) { harness.RunTests(m) }

// newServer starts a server with the shop and a role that may connect and
// nothing else.
func newServer(t testing.TB, version int) *pgserver.Server {
	t.Helper()
	server, err := pgserver.Start(t.Context(), pgserver.Options{
		Version:  version,
		Database: database,
		Config:   map[string]string{"autovacuum": "off"},
		InitSQL:  []string{"CREATE ROLE " + looker + " LOGIN PASSWORD '" + password + "'", schema},
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

// connect logs in as somebody with a password.
func connect(t testing.TB, dsn string) connection {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(t.Context()) })
	return connection{conn}
}

func look(t testing.TB, server *pgserver.Server) connection {
	t.Helper()
	return connect(t, server.DSN(looker, password, database))
}

func load(t testing.TB, c connection) *catalog.Snapshot {
	t.Helper()
	s, err := catalog.Load(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
