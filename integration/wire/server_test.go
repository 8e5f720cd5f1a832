package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/integration/secrets"
	"github.com/sluice-pg/sluice/proxy/proxytest"
)

const (
	database = "shop"
	user     = "wire"
	group    = "wire_app"
	// password opens a server on loopback that lives as long as the test.
	password = "correct horse battery staple"
)

// roles are what the scripts log in as. The group owns what is made, for
// scripts may run under roles that live only as long as a session.
var roles = []string{
	"CREATE ROLE " + group,
	"CREATE ROLE " + user + " LOGIN PASSWORD '" + password + "' IN ROLE " + group,
	"GRANT ALL ON DATABASE " + database + " TO " + group,
}

// startServer starts a server with TLS for the life of the test. At its end,
// when everything in front of it has stopped, no minted role may be left.
func startServer(t *testing.T, version int) *pgserver.Server {
	t.Helper()
	s, err := pgserver.Start(t.Context(), pgserver.Options{
		Version:  version,
		TLS:      true,
		Database: database,
		InitSQL:  roles,
		Config:   map[string]string{"max_prepared_transactions": "5", "lc_messages": "C", "log_statement": "ddl"},
	})
	if err != nil {
		t.Fatal(err)
	}
	secrets.Learn(secrets.Password, password)
	secrets.Watch(t)
	t.Cleanup(func() {
		rows, err := s.Query(context.WithoutCancel(t.Context()), database, `SELECT rolname FROM pg_roles WHERE rolname LIKE 'sluice\_%'`)
		if err != nil || len(rows) != 0 {
			t.Errorf("roles left on the server: %v, %v", rows, err)
		}
		harness.LearnFrom(s)
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// direct is the server itself as a target.
func direct(t *testing.T, s *pgserver.Server) proxytest.Target {
	t.Helper()
	target := proxytest.Target{
		Name:     "direct",
		Version:  serverVersion(t, s),
		TLS:      clientTLS(t, s.CAFile),
		User:     user,
		Password: password,
		Database: database,
		Dial: func(ctx context.Context) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", s.Addr())
		},
	}
	target.Admin = func(ctx context.Context, sql string) (string, error) { return admin(ctx, s, sql) }
	target.Reset = func(ctx context.Context) error { return reset(ctx, s) }
	return target
}

func admin(ctx context.Context, s *pgserver.Server, sql string) (string, error) {
	rows, err := s.Query(ctx, database, sql)
	if err != nil {
		return "", err
	}
	lines := make([]string, len(rows))
	for i, row := range rows {
		lines[i] = strings.Join(row, "|")
	}
	return strings.Join(lines, "\n"), nil
}

// reset ends sessions that a script before left behind, but for those of
// administrators, and empties the database.
func reset(ctx context.Context, s *pgserver.Server) error {
	for _, sql := range []string{
		`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		  WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
		    AND usename <> current_user`,
		`DO $$ BEGIN PERFORM lo_unlink(oid) FROM pg_largeobject_metadata; END $$`,
		`DROP SCHEMA public CASCADE`,
		`CREATE SCHEMA public`,
		`GRANT ALL ON SCHEMA public TO ` + group,
	} {
		if _, err := s.Query(ctx, database, sql); err != nil {
			return fmt.Errorf("reset: %w", err)
		}
	}
	return nil
}

func serverVersion(t *testing.T, s *pgserver.Server) int {
	t.Helper()
	text, err := admin(t.Context(), s, "SHOW server_version_num")
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n / 10000
}

func clientTLS(t *testing.T, caFile string) *tls.Config {
	t.Helper()
	pem, err := os.ReadFile(caFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatalf("%s holds no certificate", caFile)
	}
	return &tls.Config{RootCAs: pool, ServerName: "localhost", NextProtos: []string{"postgresql"}, MinVersion: tls.VersionTLS12}
}
