package vault

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
	"github.com/sluice-pg/sluice/proxy/credential"
	"github.com/sluice-pg/sluice/proxy/credential/vault/vaulttest"
)

// database is the PostgreSQL that the tests of backends share.
var database struct {
	once   sync.Once
	server *pgserver.Server
	err    error
}

func startServer(t *testing.T) *pgserver.Server {
	t.Helper()
	database.once.Do(func() {
		database.server, database.err = pgserver.Start(context.Background(), pgserver.Options{
			Database: "shop",
			Config:   map[string]string{"max_connections": "150"},
			InitSQL: []string{
				"CREATE ROLE shop_reader NOLOGIN; CREATE TABLE items AS SELECT generate_series(1, 10000) AS n; GRANT SELECT ON items TO shop_reader",
				"CREATE ROLE " + vaulttest.SharedUser + " LOGIN IN ROLE shop_reader PASSWORD '" + vaulttest.SharedPassword + "'",
			},
		})
	})
	if database.err != nil {
		t.Fatal(database.err)
	}
	return database.server
}

func stopServer() {
	if database.server != nil {
		_ = database.server.Stop()
	}
}

// roles is the database engine of a fake: it makes roles on the server.
type roles struct {
	mu   sync.Mutex
	conn *pgconn.PgConn
	away bool // the database cannot be reached
	weak bool // the control role lacks pg_signal_backend
}

func newRoles(t *testing.T) *roles {
	t.Helper()
	return &roles{conn: superuser(t)}
}

func (r *roles) setAway(yes bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.away = yes
}

func (r *roles) setWeak(yes bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.weak = yes
}

func (r *roles) isWeak() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.weak
}

func (r *roles) exec(sql string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.away {
		return errors.New("the database is away")
	}
	_, err := r.conn.Exec(context.Background(), sql).ReadAll()
	return err
}

func (r *roles) Create(vaultRole, user, password string) error {
	group := "shop_reader"
	if vaultRole == "control" {
		group = "pg_signal_backend"
		if r.isWeak() {
			group = "shop_reader"
		}
	}
	return r.exec(fmt.Sprintf(`CREATE ROLE "%s" LOGIN IN ROLE %s PASSWORD '%s'`, user, group, password))
}

func (r *roles) Drop(user string) error { return r.exec(fmt.Sprintf(`DROP ROLE IF EXISTS "%s"`, user)) }

func superuser(t *testing.T) *pgconn.PgConn {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), startServer(t).SuperuserDSN("shop"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// withControl is an issuer's configuration whose backends can be terminated.
func withControl(t *testing.T) IssuerConfig {
	t.Helper()
	control, err := pgconn.ParseConfig(startServer(t).DSN("x", "x", "shop"))
	if err != nil {
		t.Fatal(err)
	}
	control.User, control.Password = "", ""
	return IssuerConfig{Control: control, ControlRole: "control", Roles: []string{"reader"}}
}

// work logs in with a lease, opens a cursor and tells the lease its backend.
func work(t *testing.T, lease *credential.Lease) *pgconn.PgConn {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), startServer(t).DSN(lease.User, lease.Password.Reveal(), "shop"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	lease.Backends.Add(conn.PID())
	sql := "BEGIN; DECLARE c CURSOR FOR SELECT n FROM items; FETCH 1 FROM c"
	if _, err := conn.Exec(t.Context(), sql).ReadAll(); err != nil {
		t.Fatal(err)
	}
	return conn
}

// alive tells whether the server still has a backend.
func alive(t *testing.T, conn *pgconn.PgConn) bool {
	t.Helper()
	results, err := superuser(t).Exec(t.Context(), fmt.Sprintf("SELECT count(*) FROM pg_stat_activity WHERE pid = %d", conn.PID())).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return string(results[0].Rows[0][0]) != "0"
}

// rolesLeft lists the roles that a fake has made.
func rolesLeft(t *testing.T) string {
	t.Helper()
	results, err := superuser(t).Exec(t.Context(), "SELECT rolname FROM pg_roles WHERE rolname LIKE 'v-%'").ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, row := range results[0].Rows {
		names = append(names, string(row[0]))
	}
	return strings.Join(names, " ")
}
