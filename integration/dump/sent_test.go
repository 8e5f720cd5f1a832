package dump

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/policy/statement"
)

var rewrite = flag.Bool("rewrite", false, "write what the tests see into testdata/sent.txt")

func TestMain(m *testing.M) { harness.RunTests(m) }

// TestWhatIsSent holds what pg_dump sends beside its queries of the catalogs,
// and what each text counts as, against testdata/sent.txt.
func TestWhatIsSent(t *testing.T) {
	t.Parallel()
	world := newWorld(t, 15)
	analyzer := statement.NewAnalyzer(statement.Options{Worker: harness.Worker(t)})
	defer analyzer.Close()
	var out strings.Builder
	out.WriteString("# What pg_dump 15 sends to PostgreSQL 15 beside SELECT and EXECUTE on its catalogs,\n" +
		"# with the kind that the text has. Object ids and names of snapshots are left out.\n" +
		"# Of further ways only what they send more (+) or less (-) than the first.\n")
	var first []string
	for i, w := range ways {
		before := serverLog(t, world)
		dir := t.TempDir()
		if r := w.dump(t, world.Direct(), dir); r.Exit != 0 {
			t.Fatalf("%s: %s", w.name, r)
		}
		sent := judgedTexts(t, analyzer, strings.TrimPrefix(serverLog(t, world), before))
		fmt.Fprintf(&out, "\n%s: pg_dump%s\n", w.name, commandLines(w))
		if i == 0 {
			first = sent
			writeLines(&out, "", sent, nil)
			continue
		}
		writeLines(&out, "+ ", sent, first)
		writeLines(&out, "- ", first, sent)
	}
	const file = "testdata/sent.txt"
	if *rewrite {
		if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(out.String(), "\n")); diff != "" {
		t.Errorf("sent is something else (-%s +now):\n%s", file, diff)
	}
}

func commandLines(w way) string {
	var lines []string
	for _, args := range w.dumps {
		lines = append(lines, strings.Join(append([]string{""}, args...), " "))
	}
	return strings.Join(lines, ", then pg_dump")
}

// logged is a statement or call of a function in the server's log, whose
// further lines begin with a tab.
var logged = regexp.MustCompile(`(?m)^[^\t].*?pg_dump: LOG:  (statement|fastpath function call): (.*(?:\n\t.*)*)`)

// varies is what another run has otherwise.
var varies = regexp.MustCompile(`SNAPSHOT '[^']*'|\(OID \d+\)|, *\d{5,}`)

// judgedTexts are the distinct texts in a log that are not plain queries of
// catalogs, with their kinds.
func judgedTexts(t *testing.T, analyzer *statement.Analyzer, log string) (out []string) {
	t.Helper()
	for _, found := range logged.FindAllStringSubmatch(log, -1) {
		text := strings.Join(strings.Fields(found[2]), " ")
		if found[1] != "statement" {
			out = append(out, "function call: "+varies.ReplaceAllString(text, ""))
			continue
		}
		analysis := analyzer.Analyze(t.Context(), found[2])
		if analysis.Problem != nil || len(analysis.Statements) != 1 {
			t.Errorf("not read: %s: %+v", text, analysis.Problem)
			continue
		}
		st := analysis.Statements[0]
		if plain := st.Node == "SelectStmt" || st.Node == "ExecuteStmt" || st.Node == "PrepareStmt"; plain && !slices.ContainsFunc(st.Effects, moves) && onlySystem(st) {
			continue
		}
		out = append(out, st.Kind.String()+": "+varies.ReplaceAllString(text, ""))
	}
	// Sessions that work at the same time have no order between them.
	slices.Sort(out)
	return slices.Compact(out)
}

// moves reports whether an effect is more than reading.
func moves(e statement.Effect) bool {
	return e.Kind != statement.OrdinaryRead && e.Kind != statement.OpaqueCode
}

func onlySystem(st statement.Statement) bool {
	return !slices.ContainsFunc(st.Relations, func(r statement.Relation) bool {
		return r.Schema != "pg_catalog" && !strings.HasPrefix(r.Name, "pg_")
	})
}

// writeLines writes those lines that are not known, each behind a mark.
func writeLines(out *strings.Builder, mark string, lines, known []string) {
	for _, line := range lines {
		if !slices.Contains(known, line) {
			fmt.Fprintln(out, "    "+mark+line)
		}
	}
}

func serverLog(t *testing.T, world *harness.World) string {
	t.Helper()
	text, err := world.Server.Log()
	if err != nil {
		t.Fatal(err)
	}
	return text
}
