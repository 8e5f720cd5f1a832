package gate

import (
	"fmt"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
	"github.com/sluice-pg/sluice/integration/harness"
)

// asServer stands for as many rows as on the server alone.
const asServer = -1

// asking are texts before which the proxy asks the server something of its own:
// where names lead, what the settings are.
var asking = []struct {
	name     string
	messages []pgproto3.FrontendMessage
	// rows are there for others afterwards, on the server alone as well.
	rows int
}{
	{"the first look-up of names", simple("INSERT INTO committed VALUES (1)"), 1},
	{"behind another path", simple("SET search_path = public", "INSERT INTO committed VALUES (1)"), 1},
	{"what made a table", simple("CREATE TEMPORARY TABLE mine (id int)", "INSERT INTO committed VALUES (1)"), 1},
	{"a text to be read with care", simple("SELECT count(*) FROM committed", `INSERT INTO committed SELECT 1 WHERE 'ä\' <> ''`), 1},
	{"several at once", simple("INSERT INTO committed VALUES (1)", "SET search_path = public", "INSERT INTO committed VALUES (2)"), 2},
	{"a pipeline", slices.Concat(extended("SET search_path = public"), extended("INSERT INTO committed VALUES (1)"), aSync()), 1},
	{"pipelines", slices.Concat(extended("INSERT INTO committed VALUES (1)"), aSync(), extended("SET search_path = public"), aSync(),
		extended("INSERT INTO committed VALUES (2)"), aSync()), 2},
	// Servers from 17 on take the text for part of the pipeline, which nothing ends.
	{"a simple text in a pipeline", slices.Concat(extended("SET search_path = public"), simple("INSERT INTO committed VALUES (1)")), asServer},
	{"a pipeline that fails", slices.Concat(extended("INSERT INTO committed VALUES (1)"), extended("SELECT 1/0"), aSync()), 0},
	{"one that fails behind a question", slices.Concat(extended("INSERT INTO committed VALUES (1)"), extended("SET search_path = public"),
		extended("INSERT INTO committed VALUES (2)"), extended("SELECT 1/0"), aSync()), 0},
}

// TestCommitted: what a client has sent and was told is done, others see, though
// the proxy has asked the server in between, and no more than that.
func TestCommitted(t *testing.T) {
	for _, version := range harness.VersionsOr(t, 15, 18) {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			server, p := placeOf(t, version, setup{policy: harness.AllowAll})
			mustRun(t, connectAs(t, server), "CREATE TABLE committed (id int)")
			for _, c := range asking {
				t.Run(c.name, func(t *testing.T) {
					alone := seenByOthers(t, server, connectAs(t, server), c.messages)
					if c.rows != asServer && alone != fmt.Sprint(c.rows) {
						t.Errorf("on the server alone others see %s rows, want %d", alone, c.rows)
					}
					if got := seenByOthers(t, server, p.connect(t, ""), c.messages); got != alone {
						t.Errorf("others see %s rows, want %s", got, alone)
					}
				})
			}
		})
	}
}

// seenByOthers sends messages at once, waits until all are answered, and counts the
// rows that are there for others. The session ends after that.
func seenByOthers(t *testing.T, server *pgserver.Server, conn *pgconn.PgConn, messages []pgproto3.FrontendMessage) string {
	t.Helper()
	if err := server.Exec(t.Context(), database, "DELETE FROM committed"); err != nil {
		t.Fatal(err)
	}
	lastRow(t, conn, messages)
	rows, err := server.Query(t.Context(), database, "SELECT count(*) FROM committed")
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Error(err)
	}
	return rows[0][0]
}
