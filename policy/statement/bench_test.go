package statement

import (
	"context"
	"runtime"
	"strings"
	"testing"

	pg "github.com/pganalyze/pg_query_go/v6"
)

const small = "SELECT id, email FROM users WHERE id = $1 AND at > now() - interval '1 day' ORDER BY 1 LIMIT 10"

func benchmarkAnalyze(b *testing.B, opts Options, text string, want Kind) {
	a := newTestAnalyzer(b, opts)
	b.ReportAllocs()
	for b.Loop() {
		if a.Analyze(context.Background(), text).Kind != want {
			b.Fatal("wrong kind")
		}
	}
}

// BenchmarkSmallParse is what the parser takes for a small text: the measure
// of the others.
func BenchmarkSmallParse(b *testing.B) {
	for b.Loop() {
		if _, err := pg.Parse(small); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSmall is a text whose shape was never seen.
func BenchmarkSmall(b *testing.B) {
	benchmarkAnalyze(b, Options{CacheBytes: -1}, small, OrdinaryRead)
}

// BenchmarkSmallCached is a text whose shape was seen.
func BenchmarkSmallCached(b *testing.B) { benchmarkAnalyze(b, Options{}, small, OrdinaryRead) }

// BenchmarkExactCached is a text whose literals matter.
func BenchmarkExactCached(b *testing.B) {
	benchmarkAnalyze(b, Options{}, "SET search_path = 'app', 'public'", OrdinaryRead)
}

// BenchmarkSmallCachedBy64 is the same text from 64 sessions at once.
func BenchmarkSmallCachedBy64(b *testing.B) {
	a := newTestAnalyzer(b, Options{})
	b.SetParallelism(max(1, 64/runtime.GOMAXPROCS(0)))
	b.RunParallel(func(loop *testing.PB) {
		for loop.Next() {
			if a.Analyze(context.Background(), small).Kind != OrdinaryRead {
				b.Fail()
			}
		}
	})
}

// BenchmarkLexer reads a hundred small texts at once.
func BenchmarkLexer(b *testing.B) {
	text := strings.Repeat(small+";\n", 100)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, read := locateByLexer(text, len(text)+1); !read {
			b.Fatal("doubtful")
		}
	}
}

func BenchmarkSmallInWorker(b *testing.B) {
	benchmarkAnalyze(b, Options{InProcessBytes: 1}, small, OrdinaryRead)
}

// BenchmarkThousandRows goes to a worker, whose answers are not kept.
func BenchmarkThousandRows(b *testing.B) {
	text := "INSERT INTO t VALUES (1, 'a')" + strings.Repeat(", (2, 'b')", 1000)
	benchmarkAnalyze(b, Options{}, text, OrdinaryWrite)
}

func BenchmarkGate(b *testing.B) {
	for b.Loop() {
		crudeCount(small)
	}
}
