package statement

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The world of statements whose literals may not matter is closed.
func TestLiteralsMatterOutsideQueries(t *testing.T) {
	free, matter := 0, 0
	for _, text := range corpus(t, "kinds", "settings", "everyday") {
		for _, st := range judge(text).Statements {
			switch {
			case st.LiteralsMatter:
				matter++
			case literalFree[st.Node]:
				free++
			default:
				t.Errorf("%s: the literals of %s do not matter", text, st.Node)
			}
		}
	}
	if free < 50 || matter < 200 {
		t.Errorf("%d free, %d matter", free, matter)
	}
	for text, want := range map[string]bool{
		"SELECT 'a', 1": false, "WITH w AS (DELETE FROM t WHERE a = 'x' RETURNING b) INSERT INTO u SELECT * FROM w": false,
		"EXPLAIN (ANALYZE) SELECT 'a'": false, "PREPARE p AS UPDATE t SET a = 'x'": false, "DECLARE c CURSOR FOR SELECT 'x'": false, "BEGIN": false,
		"EXPLAIN CREATE TABLE u AS SELECT 'a'": true, "EXPLAIN EXECUTE p('a')": true, "SET a.b = 'c'": true,
		"SELECT pg_read_file('a')": true, "PREPARE p AS SELECT pg_read_file('a')": true, "EXPLAIN SELECT set_config('a', 'b', true)": true,
		"SELECT 1 FROM pg_settings WHERE name = 'role'": true, "SELECT (SELECT lo_export(1, 'a'))": true, "COPY t TO STDOUT": true,
	} {
		if st := judge(text).Statements[0]; st.LiteralsMatter != want {
			t.Errorf("%s: literals matter: %t", text, !want)
		}
	}
}

// otherLiterals are what a literal is replaced by, those that mean something
// to the analysis among them.
var otherLiterals = map[lexKind][]string{
	lexString: {
		"''", "'a'", "$$it's$$", "'none'", "'role'", "'search_path'", "'admin'", "'on'", "'off'", "'UTF8'", "'/etc/passwd'", "'s3://a/b'", "'host=h dbname=d'",
		"'postgres://u@h/d'", "'class:contact.email'", "'DROP TABLE t'", "'restrict_nonsystem_relation_kind'", "'view, foreign-table'", "'(((('", "'1 day'", "'ü--/*'", "'a\nb'",
	},
	lexInteger: {"0", "1", "24", "25", "54", "2147483647", "007"},
	lexFloat:   {"1.5", ".5", "1.", "1e400", "2147483648", "99999999999999999999", "0.0"},
}

// mutate replaces the literals of a text by others of their kinds, and what
// is between the tokens by something else.
func mutate(text string, random *rand.Rand) (string, bool) {
	tokens, ok := lex(text)
	if !ok {
		return "", false
	}
	var b strings.Builder
	last, gaps := -1, 4
	for _, tok := range tokens {
		if last >= 0 && tok.start > last {
			b.WriteString([]string{" ", "\n\t", "/**/", " --'\n"}[random.IntN(gaps)])
		}
		// libpg_query does not look past a comment behind these.
		if last, gaps = tok.end, 4; lastWord(text[tok.start:tok.end]) == lastAhead {
			gaps = 2
		}
		if others := otherLiterals[tok.kind]; others != nil && random.IntN(4) > 0 {
			b.WriteString(others[random.IntN(len(others))])
		} else {
			b.WriteString(text[tok.start:tok.end])
		}
	}
	return b.String(), true
}

// checkShared: what a text gets from the cache after others like it is what
// it would get if there were no cache. It returns whether an analysis was
// shared.
func checkShared(t *testing.T, a *Analyzer, text string, random *rand.Rand) (shared bool) {
	t.Helper()
	other, ok := mutate(text, random)
	if !ok || !admitted(text) || !admitted(other) {
		return false
	}
	first := a.Analyze(t.Context(), text)
	got := a.Analyze(t.Context(), other)
	want, _ := a.analyze(t.Context(), other)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%q after %q:\n%s", other, text, diff)
	}
	return first == got
}

// Replacing literals changes an analysis only if it says so.
func TestSharedAnalysesAreRight(t *testing.T) {
	a := newTestAnalyzer(t, Options{})
	random := rand.New(rand.NewPCG(1, 2))
	shared, all := 0, append(corpus(t, "kinds", "settings", "scope", "destinations", "everyday", "names"), plain...)
	all = append(all, "SELECT a::float(24), b::numeric(10, 2), interval '1' second FROM t LIMIT 5")
	for range 10 {
		for _, text := range all {
			if checkShared(t, a, text, random) {
				shared++
			}
		}
	}
	if shared < 1000 {
		t.Errorf("only %d texts got the analysis of another", shared)
	}
}

// FuzzShared: no two texts get the same analysis that should not.
func FuzzShared(f *testing.F) {
	for i, line := range append(corpus(f, "kinds", "settings", "scope", "everyday"), plain...) {
		f.Add(line, uint64(i))
	}
	a := NewAnalyzer(Options{})
	f.Cleanup(func() { _ = a.Close() })
	f.Fuzz(func(t *testing.T, text string, seed uint64) {
		checkShared(t, a, text, rand.New(rand.NewPCG(seed, 0)))
	})
}
