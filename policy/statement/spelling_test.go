package statement

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// everyLine is the corpus that the properties are tried on.
func everyLine(t testing.TB) []string {
	return corpus(t, "kinds", "settings", "scope", "destinations", "columns", "everyday")
}

// summary is what a statement does, without positions.
func summary(s *Statement) string {
	var out []string
	for _, e := range s.Effects {
		out = append(out, e.Kind.String()+" "+e.What)
	}
	for _, r := range s.Relations {
		out = append(out, fmt.Sprintf("%s %s.%s", r.Access, r.Database, r))
	}
	for _, c := range s.Columns {
		out = append(out, string(c.Use)+" "+columnWords(c))
	}
	for _, f := range s.Functions {
		out = append(out, fmt.Sprintf("function %s.%s/%d", f.Schema, f.Name, f.Args))
	}
	for _, o := range s.Operators {
		out = append(out, "operator "+o.Schema+"."+o.Name)
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// respell puts f(token) in the place of every name that is no keyword and not
// quoted.
func respell(text string, f func(name string) string) string {
	tokens, err := scan(text)
	if err != nil {
		return text
	}
	var b strings.Builder
	last := 0
	for _, t := range tokens {
		if t.kind == pg.Token_IDENT && text[t.start] != '"' {
			b.WriteString(text[last:t.start])
			b.WriteString(f(strings.ToLower(text[t.start:t.end])))
			last = t.end
		}
	}
	return b.String() + text[last:]
}

func quotedName(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func escapedName(name string) string {
	var b strings.Builder
	for _, r := range name {
		fmt.Fprintf(&b, `\+%06X`, r)
	}
	return ` U&"` + b.String() + `" `
}

// commented puts a comment wherever there is white space, but not between the
// pieces of a string.
func commented(text string) string {
	tokens, err := scan(text)
	if err != nil {
		return text
	}
	var b strings.Builder
	last := 0
	for i, t := range tokens {
		if i > 0 && t.start > last && !(t.literal() && tokens[i-1].literal()) {
			b.WriteString(" /* SELECT 'x' /* nested */ -- */ ")
		}
		b.WriteString(text[last:t.end])
		last = t.end
	}
	return b.String() + text[last:]
}

// A statement does the same however it is spelled: with its names quoted, in
// unicode escapes or in capitals, with comments between its words, or as the
// second statement of a text.
func TestSpellingDoesNotMatter(t *testing.T) {
	spellings := map[string]func(string) string{
		"quoted":   func(s string) string { return respell(s, quotedName) },
		"escaped":  func(s string) string { return respell(s, escapedName) },
		"capitals": func(s string) string { return respell(s, strings.ToUpper) },
		"comments": commented,
		"second":   func(s string) string { return "SELECT 1;" + s },
		"dropped semicolon": func(s string) string {
			return strings.TrimRight(strings.TrimSpace(s), ";")
		},
	}
	tried := 0
	for _, line := range everyLine(t) {
		want := judge(line)
		if want.Problem != nil || len(want.Statements) == 0 {
			continue
		}
		for name, spell := range spellings {
			got := judge(spell(line))
			if got.Problem != nil {
				continue // such as a quoted name where only a keyword may stand
			}
			tried++
			offset := len(got.Statements) - len(want.Statements)
			for i := range want.Statements {
				if g, w := summary(&got.Statements[i+offset]), summary(&want.Statements[i]); g != w {
					t.Errorf("%s: %s\ngot\n%s\nwant\n%s", name, spell(line), g, w)
				}
			}
		}
	}
	if tried < 4000 {
		t.Errorf("only %d texts were grammatical", tried)
	}
}

// Whatever a query is wrapped in, its relations stay, and so do its columns,
// of which none becomes less than it was. In a predicate an output is one no
// more, and a bare name may belong to what is around it.
func TestWrappingLosesNothing(t *testing.T) {
	wrappers := map[string]string{
		"EXPLAIN ANALYZE": "EXPLAIN (ANALYZE) %s",
		"PREPARE":         "PREPARE wrapped AS %s",
		"DECLARE":         "DECLARE wrapped CURSOR FOR %s",
		"CTE":             "WITH wrapped AS (%s) SELECT 1",
		"COPY":            "COPY (%s) TO STDOUT",
		"sub-select":      "SELECT * FROM (%s) wrapped",
		"union":           "SELECT 1 UNION (%s)",
		"CTAS":            "CREATE TABLE wrapped AS %s",
		"view":            "CREATE VIEW wrapped AS %s",
		"rule":            "CREATE RULE wrapped AS ON INSERT TO t DO ALSO %s",
		"function":        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $wrapped$%s$wrapped$",
		"DO":              "DO $wrapped$ BEGIN %s; END $wrapped$",
		"dynamic":         "DO $outer$ BEGIN EXECUTE $wrapped$%s$wrapped$; END $outer$",
	}
	tried := 0
	for _, line := range everyLine(t) {
		want := judge(line)
		if want.Problem != nil || len(want.Statements) != 1 || strings.HasSuffix(line, ";") {
			continue
		}
		for name, wrapper := range wrappers {
			got := judge(fmt.Sprintf(wrapper, line))
			if got.Problem != nil || slices.Contains(got.Statements[0].Unresolved, untoldBody) || slices.Contains(got.Statements[0].Unresolved, untoldPart) {
				continue
			}
			tried++
			lost(t, name, line, &got.Statements[0], &want.Statements[0])
		}
	}
	if tried < 3000 {
		t.Errorf("only %d wrapped texts were grammatical", tried)
	}
}

// lost reports what a wrapped statement lacks.
func lost(t *testing.T, name, line string, got, want *Statement) {
	t.Helper()
	if want.Kind.Worse(got.Kind) {
		t.Errorf("%s made %s of %s: %s", name, got.Kind, want.Kind, line)
	}
	for _, r := range want.Relations {
		if !slices.ContainsFunc(got.Relations, func(g Relation) bool {
			return g.Database == r.Database && g.Schema == r.Schema && g.Name == r.Name && g.Access == r.Access
		}) {
			t.Errorf("%s lost %s %s: %s", name, r.Access, r, line)
		}
	}
	for _, c := range want.Columns {
		if !slices.ContainsFunc(got.Columns, func(g Column) bool {
			same := g.Schema == c.Schema && g.Relation == c.Relation || g.Unresolved
			return same && g.Name == c.Name && (g.Use == c.Use || g.Use == Output && c.Use == Used)
		}) {
			t.Errorf("%s lost %s %s: %s", name, c.Use, columnWords(c), line)
		}
	}
}
