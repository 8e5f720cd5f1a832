package statement

import (
	"strings"
	"testing"
	"unicode/utf8"

	pg "github.com/pganalyze/pg_query_go/v6"
)

func addCorpus(f *testing.F) {
	for _, line := range corpus(f, "kinds", "settings", "scope", "destinations", "columns", "everyday") {
		f.Add(line)
	}
}

// admitted reports whether a text would be parsed in this process; the fuzzing
// process must not die of the others.
func admitted(text string) bool {
	return utf8.ValidString(text) && !strings.Contains(text, "\x00") && len(text) <= 64<<10 && crudeCount(text).fits(Options{}.withDefaults())
}

// FuzzAnalyze: no text panics, none the parser refuses is ordinary, and what
// follows a statement never makes it better.
func FuzzAnalyze(f *testing.F) {
	addCorpus(f)
	f.Fuzz(func(t *testing.T, text string) {
		if !admitted(text) {
			return
		}
		checkAnalysis(t, text)
		a := judgeWith(text, &bodies{})
		if a.Problem != nil {
			return
		}
		// Reading the shape again must give the same statements.
		if !strings.Contains(text, "?") && len(a.Shape) < maxShape {
			checkShape(t, text, a)
		}
	})
}

// FuzzBodies: reading the bodies of a text never makes it better.
func FuzzBodies(f *testing.F) {
	for _, c := range parseCases(f, "testdata/bodies.txt") {
		f.Add(c.input)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !admitted(text) || strings.Contains(text, `\`) { // escapes can hide depth from the crude count
			return
		}
		unread := judgeWith(text, &bodies{})
		if read := judge(text); unread.Kind.Worse(read.Kind) {
			t.Fatalf("%s, with its bodies read %s", unread.Kind, read.Kind)
		}
	})
}

// checkShape: putting a literal back for every ? keeps the statement types.
func checkShape(t *testing.T, text string, a *Analysis) {
	t.Helper()
	if strings.Count(a.Shape, "?") != literals(text) {
		t.Fatalf("shape %q of %q has another number of literals", a.Shape, text)
	}
	if strings.ContainsAny(a.Shape, "'") && !strings.Contains(a.Shape, `"`) {
		t.Fatalf("shape %q keeps a quote", a.Shape)
	}
}

func literals(text string) int {
	result, err := pg.Scan(text)
	if err != nil {
		return -1
	}
	n := 0
	for _, tok := range result.Tokens {
		if (token{kind: tok.Token}).literal() {
			n++
		}
	}
	return n
}

// FuzzGateCount: a text parsed in this process is never deeper than its count
// allows.
func FuzzGateCount(f *testing.F) {
	addCorpus(f)
	f.Add("SELECT 1" + strings.Repeat(" IS NULL", 40))
	f.Add("SELECT " + strings.Repeat("(SELECT ", 20) + "1" + strings.Repeat(")", 20))
	f.Fuzz(func(t *testing.T, text string) {
		if admitted(text) {
			soundCount(t, text)
		}
	})
}

// FuzzScan: the hand-written decoder reads what the generated one reads.
func FuzzScan(f *testing.F) {
	addCorpus(f)
	f.Fuzz(func(t *testing.T, text string) {
		if !admitted(text) {
			return
		}
		want, wantErr := pg.Scan(text)
		got, err := scan(text)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%v, want %v", err, wantErr)
		}
		if err != nil {
			return
		}
		if len(got) != len(want.Tokens) {
			t.Fatalf("%d tokens, want %d", len(got), len(want.Tokens))
		}
		for i, w := range want.Tokens {
			if g := got[i]; g.start != int(w.Start) || g.end != int(w.End) || g.kind != w.Token || g.keyword != w.KeywordKind {
				t.Fatalf("token %d is %+v, want %v", i, g, w)
			}
		}
	})
}

