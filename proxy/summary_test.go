package proxy

import (
	"context"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/policy/statement"
)

func TestSummarize(t *testing.T) {
	analyzer := statement.NewAnalyzer(statement.Options{})
	t.Cleanup(func() { _ = analyzer.Close() })
	for _, test := range []struct{ text, want string }{
		{"SELECT * FROM public.users WHERE email = 'ann@example.net'", "SELECT public.users"},
		{"select 1", "SELECT"},
		{"/* hello */ COPY public.users TO STDOUT", "COPY public.users"},
		{"COPY (SELECT 1 FROM a, b.c) TO STDOUT", "COPY a b.c"},
		{"WITH x AS (SELECT 'secret' FROM a) SELECT * FROM x", "SELECT a"},
		{"WITH x AS (SELECT 1 FROM a) INSERT INTO b SELECT * FROM x", "INSERT a b"},
		{"CREATE TABLE t (a int)", "CREATE TABLE t"},
		{"(SELECT 1 FROM a) UNION SELECT 2 FROM b", "SELECT a b"},
		{"BEGIN; UPDATE a SET b = 'secret'; COMMIT", "BEGIN; UPDATE a; COMMIT"},
		{"SET application_name = 'secret'", "SET"},
		{"SELEC 'secret'", ""},
		{"", ""},
	} {
		a := analyzer.Analyze(context.Background(), test.text)
		if got := summarize(a.Shape, a.Statements); got != test.want {
			t.Errorf("%s: %q, want %q", test.text, got, test.want)
		}
	}
}

// A long summary ends after a whole word.
func TestSummaryIsBounded(t *testing.T) {
	long := strings.Repeat("r", 60)
	st := statement.Statement{Node: "SelectStmt"}
	for range 10 {
		st.Relations = append(st.Relations, statement.Relation{Schema: "s", Name: long})
	}
	got := summarize("", []statement.Statement{st, st})
	want := "SELECT" + strings.Repeat(" s."+long, 3)
	if got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if one := (statement.Relation{Name: strings.Repeat("r", 300)}); summarize("", []statement.Statement{{Node: "X", Relations: []statement.Relation{one}}}) != "X" {
		t.Error("a name that does not fit is cut")
	}
}
