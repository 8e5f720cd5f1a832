package gate

import (
	"slices"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// pipelined are ways to leave the role in messages that are all sent before the
// first is answered, so that nobody can know yet what became of the transaction.
// A text is a simple Query; the others are sent as they are.
var pipelined = []struct {
	name     string
	messages []pgproto3.FrontendMessage
	// left is who the session works as on the server alone.
	left string
}{
	{"a role", simple("SELECT leave_role('none')"), "direct"},
	{"rolled back to it", simple("SELECT leave_role('none'); COMMIT; BEGIN", "SELECT 1", "ROLLBACK"), "direct"},
	{"committed after a failure", simple("SELECT leave_role('none'); COMMIT; BEGIN", "SELECT 1", "SELECT 1/0", "COMMIT"), "direct"},
	{"back to a savepoint", simple("BEGIN", "SELECT leave_role('none'); SAVEPOINT a", "SELECT 1", "ROLLBACK TO a"), "direct"},
	{"back to a savepoint, twice", simple("BEGIN", "SELECT leave_role('none'); SAVEPOINT a", "SELECT 1", "ROLLBACK TO a", "SELECT 1", "ROLLBACK TO a"), "direct"},
	{"an error behind a procedure that commits",
		slices.Concat(extended("CALL leave_and_commit('none')"), extended("SELECT 1/0"), aSync()), "direct"},
	{"an error in a procedure that has committed",
		slices.Concat(extended("CALL leave_and_fail('none')"), extended("SELECT 1"), aSync()), "direct"},
	{"a simple text among extended ones", slices.Concat(extended("CALL leave_and_commit('none')"), simple("SELECT 1/0")), "direct"},
	{"back to a savepoint from a failure", slices.Concat(simple("BEGIN", "SELECT leave_role('none'); SAVEPOINT a; SELECT 1/0"),
		extended("ROLLBACK TO a"), aSync()), "direct"},
	{"planned and never run",
		slices.Concat(bound("p", "SELECT leave_in_plan('none')"), aSync()), "direct"},
}

// leaveInPlan runs when a statement is planned.
const leaveInPlan = `
CREATE FUNCTION leave_in_plan(name text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN set_config('role', name, false); END $$;
CREATE PROCEDURE leave_and_fail(name text) LANGUAGE plpgsql AS $$ BEGIN PERFORM set_config('role', name, false); COMMIT; RAISE 'no'; END $$;`

func simple(texts ...string) (all []pgproto3.FrontendMessage) {
	for _, text := range texts {
		all = append(all, &pgproto3.Query{String: text})
	}
	return all
}

func bound(portal, text string) []pgproto3.FrontendMessage {
	return []pgproto3.FrontendMessage{
		&pgproto3.Parse{Name: portal, Query: text}, &pgproto3.Bind{DestinationPortal: portal, PreparedStatement: portal},
	}
}

func extended(text string) []pgproto3.FrontendMessage {
	return append(bound("", text), &pgproto3.Execute{})
}

func aSync() []pgproto3.FrontendMessage { return []pgproto3.FrontendMessage{&pgproto3.Sync{}} }

// A session that waits for no answer stays in its role as well.
func TestRoleStaysInAPipeline(t *testing.T) {
	server, p := roleServer(t, 0)
	if err := server.Exec(t.Context(), database, leaveInPlan); err != nil {
		t.Fatal(err)
	}
	for _, c := range pipelined {
		t.Run(c.name, func(t *testing.T) {
			if got := whoInPipeline(t, connectAs(t, server), c.messages); got != c.left {
				t.Errorf("on the server alone it works as %s, want %s", got, c.left)
			}
			if got := whoInPipeline(t, p.connect(t, ""), c.messages); got != group {
				t.Errorf("it works as %s", got)
			}
		})
	}
}

// TestRoleStaysBetweenPortals: what runs beside a statement whose planning left
// the role runs as the group.
func TestRoleStaysBetweenPortals(t *testing.T) {
	server, p := roleServer(t, 0)
	if err := server.Exec(t.Context(), database, leaveInPlan); err != nil {
		t.Fatal(err)
	}
	leaves := bound("p", "SELECT leave_in_plan('none')")
	for what, messages := range map[string][]pgproto3.FrontendMessage{
		"a portal from before": slices.Concat(bound("who", "SELECT current_user"), leaves, []pgproto3.FrontendMessage{&pgproto3.Execute{Portal: "who"}}, aSync()),
		"one from behind":      slices.Concat(leaves, extended("SELECT current_user"), aSync()),
	} {
		for name, conn := range map[string]*pgconn.PgConn{"direct": connectAs(t, server), group: p.connect(t, "")} {
			if got := lastRow(t, conn, messages); got != name {
				t.Errorf("%s: it works as %s, want %s", what, got, name)
			}
		}
	}
}

// TestRoleStaysBehindAFailure: what was left before an error is looked after when
// the transaction goes on, also in the same breath.
func TestRoleStaysBehindAFailure(t *testing.T) {
	server, p := roleServer(t, 0)
	for name, conn := range map[string]*pgconn.PgConn{"direct": connectAs(t, server), group: p.connect(t, "")} {
		lastRow(t, conn, simple("BEGIN", "SELECT leave_role('none'); SAVEPOINT a; SELECT 1/0"))
		if got := lastRow(t, conn, slices.Concat(extended("ROLLBACK TO a"), extended("SELECT current_user"), aSync())); got != name {
			t.Errorf("it works as %s, want %s", got, name)
		}
	}
}

// whoInPipeline asks for the role behind messages, in one write.
func whoInPipeline(t *testing.T, conn *pgconn.PgConn, messages []pgproto3.FrontendMessage) string {
	t.Helper()
	return lastRow(t, conn, append(slices.Clone(messages), &pgproto3.Query{String: "SELECT current_user"}))
}

// lastRow sends messages at once and returns the last value that comes back.
func lastRow(t *testing.T, conn *pgconn.PgConn, messages []pgproto3.FrontendMessage) (value string) {
	t.Helper()
	ends := 0
	for _, m := range messages {
		conn.Frontend().Send(m)
		switch m.(type) {
		case *pgproto3.Query, *pgproto3.Sync:
			ends++
		}
	}
	if err := conn.Frontend().Flush(); err != nil {
		t.Fatal(err)
	}
	for ends > 0 {
		m, err := conn.Frontend().Receive()
		if err != nil {
			t.Fatal(err)
		}
		switch m := m.(type) {
		case *pgproto3.DataRow:
			value = string(m.Values[0])
		case *pgproto3.ReadyForQuery:
			ends--
		}
	}
	return value
}
