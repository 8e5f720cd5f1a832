package classify_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sluice-pg/sluice/policy/classify"
)

// field is a field of a row; nil is NULL.
type field *string

func value(text string) field { return &text }

// written is a row as a stream has it.
func written(layout classify.Layout, row []field) []byte {
	switch layout {
	case classify.Text:
		return []byte(asText(row))
	case classify.CSV:
		return []byte(asCSV(row))
	}
	out := binary.BigEndian.AppendUint16(nil, uint16(len(row)))
	for _, f := range row {
		if f == nil {
			out = binary.BigEndian.AppendUint32(out, 0xFFFFFFFF)
			continue
		}
		out = append(binary.BigEndian.AppendUint32(out, uint32(len(*f))), *f...)
	}
	return out
}

func asText(row []field) string {
	escape := strings.NewReplacer("\\", `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`, "\b", `\b`, "\f", `\f`, "\v", `\v`)
	var parts []string
	for _, f := range row {
		if f == nil {
			parts = append(parts, `\N`)
		} else {
			parts = append(parts, escape.Replace(*f))
		}
	}
	return strings.Join(parts, "\t") + "\n"
}

func asCSV(row []field) string {
	var parts []string
	for _, f := range row {
		switch {
		case f == nil:
			parts = append(parts, "")
		case *f == "" || strings.ContainsAny(*f, ",\"\n\r"):
			parts = append(parts, `"`+strings.ReplaceAll(*f, `"`, `""`)+`"`)
		default:
			parts = append(parts, *f)
		}
	}
	return strings.Join(parts, ",") + "\n"
}

var layouts = []classify.Layout{classify.Tuples, classify.Text, classify.CSV}

// TestLayouts shows that the same rows give the same findings however the
// stream writes them.
func TestLayouts(t *testing.T) {
	kinds := columns()
	rapid.Check(t, func(t *rapid.T) {
		s := synthetic{rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))}
		width := rapid.IntRange(1, 6).Draw(t, "columns")
		chosen := make([]column, width)
		for i := range chosen {
			chosen[i] = rapid.SampledFrom(kinds).Draw(t, "kind")
		}
		samplers := make([]*classify.Sampler, len(layouts))
		for i, l := range layouts {
			samplers[i] = classify.NewSampler(classify.SamplerOptions{Layout: l, Head: 5, Every: 3})
		}
		for range rapid.IntRange(1, 40).Draw(t, "rows") {
			row := make([]field, width)
			for i, c := range chosen {
				switch s.IntN(8) {
				case 0:
				case 1:
					row[i] = value(s.one("", "a\tb", "\\N", "\"", "a,b", "x\ny", "\\.", ",") + c.make(s))
				default:
					row[i] = value(c.make(s))
				}
			}
			for i, l := range layouts {
				samplers[i].Row(written(l, row))
			}
		}
		want := samplers[0].Findings(nil)
		for i := range samplers {
			if diff := cmp.Diff(want, samplers[i].Findings(nil)); diff != "" {
				t.Errorf("layout %d finds something else: %s", layouts[i], diff)
			}
			if samplers[i].Secrets() != samplers[0].Secrets() || samplers[i].News() != samplers[0].News() {
				t.Errorf("layout %d counts %d secrets, %d news; layout 0 %d and %d", layouts[i],
					samplers[i].Secrets(), samplers[i].News(), samplers[0].Secrets(), samplers[0].News())
			}
		}
	})
}

// TestBinaryCopy shows that the header that comes with the first row of a
// binary COPY, and the trailer, are no rows.
func TestBinaryCopy(t *testing.T) {
	s := classify.NewSampler(classify.SamplerOptions{})
	header := "PGCOPY\n\xff\r\n\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x02" + "ex"
	row := written(classify.Tuples, []field{value("a@example.com")})
	s.Row(append([]byte(header), row...))
	s.Row(row)
	s.Row([]byte{0xff, 0xff})
	want := []classify.Finding{{Column: 0, Suggestions: []classify.Suggestion{{
		Class: "contact.email", Strength: classify.Sure,
		Evidence: []classify.Evidence{{Source: "values", Text: "2 of 2 values are e-mail addresses", Hits: 2, Of: 2}},
	}}}}
	if diff := cmp.Diff(want, s.Findings(nil)); diff != "" {
		t.Error(diff)
	}
}

// TestRare shows what becomes of rare things: a credential is found by its
// wire in one row of many, whichever it is, and so is an e-mail address where
// there are few.
func TestRare(t *testing.T) {
	s := synthetic{rand.New(rand.NewPCG(3, 3))}
	for _, secret := range []string{s.jwt(), "AKIA" + s.from(upper, 16), "-----BEGIN RSA PRIVATE KEY-----", "Atzr|" + s.from(lower, 40), "$2b$12$" + s.from(lower, 53), "Mail a@example.com."} {
		for _, at := range []int{0, 1999, 2000, 2500, 70_000, 99_999} {
			for _, layout := range layouts {
				sampler := classify.NewSampler(classify.SamplerOptions{Layout: layout})
				note := "see " + secret
				if strings.HasPrefix(secret, "$") {
					note = secret // a hash is a whole value
				}
				quiet, loud := written(layout, []field{value("1"), value("nothing to see")}), written(layout, []field{value("1"), value(note)})
				for i := range 100_000 {
					if i == at {
						sampler.Row(loud)
					} else {
						sampler.Row(quiet)
					}
				}
				found := sampler.Findings(nil)
				if len(found) != 1 || found[0].Column != 1 || found[0].Suggestions[0].Strength != classify.Sure || sampler.News() != 1 {
					t.Errorf("layout %d, row %d, %.6s: found %v", layout, at, secret, found)
				}
			}
		}
	}
}

