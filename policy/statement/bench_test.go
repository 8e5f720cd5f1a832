package statement

import (
	"context"
	"os"
	"path/filepath"
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

// ormTexts are the everyday texts of the pool that ORMs send.
func ormTexts(b *testing.B) []string {
	b.Helper()
	var texts []string
	for _, name := range []string{"rails", "django", "sqlalchemy", "prisma", "hibernate", "ecto"} {
		content, err := os.ReadFile(filepath.Join("testdata", "pool", name+".txt"))
		if err != nil {
			b.Fatal(err)
		}
		everyday, _, _ := strings.Cut(string(content), "\n== ")
		for line := range strings.Lines(everyday) {
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' && line[0] != '"' {
				texts = append(texts, line)
			}
		}
	}
	if len(texts) < 200 {
		b.Fatalf("only %d texts", len(texts))
	}
	return texts
}

// BenchmarkPool is one text of the pool that ORMs fill, each in its turn: only
// parsed, analysed when it was never seen, and analysed when it was.
func BenchmarkPool(b *testing.B) {
	texts := ormTexts(b)
	b.Run("parse", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			if _, err := pg.Parse(texts[i%len(texts)]); err != nil {
				b.Fatal(err)
			}
		}
	})
	for name, opts := range map[string]Options{"new": {CacheBytes: -1}, "seen": {}} {
		b.Run(name, func(b *testing.B) {
			a := newTestAnalyzer(b, opts)
			for i := 0; b.Loop(); i++ {
				if a.Analyze(context.Background(), texts[i%len(texts)]).Problem != nil {
					b.Fatal(texts[i%len(texts)])
				}
			}
		})
	}
}
