package gate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
	"github.com/sluice-pg/sluice/integration/harness"
)

// roleCases are ways to leave the role that a session was given. saw is what
// the client is told, text by text; left is the role after them on the server
// alone, given the same role at start-up: "login" is that of the login itself,
// and nothing means the role given. Through Sluice it is the role given after
// every one of them. Servers older than those of November 2024 (CVE-2024-10978)
// leave it also where the session authorization goes back; none is run here.
var roleCases = []struct {
	name  string
	texts []string
	saw   string
	left  string
}{
	{"another role", []string{"SET ROLE shop_other"}, "42501", "shop_other"},
	{"another role as a setting", []string{"SET role TO 'shop_other'"}, "42501", "shop_other"},
	{"another role, local", []string{"BEGIN", "SET LOCAL ROLE shop_other"}, "ok 42501", "shop_other"},
	{"the group itself", []string{"SET ROLE shop_app"}, "42501", ""},
	{"none", []string{"SET ROLE NONE"}, "ok", "login"},
	{"none as a string", []string{"SET ROLE 'none'"}, "ok", "login"},
	{"none as a setting", []string{`SET "Role" TO none`}, "ok", "login"},
	{"none, for the session", []string{"SET SESSION ROLE NONE"}, "ok", "login"},
	{"none, local", []string{"BEGIN", "SET LOCAL ROLE NONE"}, "ok ok", "login"},
	{"none among others", []string{"SELECT 1; SET ROLE NONE; SELECT 2"}, "ok", "login"},
	{"none, committed", []string{"BEGIN", "SET ROLE NONE", "COMMIT"}, "ok ok ok", "login"},
	{"default", []string{"SET role TO DEFAULT"}, "ok", ""},
	{"reset", []string{"RESET ROLE"}, "ok", ""},
	{"reset all", []string{"RESET ALL"}, "ok", ""},
	{"discard all", []string{"DISCARD ALL"}, "ok", ""},
	{"discard all, twice", []string{"DISCARD ALL", "DISCARD ALL"}, "ok ok", ""},
	{"another login", []string{"SET SESSION AUTHORIZATION postgres"}, "42501", ""},
	{"the own login", []string{"SET SESSION AUTHORIZATION DEFAULT"}, "ok", ""},
	{"the own login, local", []string{"BEGIN", "SET LOCAL SESSION AUTHORIZATION DEFAULT"}, "ok ok", ""},
	{"the own login, reset", []string{"RESET SESSION AUTHORIZATION"}, "ok", ""},
	{"the own login as a setting", []string{"SET session_authorization TO DEFAULT"}, "ok", ""},
	{"what a pool sends", []string{"SET SESSION AUTHORIZATION DEFAULT;RESET ALL;CLOSE ALL;UNLISTEN *;SELECT pg_advisory_unlock_all();DISCARD SEQUENCES;DISCARD TEMP"}, "ok", ""},
	{"set_config", []string{"SELECT set_config('role', 'shop_other', false)"}, "42501", "shop_other"},
	{"set_config to none", []string{"SELECT set_config('role', 'none', false)"}, "42501", "login"},
	{"set_config to NULL", []string{"SELECT set_config('role', NULL, false)"}, "ok", ""},
	{"set_config of the login", []string{"SELECT set_config('session_authorization', NULL, false)"}, "42501", ""},
	{"set_config of a hidden name", []string{"SELECT set_config('ro' || 'le', 'none', false)"}, "42501", "login"},
	{"pg_settings", []string{"UPDATE pg_settings SET setting = 'none' WHERE name = 'role'"}, "42501", ""},
	{"for later logins", []string{"ALTER ROLE CURRENT_USER SET role = 'shop_other'"}, "42501", ""},
	{"a function's own setting", []string{"CREATE OR REPLACE FUNCTION mine() RETURNS int LANGUAGE sql SET role = 'none' AS 'SELECT 1'"}, "42501", ""},
	{"DO", []string{"DO $$ BEGIN SET ROLE shop_other; END $$"}, "42501", "shop_other"},
	{"DO to none", []string{"DO $$ BEGIN SET ROLE NONE; END $$"}, "42501", "login"},
	{"DO, dynamic", []string{"DO $$ BEGIN EXECUTE 'SET RO' || 'LE shop_other'; END $$"}, "ok", "shop_other"},
	{"a function", []string{"SELECT leave_role('shop_other')"}, "ok", "shop_other"},
	{"a function to none", []string{"SELECT leave_role('none')"}, "ok", "login"},
	{"a function to the login", []string{"SELECT leave_login()"}, "ok", ""},
	{"a function, local", []string{"BEGIN", "SELECT leave_locally('none')"}, "ok ok", "login"},
	{"a function with a role of its own", []string{"SELECT as_other()"}, "ok", ""},
	{"a prepared statement", []string{"PREPARE p AS SELECT leave_role('none')", "EXECUTE p"}, "ok ok", "login"},
	{"a cursor", []string{"BEGIN", "DECLARE c CURSOR FOR SELECT leave_role('none')", "FETCH c"}, "ok ok ok", "login"},
	{"a procedure that commits", []string{"CALL leave_and_commit('none')"}, "ok", "login"},
	{"a transaction", []string{"BEGIN", "SELECT leave_role('none')"}, "ok ok", "login"},
	{"a transaction, committed", []string{"BEGIN", "SELECT leave_role('none')", "COMMIT"}, "ok ok ok", "login"},
	{"a transaction, rolled back", []string{"BEGIN", "SELECT leave_role('none')", "ROLLBACK"}, "ok ok ok", ""},
	{"a savepoint", []string{"BEGIN", "SAVEPOINT a", "SELECT leave_role('none')", "RELEASE a"}, "ok ok ok ok", "login"},
	{"back to a savepoint that has it", []string{"BEGIN", "SELECT leave_role('none'); SAVEPOINT a", "SELECT 1", "ROLLBACK TO a"}, "ok ok ok ok", "login"},
	{"back from an error to it", []string{"BEGIN", "SELECT leave_role('none'); SAVEPOINT a; SELECT 1/0", "ROLLBACK TO a"}, "ok 22012 ok", "login"},
	{"rolled back to it", []string{"SELECT leave_role('none'); COMMIT; BEGIN", "SELECT 1", "ROLLBACK"}, "ok ok ok", "login"},
	{"an error behind it", []string{"SELECT leave_role('none')", "SELECT 1/0"}, "ok 22012", "login"},
	{"a failed transaction", []string{"BEGIN", "SELECT leave_role('none')", "SELECT 1/0", "ROLLBACK"}, "ok ok 22012 ok", ""},
}

