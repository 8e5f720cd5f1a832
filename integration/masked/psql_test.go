package masked

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/integration/harness"
)

// Psql has roads of its own to the client: \copy is a COPY whose data it writes
// itself, with FETCH_COUNT it turns a query into a cursor that it fetches from,
// and \g, \o and \gset put rows elsewhere than on the screen.

// people is more rows than FETCH_COUNT takes at once, of which the first column
// and the last have no class. Psql wants \copy on one line.
const people = `SELECT p.id * 10 + n AS id, p.email, p.name, p.born, p.steps, p.token, p.prefs, p.country ` +
	`FROM crm.people p, generate_series(0, 4) AS n ORDER BY 1`

// file is the name of the one that psql is told to write.
const file = "written"

// psqlRoad is something to type into psql. What it writes is read as lines with
// | between values, or else looked at for canaries alone.
type psqlRoad struct {
	name, script string
	lines        int // those that have a person each
	opaque       bool
}

var psqlRoads = []psqlRoad{
	{name: "cursor by FETCH_COUNT", script: "\\set FETCH_COUNT 7\n" + people + ";", lines: 25},
	{name: "cursor in a transaction", script: "BEGIN;\n\\set FETCH_COUNT 7\n" + people + ";\nROLLBACK;", lines: 25},
	{name: "cursor to a file", script: "\\set FETCH_COUNT 7\n" + people + " \\g " + file, lines: 25},
	{name: "file", script: people + " \\g " + file, lines: 25},
	{name: "program, as csv", script: people + " \\g (format=csv csv_fieldsep=|) | cat >" + file, lines: 25},
	{name: "output to a file", script: "\\o " + file + "\n" + people + ";", lines: 25},
	{name: "variables", script: people + " LIMIT 1 \\gset\n\\echo :id|:email|:name|:born|:steps|:token|:prefs|:country", lines: 1},
	{name: "expanded and crosstab", script: people + " \\gx\nSELECT id, name, email FROM crm.people \\crosstabview", opaque: true},
	{name: "copy of a query", script: "\\copy (" + people + ") TO STDOUT (DELIMITER '|')", lines: 25},
	{name: "copy of a query to psql's own output", script: "\\o " + file + "\n\\copy (" + people + ") TO pstdout (DELIMITER '|')", lines: 25},
	{name: "copy of a query to a file", script: "\\copy (" + people + ") TO '" + file + "' (DELIMITER '|')", lines: 25},
	{name: "copy of a query as csv", script: "\\copy (" + people + ") TO STDOUT (FORMAT csv, DELIMITER '|', FORCE_QUOTE (email))", lines: 25},
	{name: "copy of a query as csv to a program", script: "\\copy (" + people + ") TO PROGRAM 'cat >" + file + "' CSV DELIMITER '|'", lines: 25},
	{name: "copy of a query in binary", script: "\\copy (" + people + ") TO '" + file + "' BINARY", opaque: true},
	{name: "copy of a table", script: "\\copy crm.people TO STDOUT (DELIMITER '|')", lines: 5},
	{name: "copy of a table as csv to a file", script: "\\copy crm.people TO '" + file + "' (FORMAT csv, DELIMITER '|')", lines: 5},
	{name: "copy of columns to a file", script: "\\copy crm.people (id, email, card, country) TO '" + file + "' (DELIMITER '|')", lines: 5},
	{name: "copy by its SQL name", script: "COPY crm.people (id, email, card, country) TO STDOUT (DELIMITER '|')\\g " + file, lines: 5},
}

// untouched are things to type that touch nothing with a class.
var untouched = map[string]string{
	"queries, by cursors":  "\\set FETCH_COUNT 7\nSELECT * FROM generate_series(1, 30);\nTABLE elsewhere.people;\nSELECT * FROM crm.plain ORDER BY id;",
	"a table is described": "\\d crm.people",
	"a file and a copy":    "SELECT id, note FROM crm.orders ORDER BY id \\g " + file + "\n\\copy crm.plain TO STDOUT",
	"a copy in binary":     "\\copy (SELECT id, note FROM crm.orders ORDER BY id) TO '" + file + "' BINARY",
	"a copy as csv":        "\\copy crm.plain TO '" + file + "' CSV HEADER",
	"an error":             "SELECT word::int FROM crm.plain;",
}

// typeIntoPsql runs psql and returns what it printed, with what it wrote to the file
// behind it.
func typeIntoPsql(t *testing.T, target harness.Target, script string) string {
	t.Helper()
	dir := t.TempDir()
	result := harness.Run(t, target, harness.Command{
		Program: "psql", Args: []string{"-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f", "-"}, Stdin: script + "\n", Dir: dir,
	})
	written, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return result.String() + string(written)
}

// psql types into psql: no canary is on the screen or in a file, and the columns
// without a class are there as the server has them.
func (s *stage) psql(t *testing.T) {
	for _, r := range psqlRoads {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			r.types(t, s)
		})
	}
	for name, script := range untouched {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, want := typeIntoPsql(t, s.sluice(), script), typeIntoPsql(t, s.direct(), script); got != want {
				t.Errorf("gives\n%s\n  and at the server itself\n%s", got, want)
			}
		})
	}
}

// types types a road's script, through Sluice and at the server itself.
func (r *psqlRoad) types(t *testing.T, s *stage) {
	t.Helper()
	got, want := typeIntoPsql(t, s.sluice(), r.script), typeIntoPsql(t, s.direct(), r.script)
	if canaryIn([]byte(want)) == "" {
		t.Errorf("no canary comes from the server itself: %s", want)
	}
	if found := canaryIn([]byte(got)); found != "" {
		t.Errorf("brings %s", found)
	}
	if !strings.HasPrefix(got, "exit 0\n") {
		t.Errorf("fails: %s", got)
	}
	if r.opaque {
		return
	}
	if got, want := edges(got), edges(want); got != want || strings.Count(got, "\n") != r.lines {
		t.Errorf("gives\n%s\n  where the server has\n%s", got, want)
	}
}

// edges are the first and the last value of each line that has several.
func edges(lines string) string {
	var b strings.Builder
	for line := range strings.Lines(lines) {
		values := strings.Split(strings.TrimSuffix(line, "\n"), "|")
		if len(values) > 1 {
			b.WriteString(values[0] + "|" + values[len(values)-1] + "\n")
		}
	}
	return b.String()
}
