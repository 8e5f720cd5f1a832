package columns

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/policy/statement"
)

// used are the columns of tables that the view "looked" names, as
// schema.relation and column. Dependencies on a whole relation have no column
// and say nothing.
const used = `
SELECT DISTINCT n.nspname || '.' || c.relname, a.attname::text
FROM pg_depend d
JOIN pg_rewrite r ON r.oid = d.objid AND r.ev_class = 'looked'::regclass
JOIN pg_class c ON c.oid = d.refobjid AND c.relkind = 'r'
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid AND a.attnum > 0
WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
ORDER BY 1, 2`

// least is how many of the queries every version must take.
const least = 110

func TestColumnsCoverWhatTheServerUses(t *testing.T) {
	for _, version := range harness.Versions(t) {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			world := harness.NewWorld(t, version)
			world.Exec(t, "restored", read(t, "testdata/schema.sql"))
			checked, phantoms := 0, 0
			for line := range strings.Lines(read(t, "testdata/queries.txt")) {
				query := strings.TrimSpace(line)
				if strings.HasPrefix(query, "#") {
					continue
				}
				if err := world.Server.Exec(t.Context(), "restored", "CREATE VIEW looked AS "+query); err != nil {
					t.Logf("not taken by this version: %s: %v", query, err)
					continue
				}
				rows := world.Query(t, "restored", used)
				world.Exec(t, "restored", "DROP VIEW looked")
				checked++
				phantoms += compare(t, query, rows)
			}
			if checked < least {
				t.Errorf("only %d queries were taken, not %d", checked, least)
			}
			t.Logf("%d queries checked, %d columns named that the server does not use", checked, phantoms)
		})
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// compare reports what the analysis lacks, and counts the columns it names by
// relation that the server does not use.
func compare(t *testing.T, query string, rows [][]string) (phantoms int) {
	t.Helper()
	analyzer := statement.NewAnalyzer(statement.Options{})
	defer func() {
		if err := analyzer.Close(); err != nil {
			t.Error(err)
		}
	}()
	analysis := analyzer.Analyze(context.Background(), query)
	if analysis.Problem != nil || len(analysis.Statements) != 1 {
		t.Errorf("not read: %s: %+v", query, analysis.Problem)
		return 0
	}
	columns := analysis.Statements[0].Columns
	for _, row := range rows {
		if !slices.ContainsFunc(columns, func(c statement.Column) bool {
			return (c.Unresolved || relation(c) == row[0]) && (c.Star || c.Name == row[1])
		}) {
			t.Errorf("%s.%s is missing: %s: %+v", row[0], row[1], query, columns)
		}
	}
	for _, c := range columns {
		if c.Unresolved || c.Star || slices.ContainsFunc(rows, func(row []string) bool { return row[0] == relation(c) && row[1] == c.Name }) {
			continue
		}
		phantoms++
	}
	return phantoms
}

// relation is the full name of a column's relation: the tables are in public
// unless the query says otherwise.
func relation(c statement.Column) string {
	if c.Schema == "" {
		return "public." + c.Relation
	}
	return c.Schema + "." + c.Relation
}