// roleCode is code that is there already, so that no text shows what it does.
const roleCode = `
CREATE ROLE shop_other; GRANT shop_other TO shop_app;
CREATE ROLE direct LOGIN PASSWORD 'direct' IN ROLE shop_app;
CREATE FUNCTION leave_role(name text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN set_config('role', name, false); END $$;
CREATE FUNCTION leave_locally(name text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN set_config('role', name, true); END $$;
CREATE FUNCTION leave_login() RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'RESET SESSION AUTHORIZATION'; END $$;
CREATE FUNCTION as_other() RETURNS name LANGUAGE sql SET role = 'shop_other' AS 'SELECT current_user';
CREATE PROCEDURE leave_and_commit(name text) LANGUAGE plpgsql AS $$ BEGIN PERFORM set_config('role', name, false); COMMIT; END $$;
`

// roleServer starts a server of a version with a proxy that lets everything in.
func roleServer(t *testing.T, version int) (*pgserver.Server, *place) {
	t.Helper()
	return placeOf(t, version, setup{})
}

// placeOf is roleServer with a proxy that is set up otherwise.
func placeOf(t *testing.T, version int, s setup) (*pgserver.Server, *place) {
	t.Helper()
	server, err := pgserver.Start(t.Context(), pgserver.Options{
		Version: version, TLS: true, Database: database,
		InitSQL: []string{"CREATE ROLE " + group, "GRANT ALL ON DATABASE " + database + " TO " + group},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := server.Exec(t.Context(), database, "GRANT ALL ON SCHEMA public TO "+group+";"+roleCode); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	p, err := newPlace(dir, writeAdmin(t, dir, server), server.Port(), server.CAFile, s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.end(t))
	return server, p
}

// A session works as the role it was given, whatever it was sent before. On the
// server alone the same texts do leave the role: otherwise this would show
// nothing.
func TestRoleStays(t *testing.T) {
	for _, version := range harness.Versions(t) {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			server, p := roleServer(t, version)
			for _, c := range roleCases {
				t.Run(c.name, func(t *testing.T) {
					direct := connectAs(t, server)
					inTurn(t, direct, c.texts, simply)
					want := map[string]string{"": group, "login": "direct"}[c.left]
					if want == "" {
						want = c.left
					}
					if got := roleOf(t, direct); got != want {
						t.Errorf("on the server alone it works as %s, want %s", got, want)
					}
					for way, send := range map[string]sender{"simple": simply, "extended": atOnce} {
						conn := p.connect(t, "")
						if saw := inTurn(t, conn, c.texts, send); saw != c.saw && !(way == "extended" && severalIn(c.texts)) {
							t.Errorf("%s: the client saw %s, want %s", way, saw, c.saw)
						}
						stillInRole(t, conn, way)
					}
					inOneGo(t, p, c.texts, c.saw)
				})
			}
		})
	}
}

