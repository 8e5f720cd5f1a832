package statement

import (
	"context"
	"strings"
	"testing"

	pg "github.com/pganalyze/pg_query_go/v6"
)

const small = "SELECT id, email FROM users WHERE id = $1 AND at > now() - interval '1 day' ORDER BY 1 LIMIT 10"

func BenchmarkSmall(b *testing.B) {
	a := NewAnalyzer(Options{})
	for b.Loop() {
		if a.Analyze(context.Background(), small).Kind != OrdinaryRead {
			b.Fatal("wrong kind")
		}
	}
}

// BenchmarkSmallParse is the part of BenchmarkSmall that the parser takes.
func BenchmarkSmallParse(b *testing.B) {
	for b.Loop() {
		if _, err := pg.Parse(small); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSmallInWorker(b *testing.B) {
	a := newTestAnalyzer(b, Options{InProcessBytes: 1})
	for b.Loop() {
		if a.Analyze(context.Background(), small).Kind != OrdinaryRead {
			b.Fatal("wrong kind")
		}
	}
}

func BenchmarkThousandRows(b *testing.B) {
	a := newTestAnalyzer(b, Options{})
	text := "INSERT INTO t VALUES (1, 'a')" + strings.Repeat(", (2, 'b')", 1000)
	for b.Loop() {
		if a.Analyze(context.Background(), text).Kind != OrdinaryWrite {
			b.Fatal("wrong kind")
		}
	}
}

func BenchmarkGate(b *testing.B) {
	for b.Loop() {
		crudeCount(small)
	}
}
