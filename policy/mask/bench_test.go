package mask

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

// benchRows are rows of 12 columns and about 109 bytes of text, all values of
// the masked columns different. Columns 2 and 7 are the ones to mask.
const benchRows = 20_000

func benchStream(b *testing.B, f Format, first, second string) ([]Column, []byte) {
	b.Helper()
	types := []string{
		"bigint", "character varying(80)", "text", "text", "integer", "text", "text", "integer", "text", "timestamp without time zone", "integer", "boolean",
	}
	var columns []Column
	for i, name := range types {
		columns = append(columns, Column{Name: fmt.Sprint("c", i), Type: readType(b, name), Mask: Mask{Kind: Pass}})
	}
	columns[1].Mask, columns[6].Mask = readMask(b, first), readMask(b, second)
	var rows [][]value
	for i := range benchRows {
		var row []value
		for _, s := range []string{
			fmt.Sprint(1_000_000 + i), fmt.Sprintf("person%06d@example.com", i), "Ada", "Example", "1984", "Berlin", fmt.Sprintf("home-%06d", i), "4211",
			"active", "2026-11-29 10:00:00", "17", "t",
		} {
			row = append(row, &s)
		}
		rows = append(rows, row)
	}
	return columns, bytes.Join(server{DefaultOptions(f), columns}.stream(b, rows), nil)
}

func benchmarkMasks(b *testing.B, first, second string) {
	for name, f := range map[string]Format{"text": Text, "csv": CSV, "binary": Binary} {
		columns, stream := benchStream(b, f, first, second)
		b.Run(name, func(b *testing.B) {
			var dst []byte
			var best best
			for b.Loop() {
				c, err := NewCopy(columns, DefaultOptions(f))
				if err != nil {
					b.Fatal(err)
				}
				best.round(func() { dst, err = c.Append(dst[:0], stream) })
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(stream))/benchRows, "bytes/row")
			best.report(b, len(stream))
		})
	}
}

func BenchmarkStatic(b *testing.B) {
	benchmarkMasks(b, "partial keep_first=1", "constant value=hidden")
}

func BenchmarkKeyed(b *testing.B) {
	benchmarkMasks(b, "pseudonym domain=email", "pseudonym domain=ssid")
}

func BenchmarkNoMask(b *testing.B) { benchmarkMasks(b, "pass", "pass") }

// best is the shortest time of a round. Of a machine that is busy with other
// things it says what the average does not: how fast the code is.
type best time.Duration

// round measures one.
func (b *best) round(work func()) {
	begin := time.Now()
	work()
	if d := best(time.Since(begin)); *b == 0 || d < *b {
		*b = d
	}
}

func (b *best) report(bench *testing.B, bytes int) {
	bench.ReportMetric(float64(bytes)/1e6/time.Duration(*b).Seconds(), "best-MB/s")
}

// What the machine can do at all, for comparison.
func BenchmarkMachine(b *testing.B) {
	_, stream := benchStream(b, Text, "pass", "pass")
	dst := make([]byte, len(stream))
	b.Run("copy", func(b *testing.B) {
		var best best
		for b.Loop() {
			best.round(func() { copy(dst, stream) })
		}
		best.report(b, len(stream))
	})
	b.Run("newlines", func(b *testing.B) {
		var best best
		for b.Loop() {
			best.round(func() {
				for rest := stream; ; {
					n := bytes.IndexByte(rest, '\n')
					if n < 0 {
						break
					}
					rest = rest[n+1:]
				}
			})
		}
		best.report(b, len(stream))
	})
}

func BenchmarkValue(b *testing.B) {
	for _, line := range []string{"pseudonym domain=x|text", "pseudonym domain=x|bigint", "band width=10|numeric", "date to=month|date"} {
		m, typ, _ := strings.Cut(line, "|")
		value := map[string]string{"text": "somebody@example.com", "bigint": "12345", "numeric": "1234.56", "date": "2026-11-29"}[typ]
		ch, err := newChanger(readMask(b, m), readType(b, typ))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(typ, func(b *testing.B) {
			var dst []byte
			for b.Loop() {
				if dst, err = ch.text(dst[:0], []byte(value)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
