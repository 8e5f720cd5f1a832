package statement

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCacheFindsTheShape(t *testing.T) {
	a := newTestAnalyzer(t, Options{})
	analyze := func(text string) *Analysis { return a.Analyze(context.Background(), text) }
	same := [][2]string{
		{"SELECT a FROM t WHERE b = 'x'", "/* c */ SELECT a  FROM t -- d\nWHERE b = 'it''s' /* e */"},
		{"SELECT a FROM t WHERE b = 1", "SELECT a FROM t WHERE b = 2147483647"},
		{"SELECT a FROM t WHERE b = 1.5", "SELECT a FROM t WHERE b = 2147483648"},
		{"INSERT INTO t VALUES ($1, 'a', -1)", "INSERT INTO t VALUES ($1, $$(+(+(+$$, -2)"},
		{"PREPARE p AS SELECT 'a'", "PREPARE p AS SELECT 'b'"},
		{"SET search_path = 'a'", "SET /* x */ search_path = 'a'"},
		{"COPY t TO STDOUT", "COPY t TO STDOUT"},
		{"", "-- nothing"},
	}
	for _, c := range same {
		if first, second := analyze(c[0]), analyze(c[1]); first != second {
			t.Errorf("%q and %q have two analyses", c[0], c[1])
		}
	}
	other := [][2]string{
		{"SELECT 1", "SELECT '1'"},
		{"SELECT 1", "SELECT 2147483648"},
		{"SELECT 1", "SELECT 1 ;"},
		{"SELECT'a'", "SELECT 'a'"},
		{"SELECT a", "SELECT A"},
		{"SELECT $1", "SELECT $2"},
		{"SET search_path = 'a'", "SET search_path = 'b'"},
		{"SELECT set_config('role', 'none', false)", "SELECT set_config('role', 'admin', false)"},
		{"SELECT pg_read_file('a')", "SELECT pg_read_file('b')"},
		{"SELECT 'a', set_config('sluice.x', 'y', false)", "SELECT 'b', set_config('sluice.x', 'y', false)"},
		{"COPY t TO '/a'", "COPY t TO '/b'"},
		{"SELECT E'a'", "SELECT E'a'"}, // the lexer does not know
	}
	for _, c := range other {
		if first, second := analyze(c[0]), analyze(c[1]); first == second {
			t.Errorf("%q and %q have one analysis", c[0], c[1])
		}
	}
	for _, text := range []string{"SELEC 1", "SELECT \x00", "SELECT '\x00'", "SELECT '\xff'", "SELECT 1 -- \x00", "SELECT 1 /* \xff */"} {
		if first := analyze(text); first.Problem == nil || first == analyze(text) {
			t.Errorf("%q: the refusal %+v was kept", text, first.Problem)
		}
	}
}

func TestStats(t *testing.T) {
	a := newTestAnalyzer(t, Options{})
	for _, text := range []string{"SELECT 'a'", "SELECT 'b'", "SELECT a", "SELECT E'a'", "SELECT FROM WHERE"} {
		a.Analyze(context.Background(), text)
	}
	s := a.Stats()
	if s.Hits != 1 || s.Misses != 4 || s.Entries != 2 || s.Bytes < 200 || s.Bytes > 4000 {
		t.Errorf("%+v", s)
	}
	off := newTestAnalyzer(t, Options{CacheBytes: -1})
	for range 2 {
		off.Analyze(context.Background(), "SELECT 1")
	}
	if s := off.Stats(); s != (Stats{}) {
		t.Errorf("without a cache: %+v", s)
	}
}

