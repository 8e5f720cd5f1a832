package harness

import (
	_ "embed"
	"path/filepath"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
	"github.com/sluice-pg/sluice/integration/secrets"
)

// user is the person in all suites, with the password of the same name.
const (
	user     = "alice"
	password = "alice in the integration suite"
)

//go:embed schema.sql
var schema string

// foundation is what a new server gets. A session of alice works as shop_app
// from its first statement, as a session with a minted credential does.
var foundation = []string{
	"CREATE ROLE shop_app",
	"CREATE ROLE " + user + " LOGIN PASSWORD '" + password + "' IN ROLE shop_app",
	"ALTER ROLE " + user + " SET role = 'shop_app'",
	"CREATE DATABASE shop_template OWNER shop_app",
}

// World is one PostgreSQL server with the databases shop, which has a schema,
// and restored, which is empty.
type World struct {
	Server  *pgserver.Server
	Version int
}

// NewWorld starts a server that ends with the test. A missing version fails
// the test with the way to get it.
func NewWorld(t testing.TB, version int) *World {
	t.Helper()
	return NewWorldWith(t, version, map[string]string{"log_statement": "all", "max_connections": "60"})
}

// NewWorldWith is NewWorld with settings of the server of one's own.
func NewWorldWith(t testing.TB, version int, config map[string]string) *World {
	t.Helper()
	server, err := pgserver.Start(t.Context(), pgserver.Options{
		Version: version,
		TLS:     true,
		Config:  config,
		InitSQL: foundation,
	})
	if err != nil {
		t.Fatal(err)
	}
	secrets.Learn(secrets.Password, password)
	t.Cleanup(func() {
		LearnFrom(server)
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	w := &World{Server: server, Version: version}
	w.Exec(t, "shop_template", schema)
	w.Reset(t, "restored")
	return w
}

// LearnFrom takes note of the secrets of a server, before it stops: also of those
// of the roles that Sluice has made, as far as the server's log has them.
func LearnFrom(server *pgserver.Server) {
	secrets.Learn(secrets.Password, server.Password())
	secrets.LearnVerifiersOf(server.LogFile())
	if server.CAFile != "" {
		secrets.LearnKeys(filepath.Dir(server.CAFile))
	}
}

// Exec runs statements as superuser.
func (w *World) Exec(t testing.TB, database, sql string) {
	t.Helper()
	if err := w.Server.Exec(t.Context(), database, sql); err != nil {
		t.Fatalf("PostgreSQL %d: %v", w.Version, err)
	}
}

// Query runs statements as superuser and returns the rows of the last one.
func (w *World) Query(t testing.TB, database, sql string) [][]string {
	t.Helper()
	rows, err := w.Server.Query(t.Context(), database, sql)
	if err != nil {
		t.Fatalf("PostgreSQL %d: %v", w.Version, err)
	}
	return rows
}

// Reset makes the database shop new, and restored too if it is named, so that
// what one run has changed is not seen by the next. It first waits until every
// minted role is gone, which also shows that a session's credential does not
// outlive it.
func (w *World) Reset(t testing.TB, also ...string) {
	t.Helper()
	w.awaitNoLease(t)
	templates := map[string]string{"shop": "shop_template", "restored": "template0"}
	for _, name := range append([]string{"shop"}, also...) {
		w.Exec(t, "postgres", "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
		w.Exec(t, "postgres", "CREATE DATABASE "+name+" OWNER shop_app TEMPLATE "+templates[name])
	}
}

// leaseTime is how long a minted role may live after its session.
const leaseTime = 15 * time.Second

// awaitNoLease waits until the server has only the roles it began with, and those
// of the proxy's own connections.
func (w *World) awaitNoLease(t testing.TB) {
	t.Helper()
	deadline := time.Now().Add(leaseTime)
	for {
		roles := w.Query(t, "postgres", "SELECT rolname FROM pg_roles WHERE rolname LIKE 'sluice%' AND rolname NOT LIKE 'sluice\\_sluice\\_%'")
		if len(roles) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("PostgreSQL %d: %v after its session the role of a credential still exists: %v", w.Version, leaseTime, roles)
		}
		time.Sleep(30 * time.Millisecond)
	}
}

// Direct is the way to the server itself.
func (w *World) Direct() Target {
	return Target{
		Name: "direct", Host: "localhost", Port: w.Server.Port(),
		User: user, Password: password, Database: "shop",
		CAFile: w.Server.CAFile, SSLMode: "verify-full",
	}
}
