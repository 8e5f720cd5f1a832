package statement

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// readCode reads a code of the test data. Its first line is the language, the
// parameters (name:row for a row, name:out for the result) and what it returns: set or trigger.
func readCode(t testing.TB, input string) Code {
	t.Helper()
	head, text, _ := strings.Cut(input, "\n")
	words, returns, _ := strings.Cut(head, " -> ")
	code := Code{Text: text, Set: returns == "set", Trigger: returns == "trigger"}
	for i, word := range strings.Fields(words) {
		if i == 0 {
			code.Language = word
			continue
		}
		name, attribute, _ := strings.Cut(word, ":")
		code.Parameters = append(code.Parameters, Parameter{name, attribute == "row", attribute == "out"})
	}
	return code
}

// codeWords prints what was learned of a code.
func codeWords(code Code) string {
	a := judgeCode(code, 1500)
	var b strings.Builder
	if a.Unread != "" {
		fmt.Fprintf(&b, "unread: %s\n", a.Unread)
	}
	if a.Computed {
		b.WriteString("computed text\n")
	}
	for _, e := range a.Statement.Effects {
		fmt.Fprintf(&b, "effect %s: %s\n", e.Kind, e.What)
	}
	for _, r := range a.Statement.Relations {
		fmt.Fprintf(&b, "relation %s %s\n", r.Access, r)
	}
	for _, c := range a.Statement.Columns {
		fmt.Fprintf(&b, "column %s %s\n", c.Use, columnWords(c))
	}
	for _, f := range a.Statement.Functions {
		fmt.Fprintf(&b, "function %s/%d\n", strings.TrimPrefix(f.Schema+"."+f.Name, "."), f.Args)
	}
	for _, v := range a.Statement.Settings {
		fmt.Fprintf(&b, "setting %s\n", v.Name)
	}
	names := func(word string, list []TypeUse) {
		for _, n := range list {
			fmt.Fprintf(&b, "%s %s\n", word, strings.TrimPrefix(n.Schema+"."+n.Name, "."))
		}
	}
	names("operator", a.Operators)
	names("type", a.Types)
	names("prefix", a.Prefixes)
	if len(a.Variables) > 0 {
		fmt.Fprintf(&b, "variables %s\n", strings.Join(a.Variables, " "))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// A worker says of a code what this process says, and without one it is
// unread.
func TestCodeInAWorker(t *testing.T) {
	a := newTestAnalyzer(t, Options{})
	for _, c := range parseCases(t, "testdata/code.txt") {
		code := readCode(t, c.input)
		got, want := a.AnalyzeCode(context.Background(), code), judgeCode(code, 1500)
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Statement{}, "LiteralsMatter"), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: worker differs:\n%s", c.input, diff)
		}
	}
	alone := NewAnalyzer(Options{})
	t.Cleanup(func() { _ = alone.Close() })
	if got := alone.AnalyzeCode(context.Background(), Code{Language: "sql", Text: "SELECT 1"}); got.Unread == "" {
		t.Errorf("read without a worker: %+v", got)
	}
}

// A code too deep for its parser is not read, and harms nobody.
func TestDeepCode(t *testing.T) {
	a := newTestAnalyzer(t, Options{})
	for _, code := range []Code{
		{Language: "sql", Text: "SELECT " + strings.Repeat("(", 20_000) + "1" + strings.Repeat(")", 20_000)},
		{Language: "expression", Text: "1" + strings.Repeat("+1", 30_000)},
		{Language: "plpgsql", Text: "BEGIN " + strings.Repeat("IF a THEN ", 50_000) + "NULL;" + strings.Repeat("END IF;", 50_000) + " END"},
		{Language: "sql", Text: "BEGIN ATOMIC SELECT 1" + strings.Repeat("+1", 30_000) + "; END"},
		{Language: "sql", Text: "SELECT '\x00'"},
		{Language: "sql", Text: strings.Repeat(" ", 5<<20)},
	} {
		if got := a.AnalyzeCode(context.Background(), code); got.Unread == "" {
			t.Errorf("%s of %d bytes was read", code.Language, len(code.Text))
		}
	}
	if got := a.AnalyzeCode(context.Background(), Code{Language: "sql", Text: "SELECT 1"}); got.Unread != "" {
		t.Errorf("afterwards: %s", got.Unread)
	}
}