// TestRareAmongMails shows that a credential is found although e-mail
// addresses in every row keep that wire quiet.
func TestRareAmongMails(t *testing.T) {
	s := synthetic{rand.New(rand.NewPCG(3, 3))}
	sampler := classify.NewSampler(classify.SamplerOptions{Layout: classify.Text})
	for i := range 50_000 {
		row := []field{value(s.email()), value("quiet")}
		if i == 40_001 {
			row[1] = value(s.jwt())
		}
		sampler.Row(written(classify.Text, row))
	}
	if sampler.Secrets() != 1 {
		t.Errorf("found %d credentials: %v", sampler.Secrets(), sampler.Findings(nil))
	}
}

// TestWires shows that without wires only the sample is looked at, and that with
// one for each row what is there again and again is found, whatever the rhythm.
func TestWires(t *testing.T) {
	s := synthetic{rand.New(rand.NewPCG(3, 3))}
	quiet, loud := written(classify.Text, []field{value("1")}), written(classify.Text, []field{value(s.jwt())})
	for _, c := range []struct {
		wires       classify.Wires
		rows, every int
		found       bool
	}{
		{classify.AllWires, 2, 2, true}, {classify.NoWires, 2, 2, false}, {classify.NoWires, 10_000, 2, false},
		{classify.OneWire, 1000, 16, true}, {classify.OneWire, 10_000, 128, true}, {classify.OneWire, 10_000, 125, true},
	} {
		sampler := classify.NewSampler(classify.SamplerOptions{Layout: classify.Text, Head: 1, Every: 1 << 40, Wires: c.wires})
		for i := range c.rows {
			if i%c.every == 1 {
				sampler.Row(loud)
			} else {
				sampler.Row(quiet)
			}
		}
		if got := sampler.Secrets() > 0; got != c.found {
			t.Errorf("%+v: %d credentials", c, sampler.Secrets())
		}
	}
}

// TestGap shows that the sample is about as large as it was asked to be, and
// keeps no rhythm: rows that come back every 256 are in it as often as others.
func TestGap(t *testing.T) {
	const rows = 1_000_000
	rhythm, other := []byte("11:22:33:44:55:66\t11:22:33:44:55:66\n"), []byte("1\t11:22:33:44:55:66\n")
	sampler := classify.NewSampler(classify.SamplerOptions{Layout: classify.Text})
	in := 0
	for i := range rows {
		if i%256 == 17 {
			sampler.Row(rhythm)
		} else {
			sampler.Row(other)
		}
	}
	for _, f := range sampler.Findings(nil) {
		if f.Column != 1 || len(f.Suggestions) != 1 {
			t.Fatalf("found %v", f)
		}
		in = int(f.Suggestions[0].Evidence[0].Of)
	}
	if in < 2000+rows/256*9/10 || in > 2000+rows/256*11/10 {
		t.Errorf("the sample has %d rows", in)
	}
}

// TestNoAllocation holds the promise of the hot path.
func TestNoAllocation(t *testing.T) {
	for _, layout := range layouts {
		rows := streamRows(layout, 4000)
		s := classify.NewSampler(classify.SamplerOptions{Layout: layout})
		for _, row := range rows {
			s.Row(row)
		}
		if n := testing.AllocsPerRun(3, func() {
			for _, row := range rows {
				s.Row(row)
			}
		}); n != 0 {
			t.Errorf("layout %d: %v allocations for %d rows", layout, n, len(rows))
		}
	}
}

// streamRows are rows of 12 columns and some 110 bytes, as a table of users
// has them.
func streamRows(layout classify.Layout, n int) [][]byte {
	s := synthetic{rand.New(rand.NewPCG(11, 2))}
	rows := make([][]byte, n)
	for i := range rows {
		rows[i] = written(layout, []field{
			value(fmt.Sprint(i)), value(s.email()), value("Ada Costa"), value("DE"), value("2019-12-04 06:00:00+00"), value("t"),
			value(s.digits(5)), nil, value("active"), value(fmt.Sprintf("%.1f", s.Float64()*90)), value("Cam v2"), value(s.word() + " " + s.word()),
		})
	}
	return rows
}

// processorTime is what the process has used, so that other work on the machine
// does not count.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkSampler measures what sampling costs: megabytes for a second of one
// processor, and the part of a processor for a stream of 52 MB/s, which is what
// one server process of PostgreSQL 15 gives.
func BenchmarkSampler(b *testing.B) {
	for _, one := range []struct {
		name   string
		layout classify.Layout
		every  int
		wires  classify.Wires
	}{
		{"text", classify.Text, 0, classify.AllWires},
		{"csv", classify.CSV, 0, classify.AllWires},
		{"tuples", classify.Tuples, 0, classify.AllWires},
		{"text/one wire", classify.Text, 0, classify.OneWire},
		{"text/no wires", classify.Text, 0, classify.NoWires},
		{"text/every row", classify.Text, 1, classify.AllWires},
	} {
		b.Run(one.name, func(b *testing.B) {
			rows := streamRows(one.layout, 10_000)
			size := 0
			for _, row := range rows {
				size += len(row)
			}
			s := classify.NewSampler(classify.SamplerOptions{Layout: one.layout, Every: one.every, Wires: one.wires})
			for _, row := range rows { // a stream has more than its first rows
				s.Row(row)
			}
			b.SetBytes(int64(size))
			b.ReportAllocs()
			before := processorTime(b)
			for b.Loop() {
				for _, row := range rows {
					s.Row(row)
				}
			}
			seconds := (processorTime(b) - before).Seconds() / float64(b.N)
			b.ReportMetric(float64(size)/seconds/1e6, "MB/cpu-s")
			b.ReportMetric(100*seconds/(float64(size)/52e6), "%of52MB/s")
		})
	}
}
