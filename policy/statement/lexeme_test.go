package statement

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// lex returns the tokens of a text, or false if the lexer doubts.
func lex(text string) ([]lexeme, bool) {
	l, ok := newLexer(text)
	if !ok {
		return nil, false
	}
	var all []lexeme
	for {
		switch t := l.next(); t.kind {
		case lexDoubt:
			return nil, false
		case lexEnd:
			return all, true
		default:
			all = append(all, t)
		}
	}
}

func lexKindOf(kind pg.Token) lexKind {
	switch kind {
	case pg.Token_SCONST:
		return lexString
	case pg.Token_ICONST:
		return lexInteger
	case pg.Token_FCONST:
		return lexFloat
	case pg.Token_BCONST, pg.Token_XCONST, pg.Token_USCONST, pg.Token_UIDENT:
		return lexDoubt
	}
	return lexOther
}

// checkLexer: a text that the lexer claims has the tokens that the parser's
// lexer finds.
func checkLexer(t *testing.T, text string) (claimed bool) {
	t.Helper()
	got, claimed := lex(text)
	if !claimed {
		return false
	}
	if !utf8.ValidString(text) || strings.Contains(text, "\x00") {
		t.Fatalf("%q was claimed", text)
	}
	tokens, err := scan(text)
	if err != nil {
		t.Fatalf("%q was claimed, the parser says %v", text, err)
	}
	i := 0
	for _, want := range tokens {
		if want.comment() {
			continue
		}
		if i == len(got) {
			t.Fatalf("%q: no token for %q", text, text[want.start:want.end])
		}
		if w := (lexeme{lexKindOf(want.kind), want.start, want.end}); got[i] != w {
			t.Fatalf("%q: got %d %q, want %d %q", text, got[i].kind, text[got[i].start:got[i].end], w.kind, text[w.start:w.end])
		}
		i++
	}
	if i != len(got) {
		t.Fatalf("%q: %q is one token too many", text, text[got[i].start:got[i].end])
	}
	return true
}

// What the lexer must leave to the parser's.
var doubtful = []string{
	"SELECT E'a'", "SELECT e'a'", "SELECT B'0'", "SELECT x'0'", "SELECT N'a'", "SELECT U&'a'", `SELECT u&"a"`, "SELECT U&a",
	"SELECT 'a'\n'b'", "SELECT 'a' -- c\n'b'", "SELECT 'a' 'b'", "SELECT 'a'/**/'b'", "SELECT 'a", `SELECT "a`, `SELECT ""`, "SELECT $$a", "SELECT $a$a$b$",
	"SELECT $a", "SELECT $", "SELECT $é$a$é$", "SELECT 1_000", "SELECT 0x1F", "SELECT 0o7", "SELECT 0b1", "SELECT 1a", "SELECT 1.a", "SELECT 1.5e", "SELECT 1e+",
	"SELECT 1..2", "SELECT 1.5.2", "SELECT 1$1", "SELECT $1a", "SELECT $1$", "SELECT $12345678901", "SELECT 1é", "SELECT\v1", "SELECT 1\x01", "SELECT \\", "SELECT {",
	"SELECT 1 +-- a\n1", "SELECT 1 */* a */ 1", "/* a", "/* /* a */", "SELECT \"a\x01\"", "SELECT 'a\x00'", "SELECT '\xff'", "-- \xff", "SELECT 1::float(24)",
	"SELECT 1::Float /* a */ ( 24)", "SELECT a NOT/**/IN (1)", "SELECT 1 ORDER BY 1 nulls -- a\nLAST", "SELECT timestamp With /**/time ZONE", strings.Repeat("/*", 65) + strings.Repeat("*/", 65), "SELECT 1" + strings.Repeat("+*", 40) + "1",
}

// What the lexer must read.
var plain = []string{
	"", " ", ";", "-- a", "-- a\rSELECT 1", "/* a /* b */ **/ SELECT 1", "SELECT 1", "SELECT'a'", "SELECT 'it''s', '\\', 'é\n'", `SELECT "a""b", "é ü", é FROM "T"`,
	"SELECT $$a$$, $a$ $$ $b$ $a$, $a$a$$a$", "SELECT $1, $2::int", "SELECT 1, 1.5, .5, 1., 1e5, 1.5E-3, 2147483647, 2147483648, 00000000012, 99999999999999999999",
	"SELECT a=-1, a<>+1, a@-1, a->>'b', a #>> '{a}', 1 - -1, 2*-3, !=-1, a<=-1", "SELECT a::int[], a[1:2], f(a := 1, b => 2)", "SELECT 1::float, 1::float8, \"float\"(1)",
	"SELECT 1 /**/ + /* a */ 2--", "SELECT e, b, x, n, u, u & 1", "SELECT 'a', 'b' AS c", "SELECT a$1, _a$", "SELECT '/*', '--', \"--\"", "SELECT 'a'::text\n,'b'",
	"SELECT *,a.*,(a).b FROM a;", "SELECT 1'a'", "SELECT 'a'b", "SELECT a ? 'b', a ?| b, a ?- b", "SELECT $1'a'", "SELECT $$a$$\n'b'", "SELECT 1\"a\"",
}

func TestLexemes(t *testing.T) {
	for _, text := range doubtful {
		if checkLexer(t, text) {
			t.Errorf("%q was claimed", text)
		}
	}
	for _, text := range plain {
		if !checkLexer(t, text) {
			t.Errorf("%q is doubtful", text)
		}
	}
	claimed, all := 0, corpus(t, "everyday")
	for _, text := range all {
		if checkLexer(t, text) {
			claimed++
		}
	}
	if claimed*100 < len(all)*95 {
		t.Errorf("only %d of %d everyday texts were claimed", claimed, len(all))
	}
}

func TestLexingAllocatesNothing(t *testing.T) {
	text := strings.Join(plain, "\n;")
	n := testing.AllocsPerRun(100, func() {
		if _, ok := locateByLexer(text, len(text)*2); !ok {
			t.Fatal("doubtful")
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzLexer: what the lexer claims is what the parser's lexer finds.
func FuzzLexer(f *testing.F) {
	addCorpus(f)
	for _, text := range append(doubtful, plain...) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if deepComment(text) < 0 {
			checkLexer(t, text)
		}
	})
}

// Pieces that meet in every order: where the lexer claims, it is right.
func TestLexemesInAnyOrder(t *testing.T) {
	pieces := []string{
		"'", "''", "\"", "$", "$$", "$a$", "$1", "1", "0", "23", ".", "..", "e", "E", "e5", "_", "x", "b", "u", "U&", "n", "'a'", "\"a\"", "abc", "é", "\\", "?", "@", "&",
		"-", "--", "+", "*", "/", "/*", "*/", "<", ">", "=", "!", "~", "#", "|", "%", "^", ":", "::", ":=", "=>", " ", "\n", "\t", "\r", "\f", "(", ")", "[", "]", ",", ";",
		"float", "NOT", "with", "2147483647", "2147483648",
	}
	random := rand.New(rand.NewPCG(3, 4))
	claimed := 0
	for range 60_000 {
		var b strings.Builder
		for range 1 + random.IntN(12) {
			b.WriteString(pieces[random.IntN(len(pieces))])
		}
		if checkLexer(t, b.String()) {
			claimed++
		}
	}
	if claimed < 6_000 {
		t.Errorf("only %d texts were claimed", claimed)
	}
}
