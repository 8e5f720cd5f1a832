package policy_test

import (
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-pg/sluice/policy/corpus"
	"github.com/sluice-pg/sluice/policy/statement"
)

// readers are the people and policies of the table's columns, in order.
var readers = []struct {
	policy, user, address, title string
}{
	{"empty.yaml", "anybody", "", "no rules"},
	{"demo.yaml", "alice", "", "demo: alice"},
	{"analyst.yaml", "anna", "10.20.1.5", "team: anna, analyst"},
	{"analyst.yaml", "deploy", "", "team: deploy"},
	{"analyst.yaml", "report", "", "team: report"},
	{"analyst.yaml", "backend", "", "team: backend"},
	{"allow-all.yaml", "anybody", "", "all allowed"},
}

// tableFile is the table for people.
const tableFile = "../examples/EGRESS.md"

// TestEgress judges every way out that a text can show. The kinds of the
// table are written by hand; the verdicts, and the table for people, are what
// the example policies make of them.
func TestEgress(t *testing.T) {
	analyzer := statement.NewAnalyzer(statement.Options{})
	t.Cleanup(func() {
		if err := analyzer.Close(); err != nil {
			t.Error(err)
		}
	})
	var page strings.Builder
	page.WriteString(pageHead())
	statements := 0
	each(t, "egress", func(t *testing.T, content string) string {
		rows, err := corpus.Table(content)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(content, "\n")
		for part := range parts(rows) {
			page.WriteString(sectionHead(part[0].Section))
			for _, row := range part {
				if row.Elsewhere != "" {
					fmt.Fprintf(&page, "| %s | %s |%s\n", cell(row.What), cell(row.Elsewhere), strings.Repeat(" |", len(readers)+1))
					continue
				}
				statements++
				verdicts := judgeRow(t, analyzer, row)
				_, written, _ := strings.Cut(" "+lines[row.Line-1], " | ")
				lines[row.Line-1] = strings.Join(verdicts, " ") + " | " + written
				writeRow(&page, row, verdicts)
			}
			page.WriteString(sectionNotes(part))
		}
		return strings.Join(lines, "\n")
	})
	if statements < 500 {
		t.Errorf("the table has only %d statements", statements)
	}
	comparePage(t, page.String())
}

// parts groups the rows of a file by section.
func parts(rows []corpus.Row) iter.Seq[[]corpus.Row] {
	return func(yield func([]corpus.Row) bool) {
		for len(rows) > 0 {
			end := slices.IndexFunc(rows, func(r corpus.Row) bool { return r.Section != rows[0].Section })
			if end < 0 {
				end = len(rows)
			}
			if !yield(rows[:end]) {
				return
			}
			rows = rows[end:]
		}
	}
}

// judgeRow checks the kind and gives a verdict for each column.
func judgeRow(t *testing.T, analyzer *statement.Analyzer, row corpus.Row) []string {
	t.Helper()
	analysis := analyzer.Analyze(context.Background(), row.SQL)
	if analysis.Kind != row.Kind {
		t.Errorf("line %d: %s is %s, not %s", row.Line, row.SQL, analysis.Kind, row.Kind)
	}
	var verdicts []string
	for _, reader := range readers {
		req := request(analysis.Statements...)
		req.Kind, req.Problem = analysis.Kind, analysis.Problem
		req.Identity.User, req.Session.Address = reader.user, reader.address
		verdicts = append(verdicts, example(t, reader.policy).Decide(req).Verdict.String())
	}
	return verdicts
}

func comparePage(t *testing.T, page string) {
	t.Helper()
	if *rewrite {
		if err := os.WriteFile(tableFile, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(tableFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(have), page); diff != "" {
		t.Errorf("%s is not what the tests see; write it with -rewrite: %s", filepath.Base(tableFile), diff)
	}
}
