package statement

import (
	"fmt"
	"strings"
	"testing"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// corpus is every line of the files of statements.
func corpus(t testing.TB, files ...string) []string {
	var all []string
	for _, file := range files {
		cases := parseCases(t, "testdata/"+file+".txt")
		for _, c := range cases {
			if c.directive != "analyze" && c.directive != "shape" {
				all = append(all, strings.Split(c.input, "\n")...)
			}
		}
	}
	return all
}

// Everyday work is ordinary, and small enough to be read in this process.
func TestEveryday(t *testing.T) {
	limits := Options{}.withDefaults()
	for _, line := range corpus(t, "everyday") {
		if a := judge(line); a.Kind.Worse(OrdinaryWrite) {
			t.Errorf("%s is %s: %+v %+v", line, a.Kind, a.Problem, a.Statements)
		}
		if count := crudeCount(line); !count.fits(limits) {
			t.Errorf("%s goes to a worker: %+v", line, count)
		}
	}
}

// Whatever a statement is wrapped in, its kind gets no better.
func TestWrappingNeverHelps(t *testing.T) {
	wrappers := map[string]func(string) string{
		"second statement": func(s string) string { return "SELECT 1; " + s },
		"first statement":  func(s string) string { return s + "; SELECT 1" },
		"comments":         func(s string) string { return "/* a /* b */ */ -- c\n" + s + " -- d" },
		"white space":      func(s string) string { return "\n\t " + s + "\r\n ;" },
	}
	queries := map[string]func(string) string{
		"EXPLAIN":         func(s string) string { return "EXPLAIN " + s },
		"EXPLAIN ANALYZE": func(s string) string { return "EXPLAIN (ANALYZE, VERBOSE) " + s },
		"PREPARE":         func(s string) string { return "PREPARE wrapped AS " + s },
		"DECLARE":         func(s string) string { return "DECLARE wrapped CURSOR FOR " + s },
		"CTE":             func(s string) string { return "WITH wrapped AS (" + s + ") SELECT 1" },
		"COPY":            func(s string) string { return "COPY (" + s + ") TO STDOUT" },
		"sub-select":      func(s string) string { return "SELECT * FROM (" + s + ") wrapped" },
		"EXISTS":          func(s string) string { return "UPDATE t SET a = 1 WHERE EXISTS (" + s + ")" },
		"CREATE VIEW":     func(s string) string { return "CREATE VIEW wrapped AS " + s },
		"CTAS":            func(s string) string { return "CREATE TABLE wrapped AS " + s },
		"rule":            func(s string) string { return "CREATE RULE wrapped AS ON INSERT TO t DO ALSO " + s },
		"atomic function": func(s string) string {
			return "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC " + s + "; END"
		},
		"DEFAULT": func(s string) string { return "CREATE TABLE wrapped (a bool DEFAULT EXISTS (" + s + "))" },
	}
	tried := 0
	check := func(name, wrapped string, kind Kind) {
		a := judge(wrapped)
		if a.Problem != nil {
			return // not grammatical in this place
		}
		tried++
		if kind.Worse(a.Kind) {
			t.Errorf("%s made %s of %s: %s", name, a.Kind, kind, wrapped)
		}
	}
	for _, line := range corpus(t, "kinds", "settings", "scope", "destinations", "columns", "everyday") {
		a := judge(line)
		if a.Problem != nil || len(a.Statements) == 0 {
			continue
		}
		for name, wrap := range wrappers {
			check(name, wrap(line), a.Kind)
		}
		if len(a.Statements) == 1 && len(line) > 0 && !strings.HasSuffix(line, ";") {
			for name, wrap := range queries {
				check(name, wrap(line), a.Kind)
			}
		}
	}
	if tried < 2000 {
		t.Errorf("only %d wrapped statements were grammatical", tried)
	}
}

// A statement that breaks a pinned setting breaks it however it is wrapped.
func TestBreakingSurvivesWrapping(t *testing.T) {
	breaks := func(a *Analysis) bool {
		for _, s := range a.Statements {
			for _, set := range s.Settings {
				if set.Breaks {
					return true
				}
			}
		}
		return false
	}
	tried := 0
	for _, line := range corpus(t, "settings") {
		if !breaks(judge(line)) {
			continue
		}
		for _, form := range []string{"SELECT 1; %s", "EXPLAIN ANALYZE %s", "PREPARE p AS %s", "WITH w AS (%s) SELECT 1", "DECLARE c CURSOR FOR %s", "CREATE VIEW v AS %s", "COPY (%s) TO STDOUT"} {
			a := judge(fmt.Sprintf(form, line))
			if a.Problem == nil {
				tried++
				if !breaks(a) {
					t.Errorf("%s loses the breaking setting in %s", line, form)
				}
			}
		}
	}
	if tried < 50 {
		t.Errorf("only %d forms were grammatical", tried)
	}
}

// The case of keywords and unquoted names does not matter.
func TestCaseDoesNotMatter(t *testing.T) {
	for _, line := range corpus(t, "kinds", "settings", "everyday") {
		if strings.ContainsAny(line, `'"$`) {
			continue
		}
		lower, upper := judge(strings.ToLower(line)), judge(strings.ToUpper(line))
		if lower.Kind != upper.Kind {
			t.Errorf("%s: %s in lower case, %s in upper case", line, lower.Kind, upper.Kind)
		}
	}
}

// A literal is never kept: not in a shape, not in a message, not in a name
// that is recorded. Destinations are the exception that the analysis is for.
func TestNoLiteralIsKept(t *testing.T) {
	const secret = "xyzzysecret"
	texts := []string{
		"SELECT '" + secret + "'",
		"SELECT E'" + secret + "', $$" + secret + "$$, $" + secret + "$x$" + secret + "$",
		"SELECT '" + secret,
		"SELECT $$" + secret,
		"SELECT \"" + secret,
		"SELECT /* " + secret,
		"SELECT 1 -- " + secret,
		"SELECT 1 '" + secret + "' '" + secret + "'",
		"SELECT U&'\\zz" + secret + "'",
		"SELECT E'\\u12" + secret + "'",
		"SELECT U&'a' UESCAPE '" + secret + "'",
		"SELECT X'" + secret + "'",
		"SELECT B'" + secret + "'",
		"CREATE ROLE r PASSWORD '" + secret + "'",
		"ALTER ROLE r PASSWORD '" + secret + "' bad",
		"SET app.password = '" + secret + "'",
		"SET LOCAL app.password TO '" + secret + "' '",
		"SELECT set_config('app.password', '" + secret + "', false)",
		"NOTIFY c, '" + secret + "'",
		"COMMENT ON TABLE t IS '" + secret + "'",
		"COPY t TO PROGRAM 'curl -u " + secret + "'",
		"COPY t TO PROGRAM 'P=" + secret + " curl'",
		"SELECT dblink_connect('host=h password=" + secret + "')",
		"SELECT dblink_connect('postgres://u:" + secret + "@h/d?password=" + secret + "')",
		"SELECT dblink_connect('dbname=''password=" + secret + "''')",
		"CREATE USER MAPPING FOR u SERVER s OPTIONS (password '" + secret + "')",
		"CREATE SUBSCRIPTION s CONNECTION 'password=" + secret + " host=h' PUBLICATION p",
		"DO $$" + secret + "$$",
		"PREPARE TRANSACTION '" + secret + "'",
		"INSERT INTO t VALUES ('" + secret + "' 'x')",
		"SELECT * FROM t WHERE a = '" + secret + "' GROUP GROUP",
		"COPY t FROM STDIN WITH (FORMAT '" + secret + "')",
		"CREATE TABLE t (a int) WITH (x = '" + secret + "') bad",
	}
	for _, text := range texts {
		a := judge(text)
		got := strings.ReplaceAll(describe(a), "x$", "") + a.Shape
		if a.Problem != nil {
			got += a.Problem.Message + a.Problem.Hint
		}
		if strings.Contains(got, secret) {
			t.Errorf("%s:\n%s\n%s", text, describe(a), a.Shape)
		}
	}
}

// A text whose parser answer fails is never judged ordinary, and positions
// stay inside the text.
func checkAnalysis(t *testing.T, text string) {
	t.Helper()
	a := judgeWith(text, &bodies{}) // as in the proxy's own process
	if (a.Kind == ParseError) != (a.Problem != nil) {
		t.Fatalf("kind %s with problem %+v", a.Kind, a.Problem)
	}
	if _, err := pg.Parse(text); err != nil && a.Kind != ParseError {
		t.Fatalf("parser says %v, analysis says %s", err, a.Kind)
	}
	if a.Problem != nil {
		if a.Problem.SQLSTATE == "" || a.Problem.Message == "" || a.Problem.Position < -1 || a.Problem.Position > len(text) {
			t.Fatalf("problem %+v", a.Problem)
		}
		return
	}
	worst := OrdinaryRead
	for _, s := range a.Statements {
		worst = Worst(worst, s.Kind)
		if s.Start < 0 || s.End < s.Start || s.End > len(text) {
			t.Fatalf("statement at [%d:%d] of %d", s.Start, s.End, len(text))
		}
		if len(s.Effects) == 0 || s.Effects[0].Kind != s.Kind {
			t.Fatalf("statement %s with effects %+v", s.Kind, s.Effects)
		}
	}
	if a.Kind != worst {
		t.Fatalf("kind %s, worst statement %s", a.Kind, worst)
	}
}
