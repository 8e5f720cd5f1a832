package vaultsetup

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/integration/vaultserver"
)

// group is what sessions of a role work as.
var group = map[string]string{
	"shop-read": "shop_read", "shop-copy-out": "shop_copy_out", "shop-migrate": "shop_owner",
}

// sluice logs in to Vault as Sluice does.
func (s *Stage) sluice(t *testing.T) *vaultserver.Client {
	t.Helper()
	client, _ := s.Vault.Login(t, s.AppRole(t))
	return client
}

// child are the parameters of the token for one person's login.
func child(person string) map[string]any {
	return map[string]any{
		"policies": []string{"sluice-session"}, "no_default_policy": true, "display_name": person,
	}
}

// issue is a login for a person, and the token that it hangs from.
func (s *Stage) issue(t *testing.T, parent *vaultserver.Client, role, person string) (vaultserver.Credential, *vaultserver.Client) {
	t.Helper()
	token, _ := parent.Child(t, child(person))
	return token.Credential(t, "database/creds/"+role), token
}

// connect logs in upstream; as is the start-up parameter role, if it is not
// empty.
func (s *Stage) connect(t *testing.T, c vaultserver.Credential, as string) (*pgconn.PgConn, error) {
	t.Helper()
	config, err := pgconn.ParseConfig(s.Server.DSN(c.User, c.Password.Reveal(), Database))
	if err != nil {
		t.Fatal("the connection string cannot be read") // it has a password
	}
	if as != "" {
		config.RuntimeParams["role"] = as
	}
	conn, err := pgconn.ConnectConfig(t.Context(), config)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = conn.Close(ctx) // most are cut by then
	})
	return conn, nil
}

func (s *Stage) login(t *testing.T, c vaultserver.Credential, as string) *pgconn.PgConn {
	t.Helper()
	conn, err := s.connect(t, c, as)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// query runs statements and returns the last one's first value.
func query(t *testing.T, conn *pgconn.PgConn, sql string) (string, error) {
	t.Helper()
	results, err := conn.Exec(t.Context(), sql).ReadAll()
	if err != nil {
		return "", err
	}
	if len(results) == 0 || len(results[len(results)-1].Rows) == 0 {
		return "", nil
	}
	return string(results[len(results)-1].Rows[0][0]), nil
}

func must(t *testing.T, conn *pgconn.PgConn, sql string) string {
	t.Helper()
	value, err := query(t, conn, sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return value
}

// refused runs statements that the server has to refuse with a SQLSTATE.
func refused(t *testing.T, conn *pgconn.PgConn, sql, code string) {
	t.Helper()
	_, err := query(t, conn, sql)
	var refusal *pgconn.PgError
	if !errors.As(err, &refusal) || refusal.Code != code {
		t.Errorf("%s: %v, want SQLSTATE %s", sql, err, code)
	}
}

// super runs statements as superuser and returns the last one's first value.
func (s *Stage) super(t *testing.T, sql string) string {
	t.Helper()
	return s.inDatabase(t, Database, sql)
}

// inDatabase is super in another database.
func (s *Stage) inDatabase(t *testing.T, database, sql string) string {
	t.Helper()
	rows, err := s.Server.Query(t.Context(), database, sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	if len(rows) == 0 {
		return ""
	}
	return rows[0][0]
}

// gone fails the test if there is anything left of a login: its role, or a
// session.
func (s *Stage) gone(t *testing.T, c vaultserver.Credential, conns ...*pgconn.PgConn) {
	t.Helper()
	if s.super(t, "SELECT count(*) FROM pg_roles WHERE rolname = "+literal(c.User)) != "0" {
		t.Errorf("the role %s is there after it was revoked", c.User)
	}
	s.lockedOut(t, c, conns...)
}

// lockedOut fails the test if a session of a login goes on, or a new one can
// begin.
func (s *Stage) lockedOut(t *testing.T, c vaultserver.Credential, conns ...*pgconn.PgConn) {
	t.Helper()
	for _, conn := range conns {
		if _, err := query(t, conn, "SELECT 1"); err == nil {
			t.Errorf("a session of %s goes on after it was revoked", c.User)
		}
	}
	var refusal *pgconn.PgError
	if _, err := s.connect(t, c, ""); !errors.As(err, &refusal) || !strings.HasPrefix(refusal.Code, "28") {
		t.Errorf("a login with the revoked %s: %v", c.User, err)
	}
}

func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