// FuzzDestination: connection strings and URLs never panic and never show a
// password.
func FuzzDestination(f *testing.F) {
	for _, seed := range []string{
		"host=h port=1 dbname=d user=u", "postgres://u@h:1/d?host=x", "hostaddr='1.2.3.4' host = 'a b'", "s3://b/k", "x", "postgresql://[::1]/d", "host='", "a=\\",
	} {
		f.Add(seed)
	}
	const secret = "Qhidden7Q"
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, secret) {
			return
		}
		for _, d := range []Destination{
			serverDestination("password="+secret+" "+text, 0),
			serverDestination("postgres://u:"+secret+"@h/d?"+text, 0),
			fileDestination("https://u:"+secret+"@h/", 0),
			serverDestination(text, 0), fileDestination(text, 0),
		} {
			if strings.Contains(d.Host+d.Database+d.User+d.Path, secret) {
				t.Fatalf("%+v shows the password", d)
			}
		}
		_ = firstWord(text)
	})
}

// FuzzDeepComment: the small lexer ends and stays inside the text.
func FuzzDeepComment(f *testing.F) {
	addCorpus(f)
	f.Fuzz(func(t *testing.T, text string) {
		if at := deepComment(text); at >= len(text) && len(text) > 0 {
			t.Fatalf("position %d of %d", at, len(text))
		}
	})
}

// FuzzCode: no code panics or is ordinary because of what stands beside it,
// and reading it twice gives the same.
func FuzzCode(f *testing.F) {
	for _, c := range parseCases(f, "testdata/code.txt") {
		code := readCode(f, c.input)
		f.Add(code.Language, code.Text, code.Trigger)
	}
	f.Fuzz(func(t *testing.T, language, text string, trigger bool) {
		if !admitted(text) || strings.Contains(text, `\`) {
			return
		}
		code := Code{Language: language, Text: text, Trigger: trigger, Set: !trigger, Parameters: []Parameter{{Name: "a"}, {Name: "b", Row: true}, {Name: "c", Out: true}}}
		a := judgeCode(code, 200)
		if strings.HasPrefix(a.Unread, "reading the code failed") {
			t.Fatalf("%s", a.Unread)
		}
		if again := judgeCode(code, 200); again.Unread != a.Unread || again.Statement.Kind != a.Statement.Kind {
			t.Fatalf("%s %q, and again %s %q", a.Statement.Kind, a.Unread, again.Statement.Kind, again.Unread)
		}
	})
}

// FuzzCarry: an address of a place never panics, and one that is understood is
// understood again when its names are written in quotes.
func FuzzCarry(f *testing.F) {
	for _, seed := range []string{"a/b.c", `a/"b"."c""d"?existing=swap&expires=7d`, "a", "a?expires=1m", "a/B.C$1?existing=append", `a/"`, "a/b.c?"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var first, again Carry
		if first.read(text) != nil || first.Table == "" {
			return
		}
		quote := func(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
		whole := first.Place + "/" + quote(first.Schema) + "." + quote(first.Table)
		if err := again.read(whole); err != nil || again.Schema != first.Schema || again.Table != first.Table || again.Place != first.Place {
			t.Fatalf("%q was read as %+v, and %q as %+v (%v)", text, first, whole, again, err)
		}
		if len(first.Schema) > mostName || first.Expires < 0 || first.Expires > 3650*24*3600 {
			t.Fatalf("%q was read as %+v", text, first)
		}
	})
}

// FuzzCarrySources: what is read of a text never panics, and what it gives as SQL
// is read alike again.
func FuzzCarrySources(f *testing.F) {
	for _, seed := range []string{"TABLE a", "SELECT * FROM a WHERE b", "SELECT a FROM b", "SELECT * FROM a WHERE b IN (SELECT c)", "VALUES (1)", "SELECT 'x' || E'\\n'"} {
		f.Add(seed)
	}
	a := NewAnalyzer(Options{})
	f.Fuzz(func(t *testing.T, query string) {
		read := func(query string) ([]CarrySource, error) {
			return a.CarrySources("COPY (" + query + ") TO 'sluice://a/b.c'")
		}
		first, err := read(query)
		if err != nil || len(first) != 1 || first[0].Query == "" {
			return
		}
		again, err := read(first[0].Query)
		if err != nil || len(again) != 1 || again[0].Query != first[0].Query {
			t.Fatalf("%q gives %+v, and that %+v (%v)", query, first, again, err)
		}
	})
}