// What comes often stays when many texts come once; the bound holds.
func TestCacheIsBounded(t *testing.T) {
	const limit = 256 << 10
	a := newTestAnalyzer(t, Options{CacheBytes: limit})
	often := "SELECT often FROM t WHERE a = 'x'"
	kept, want := 0, a.Analyze(context.Background(), often)
	for i := range 2000 {
		a.Analyze(context.Background(), fmt.Sprintf("SELECT c%d FROM t WHERE a = 'x'", i))
		got := a.Analyze(context.Background(), often)
		if got == want {
			kept++
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
		if s := a.Stats(); s.Bytes > limit || s.Entries < 1 {
			t.Fatalf("after %d texts: %+v", i, s)
		}
	}
	if kept != 2000 {
		t.Errorf("the text that came often was found %d times", kept)
	}
	if s := a.Stats(); s.Entries < 50 || s.Bytes < limit/2 {
		t.Errorf("hardly used: %+v", s)
	}
	if n := listed(a.cache); n != a.Stats().Entries {
		t.Errorf("%d entries in the buckets, %+v", n, a.Stats())
	}
	huge := "SELECT 1" + strings.Repeat(", abc", 10_000)
	if first := a.Analyze(context.Background(), huge); first == a.Analyze(context.Background(), huge) {
		t.Error("one text took most of the cache")
	}
}

func listed(c *cache) (n int64) {
	for i := range c.buckets {
		for e := c.buckets[i].Load(); e != nil; e = e.next.Load() {
			n++
		}
	}
	return n
}

// Many sessions at once get what each would get alone, also while entries
// are thrown out.
func TestCacheUnderConcurrency(t *testing.T) {
	a := newTestAnalyzer(t, Options{CacheBytes: 64 << 10})
	texts := corpus(t, "scope", "settings")
	want := make([]*Analysis, len(texts))
	for i, text := range texts {
		want[i], _ = a.analyze(t.Context(), text)
	}
	var group sync.WaitGroup
	for client := range 64 {
		group.Go(func() {
			for i := range texts {
				i = (i*7 + client*13) % len(texts)
				if diff := cmp.Diff(want[i], a.Analyze(context.Background(), texts[i])); diff != "" {
					t.Errorf("%s: %s", texts[i], diff)
					return
				}
			}
		})
	}
	group.Wait()
	if s := a.Stats(); s.Hits == 0 || s.Hits+s.Misses != uint64(64*len(texts)) || listed(a.cache) != s.Entries {
		t.Errorf("%+v, %d listed", s, listed(a.cache))
	}
}

// The cache holds no literal, not even of texts whose literals matter, and
// neither does the room of keys.
func TestCacheHoldsNoLiteral(t *testing.T) {
	const secret = "xyzzysecret"
	a := newTestAnalyzer(t, Options{})
	for _, text := range []string{
		"SELECT '" + secret + "'", "ALTER ROLE r PASSWORD '" + secret + "'", "SET app.x = '" + secret + "'", "EXECUTE p('" + secret + "')",
		"INSERT INTO t VALUES ($$" + secret + "$$)", "SELECT dblink_connect('password=" + secret + " host=h')", "/* " + secret + " */ SELECT 1",
	} {
		a.Analyze(context.Background(), text)
		var k key
		if !k.read(text) {
			t.Fatalf("%s has no key", text)
		}
		k.complete(text, &a.cache.salt)
		if strings.Contains(string(k.bytes), secret) || strings.Contains(string(k.values[:cap(k.values)]), secret) {
			t.Errorf("the key of %s holds its literal", text)
		}
	}
	if n := a.Stats().Entries; n != 7 {
		t.Errorf("%d entries", n)
	}
	for i := range a.cache.buckets {
		for e := a.cache.buckets[i].Load(); e != nil; e = e.next.Load() {
			if strings.Contains(e.key, secret) || strings.Contains(describe(e.analysis)+e.analysis.Shape, secret) {
				t.Errorf("the cache holds the literal: %q", e.key)
			}
		}
	}
}

func TestHitsAllocateNothing(t *testing.T) {
	if raceDetector {
		t.Skip("with the race detector a sync.Pool forgets on purpose")
	}
	a := newTestAnalyzer(t, Options{})
	for _, text := range []string{small, "SET search_path = 'a', 'b'", "INSERT INTO t VALUES ('" + strings.Repeat("x", 20_000) + "')", "SELECT 1" + strings.Repeat(", a", 1000)} {
		a.Analyze(context.Background(), text)
		if n := testing.AllocsPerRun(100, func() { a.Analyze(context.Background(), text) }); n != 0 {
			t.Errorf("%.40s: %v allocations", text, n)
		}
	}
	if s := a.Stats(); s.Misses != 4 {
		t.Errorf("%+v", s)
	}
}