// connectAs logs in to the server itself, with the role that Sluice would give.
func connectAs(t *testing.T, server *pgserver.Server) *pgconn.PgConn {
	t.Helper()
	config, err := pgconn.ParseConfig(server.DSN("direct", "direct", database))
	if err != nil {
		t.Fatal(err)
	}
	config.RuntimeParams["role"] = group
	conn, err := pgconn.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

type sender func(t *testing.T, conn *pgconn.PgConn, text string) error

func simply(t *testing.T, conn *pgconn.PgConn, text string) error { return run(t, conn, text) }

// atOnce is the extended protocol with a Sync behind every text.
func atOnce(t *testing.T, conn *pgconn.PgConn, text string) error {
	_, err := conn.ExecParams(t.Context(), text, nil, nil, nil, nil).Close()
	return err
}

// severalIn reports whether a text has several statements, which the extended
// protocol does not take.
func severalIn(texts []string) bool {
	return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(text, ";") && !strings.Contains(text, "$$") })
}

// inTurn sends texts and returns the codes of the answers.
func inTurn(t *testing.T, conn *pgconn.PgConn, texts []string, send sender) string {
	t.Helper()
	saw := make([]string, len(texts))
	for i, text := range texts {
		err := send(t, conn, text)
		var pg *pgconn.PgError
		switch {
		case err == nil:
			saw[i] = "ok"
		case errors.As(err, &pg):
			saw[i] = pg.Code
		default:
			t.Fatalf("%s: %v", text, err)
		}
	}
	return strings.Join(saw, " ")
}

// roleOf asks who the session works as. A transaction that failed is ended.
func roleOf(t *testing.T, conn *pgconn.PgConn) string {
	t.Helper()
	if conn.TxStatus() == 'E' {
		mustRun(t, conn, "ROLLBACK")
	}
	results, err := conn.Exec(t.Context(), "SELECT current_user").ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return string(results[0].Rows[0][0])
}

// stillInRole fails the test unless the session works as the group, in the
// transaction it is in and after it.
func stillInRole(t *testing.T, conn *pgconn.PgConn, way string) {
	t.Helper()
	if got := roleOf(t, conn); got != group {
		t.Errorf("%s: it works as %s", way, got)
	}
	if conn.TxStatus() != 'I' {
		for _, end := range []string{"SAVEPOINT before_end", "ROLLBACK TO before_end", "COMMIT"} {
			mustRun(t, conn, end)
			if got := roleOf(t, conn); got != group {
				t.Errorf("%s: after %s it works as %s", way, end, got)
			}
		}
	}
	mustRun(t, conn, "CREATE TABLE IF NOT EXISTS whose (); DROP TABLE whose; CREATE TABLE whose ()")
	results, err := conn.Exec(t.Context(), "SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relname = 'whose'").ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if owner := string(results[0].Rows[0][0]); owner != group {
		t.Errorf("%s: a table of the session belongs to %s", way, owner)
	}
	mustRun(t, conn, "DROP TABLE whose")
}

// inOneGo sends texts with one Sync behind them all and asks for the role in the
// same breath.
func inOneGo(t *testing.T, p *place, texts []string, saw string) {
	t.Helper()
	if severalIn(texts) || strings.Trim(saw, "ok ") != "" {
		return // an error skips the question
	}
	conn := p.connect(t, "")
	batch := &pgconn.Batch{}
	for _, text := range append(slices.Clone(texts), "SELECT current_user") {
		batch.ExecParams(text, nil, nil, nil, nil)
	}
	results, err := conn.ExecBatch(t.Context(), batch).ReadAll()
	if code(err) == "25001" {
		return // the server takes DISCARD ALL only as the first
	}
	if err != nil {
		t.Errorf("in one go: %v", err)
		return
	}
	if got := string(results[len(results)-1].Rows[0][0]); got != group {
		t.Errorf("in one go: it works as %s", got)
	}
	stillInRole(t, conn, "in one go")
}

// The unnamed statement of the client outlives that Sluice takes the role back.
func TestRoleStaysUnseen(t *testing.T) {
	_, p := roleServer(t, 0)
	conn := p.connect(t, "")
	if _, err := conn.Prepare(t.Context(), "", "SELECT leave_role('none'), current_user", nil); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		result := conn.ExecPrepared(t.Context(), "", nil, nil, nil).Read()
		if result.Err != nil {
			t.Fatal(result.Err)
		}
		if tag := result.CommandTag.String(); tag != "SELECT 1" {
			t.Errorf("tag %q", tag)
		}
	}
	for text, want := range map[string]string{
		"SET ROLE NONE": "SET", "RESET SESSION AUTHORIZATION": "RESET", "SET SESSION AUTHORIZATION DEFAULT": "SET", "DISCARD ALL": "DISCARD ALL",
	} {
		results, err := conn.Exec(t.Context(), text).ReadAll()
		if err != nil || len(results) != 1 || results[0].CommandTag.String() != want {
			t.Errorf("%s: %v %v", text, results, err)
		}
	}
	stillInRole(t, conn, "after all")
}
