package mask

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// testColumns have every kind of mask, and columns without between them.
func testColumns(t testing.TB) []Column {
	t.Helper()
	var out []Column
	for i, line := range []string{
		"pass|integer", "pseudonym domain=email|text", "pass|text", "partial keep_first=1 keep_last=1|character varying(300)",
		"band width=10|integer", "pass|text", "constant value=a,b\"c\\d|text", "null|text",
		"date to=month|timestamp with time zone", "pseudonym domain=n|bigint", "pseudonym domain=device|uuid", "band width=2.5|numeric", "pass|text",
	} {
		m, typ, _ := strings.Cut(line, "|")
		out = append(out, Column{Name: fmt.Sprintf("c%d \"x\",\\", i), Type: readType(t, typ), Mask: readMask(t, m)})
	}
	return out
}

// allOptions are formats with the usual options and with awkward ones.
func allOptions() []Options {
	odd := DefaultOptions(Text)
	odd.Delimiter, odd.Null, odd.Header = '|', "", true
	quotes := DefaultOptions(CSV)
	quotes.Escape, quotes.Header, quotes.Null, quotes.Delimiter = '\\', true, "NULL", ';'
	forced := DefaultOptions(CSV)
	forced.ForceQuoteAll, forced.Quote, forced.Escape = true, '\'', '\''
	return []Options{DefaultOptions(Text), odd, DefaultOptions(CSV), quotes, forced, DefaultOptions(Binary)}
}

// anyText has all that the formats write in some special way.
var anyText = rapid.Custom(func(t *rapid.T) string {
	parts := rapid.SliceOfN(rapid.OneOf(
		rapid.SampledFrom([]string{"\t", "\n", "\r", `\`, `"`, "'", ",", ";", "|", `\.`, `\N`, "NULL", "\b\f\v", "@", "é", "日", " ", `\x41`, `\101`}),
		rapid.StringN(0, 6, 20),
	), 0, 6).Draw(t, "parts")
	return strings.ReplaceAll(strings.Join(parts, ""), "\x00", "")
})

// drawValue draws what a type prints; NULL now and then.
func drawValue(t *rapid.T, c Column) value {
	if rapid.IntRange(0, 9).Draw(t, "null") == 0 {
		return nil
	}
	var s string
	switch c.Type.family() {
	case int4:
		s = strconv.Itoa(int(rapid.Int32().Draw(t, c.Name)))
	case int8:
		s = strconv.FormatInt(rapid.Int64().Draw(t, c.Name), 10)
	case uuid:
		id := [16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, c.Name))
		s = string(appendUUID(nil, &id))
	case numeric:
		s = fmt.Sprintf("%d.%02d", rapid.Int32().Draw(t, c.Name), rapid.IntRange(0, 99).Draw(t, "cents"))
	case timestamptz:
		s = fmt.Sprintf("%04d-%02d-%02d %02d:59:07.5+02", rapid.IntRange(1, 9999).Draw(t, "y"), rapid.IntRange(1, 12).Draw(t, "m"),
			rapid.IntRange(1, 28).Draw(t, "d"), rapid.IntRange(0, 23).Draw(t, "h"))
	default:
		s = anyText.Draw(t, c.Name)
	}
	return &s
}

func drawRows(t *rapid.T, columns []Column) [][]value {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) []value {
		var row []value
		for _, c := range columns {
			row = append(row, drawValue(t, c))
		}
		return row
	}), 0, 4).Draw(t, "rows")
}

// A masked stream is what the server would write of masked rows, however the
// stream is cut.
func TestStreamsAreOfMaskedRows(t *testing.T) {
	columns := testColumns(t)
	for _, o := range allOptions() {
		rapid.Check(t, func(r *rapid.T) {
			s := server{o, columns}
			rows := drawRows(r, columns)
			if o.Null == "" && o.Format == Text {
				emptyIsNull(rows)
			}
			raw := bytes.Join(s.stream(t, rows), nil)
			want := bytes.Join(s.stream(t, s.masked(t, rows)), nil)
			pieces := splitBy(raw, rapid.SliceOfN(rapid.IntRange(1, 40), 1, 5).Draw(r, "pieces"))
			for _, p := range [][][]byte{{raw}, pieces} {
				got, err := run(columns, o, p)
				if err != nil || !bytes.Equal(got, want) {
					r.Fatalf("%d pieces of\n%q\nbecame\n%q (%v), not\n%q", len(p), raw, got, err, want)
				}
			}
		})
	}
}

// emptyIsNull makes NULL of empty texts: where the empty text stands for NULL,
// COPY in text cannot tell them apart.
func emptyIsNull(rows [][]value) {
	for _, row := range rows {
		for i, v := range row {
			if v != nil && *v == "" {
				row[i] = nil
			}
		}
	}
}

// Every row of DataRow comes to the same as in COPY, in both formats.
func TestRowsAgreeWithStreams(t *testing.T) {
	columns := testColumns(t)
	for _, texts := range []bool{false, true} {
		rapid.Check(t, func(r *rapid.T) {
			s := server{DefaultOptions(Binary), columns}
			rows := drawRows(r, columns)
			after := s.masked(t, rows)
			code := int16(1)
			if texts {
				code = 0
			}
			row, err := NewRow(columns, []int16{code})
			if err != nil {
				t.Fatal(err)
			}
			for i := range rows {
				got, err := row.Append([]byte("x"), s.tuple(t, rows[i], texts))
				if want := s.tuple(t, after[i], texts); err != nil || string(got) != "x"+string(want) {
					r.Fatalf("%q (%v), not %q", got, err, want)
				}
			}
		})
	}
}

// exampleRows are two rows with all that is awkward.
func exampleRows() [][]value {
	v := func(s string) value { return &s }
	return [][]value{
		{
			v("1"), v("a\t\"b\n@c"), v("x\ny\\"), v(`q"'|;`), v("-15"), v("\r\n"), v("zz"), v("secret"), v("2026-11-29 10:00:00+01"), v("77"),
			v("6f1c1c9e-2c56-4d6e-9b56-0d6f1f1f1f1f"), v("12.3"), v(`\.`),
		},
		{nil, nil, v("y"), v(""), nil, nil, nil, nil, nil, nil, nil, nil, v("end")},
	}
}

// A stream that ends too early gives the rows that were whole, and says so
// unless it could have ended there; one byte at a time gives the same.
func TestStreamsThatEndEarly(t *testing.T) {
	columns := testColumns(t)
	for _, o := range allOptions() {
		s := server{o, columns}
		units := s.stream(t, exampleRows())
		raw, ends := bytes.Join(units, nil), map[int]bool{}
		for n, i := 0, 0; i < len(units); i++ {
			n += len(units[i])
			ends[n] = o.Format != Binary || n == len(raw)
		}
		ends[0] = o.Format != Binary && !o.Header
		whole, err := run(columns, o, [][]byte{raw})
		if err != nil {
			t.Fatal(err)
		}
		for n := range len(raw) + 1 {
			for _, size := range []int{1, max(n, 1)} {
				got, err := run(columns, o, splitBy(raw[:n], []int{size}))
				if !bytes.HasPrefix(whole, got) || (err == nil) != ends[n] {
					t.Errorf("format %d: %d of %d bytes became %q (%v)", o.Format, n, len(raw), got, err)
				}
			}
		}
	}
}

// What is no COPY of these columns ends it, and gives nothing of the piece.
func TestStreamsThatAreWrong(t *testing.T) {
	columns := []Column{
		{Name: "id", Type: readType(t, "integer"), Mask: Mask{Kind: Pass}},
		{Name: "age", Type: readType(t, "integer"), Mask: readMask(t, "band width=10")},
		{Name: "note", Type: readType(t, "text"), Mask: Mask{Kind: Pass}},
	}
	start := "PGCOPY\n\xff\r\n\x00" + strings.Repeat("\x00", 8)
	for format, streams := range map[Format][]string{
		Text: {
			"1\t2\n", "1\t2\t3\t4\n", "\n", "1\n", "1\tabc\t3\n", "1\t2\t3\\\n", "\\.\n", "1\t2\\\t3\tx\ty\n", "1\t2 \t3\n", "1\t\t3\n",
			"1\t2\ta\\\\\tb\n", "1\t2\ta\\\\b\tb\n",
		},
		CSV: {
			"1,2\n", "1,2,3,4\n", "\n", "1,abc,3\n", "1,\"2\"x,3\n", "1,2\",\"3\n", "1,2,3\r\n", "\\.\n", "1,\"2,3\n", "1,2,\"3\"4\n", "1,2,a\"b\"\n", "1,2,\"a\"b\"c\"\n", "1,\"2\"3\"4\",c\n",
			"1,\"\",3\n",
		},
		Binary: {
			"PGCOPY\n\xff\r\n\x01", "1\t2\t3\n", start[:11] + "\x00\x01\x00\x00\x00\x00\x00\x00", start[:11] + "\x00\x00\x00\x00\x00\x00\x00\x01x",
			start + "\x00\x02", start + "\x00\x03\xff\xff\xff\xfe", start + "\x00\x03\x00\x00\x00\x00\x00\x00\x00\x03abc\x00\x00\x00\x00", start + "\xff\xff\xff\xff",
			start + "\xff\xfe", start + "\x80\x00",
		},
	} {
		for _, stream := range streams {
			for _, size := range []int{1, len(stream)} {
				c, err := NewCopy(columns, DefaultOptions(format))
				if err != nil {
					t.Fatal(err)
				}
				out, err := []byte(nil), error(nil)
				for _, p := range splitBy([]byte(stream), []int{size}) {
					if out, err = c.Append(out, p); err != nil {
						break
					}
				}
				if err == nil {
					err = c.Close()
				}
				if err == nil || format != Binary && len(out) > 0 {
					t.Errorf("%q gave %q, %v", stream, out, err)
				}
				if again, err := c.Append(nil, []byte("1\t2\t3\n")); err == nil || len(again) > 0 || c.Close() == nil {
					t.Errorf("after %q the stream went on", stream)
				}
			}
		}
	}
}

func TestErrorsNameColumnsAndNoValues(t *testing.T) {
	columns := []Column{{Name: "age", Type: readType(t, "integer"), Mask: readMask(t, "band width=10")}}
	_, err := run(columns, DefaultOptions(Text), [][]byte{[]byte("canary\n")})
	if err == nil || !strings.Contains(err.Error(), `"age"`) || strings.Contains(err.Error(), "canary") {
		t.Error(err)
	}
}

func TestRowsThatAreTooLong(t *testing.T) {
	columns := []Column{{Name: "a", Type: readType(t, "text"), Mask: Mask{Kind: Null}}}
	for _, o := range []Options{DefaultOptions(Text), DefaultOptions(CSV)} {
		o.MaxRow = 100
		for n, good := range map[int]bool{99: true, 100: false} {
			row := []byte(strings.Repeat("x", n) + "\n")
			for _, size := range []int{1, 60, 1000} {
				if _, err := run(columns, o, splitBy(row, []int{size})); (err == nil) != good {
					t.Errorf("a row of %d bytes in pieces of %d: %v", len(row), size, err)
				}
			}
		}
	}
	o := DefaultOptions(Text)
	o.MaxRow = 100
	c, _ := NewCopy(columns, o)
	if _, err := c.Append(nil, make([]byte, 101)); err == nil {
		t.Error("half a row of 101 bytes was kept")
	}
}

func TestReadOptions(t *testing.T) {
	good := map[string][]Option{
		"text":   nil,
		"csv":    {{Name: "format", Value: "csv"}, {Name: "header"}, {Name: "quote", Value: "'"}, {Name: "force_quote", Star: true}, {Name: "encoding", Value: "utf-8"}},
		"binary": {{Name: "format", Value: "binary"}},
	}
	want := map[string]Options{
		"text":   DefaultOptions(Text),
		"csv":    {Format: CSV, Delimiter: ',', Quote: '\'', Escape: '\'', Header: true, ForceQuoteAll: true},
		"binary": DefaultOptions(Binary),
	}
	for name, list := range good {
		if got, err := ReadOptions(list); err != nil || fmt.Sprint(got) != fmt.Sprint(want[name]) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for _, list := range [][]Option{
		{{Name: "format", Value: "parquet"}}, {{Name: "freeze"}}, {{Name: "on_error", Value: "ignore"}}, {{Name: "encoding", Value: "GBK"}},
		{{Name: "delimiter", Value: "ab"}}, {{Name: "delimiter", Value: "a"}}, {{Name: "delimiter", Value: "\n"}}, {{Name: "delimiter", Value: "é"}},
		{{Name: "null", Value: "a\tb"}}, {{Name: "null", Value: "\n"}}, {{Name: "quote", Value: "'"}}, {{Name: "header", Value: "match"}},
		{{Name: "null", Value: "x"}, {Name: "null", Value: "x"}}, {{Name: "format", Value: "binary"}, {Name: "null", Value: "x"}},
		{{Name: "format", Value: "csv"}, {Name: "delimiter", Value: `"`}}, {{Name: "format", Value: "csv"}, {Name: "null", Value: `a"`}},
		{{Name: "force_quote", Star: true}},
	} {
		if got, err := ReadOptions(list); err == nil {
			t.Errorf("%+v was read as %+v", list, got)
		}
	}
}

func TestHeadersNameTheColumns(t *testing.T) {
	columns := []Column{{Name: "a", Type: readType(t, "text"), Mask: Mask{Kind: Pass}}, {Name: "b", Type: readType(t, "text"), Mask: Mask{Kind: Null}}}
	for _, f := range []Format{Text, CSV} {
		o := DefaultOptions(f)
		o.Header = true
		d := string(rune(o.Delimiter))
		for _, bad := range []string{"", "b" + d + "a\n", "a\n", "a" + d + "b" + d + "c\n", "a" + d + "\n"} {
			if out, err := run(columns, o, [][]byte{[]byte(bad)}); err == nil || len(out) > 0 {
				t.Errorf("the header %q was taken", bad)
			}
		}
	}
}

// A mask must not make a value that reads as NULL.
func TestMaskedValuesAreNotNull(t *testing.T) {
	o := DefaultOptions(Text)
	o.Null = "***"
	partly := []Column{{Name: "a", Type: readType(t, "text"), Mask: readMask(t, "partial")}}
	if out, err := run(partly, o, [][]byte{[]byte("abc\n")}); err == nil {
		t.Errorf("%q", out)
	}
	constant := []Column{{Name: "a", Type: readType(t, "text"), Mask: readMask(t, "constant value=***")}}
	if _, err := NewCopy(constant, o); err == nil {
		t.Error("the constant that stands for NULL was taken")
	}
	c := DefaultOptions(CSV)
	c.Null = "***"
	if out, err := run(partly, c, [][]byte{[]byte("abc\n***\n")}); err != nil || string(out) != "\"***\"\n***\n" {
		t.Errorf("%q, %v", out, err)
	}
}

func TestMaskMustFit(t *testing.T) {
	columns := []Column{{Name: "a", Type: readType(t, "text")}}
	if _, err := NewCopy(columns, DefaultOptions(Text)); err == nil {
		t.Error("a column without a mask was taken")
	}
	if _, err := NewRow(columns, nil); err == nil {
		t.Error("a column without a mask was taken")
	}
	columns[0].Mask.Kind = Pass
	if _, err := NewCopy(columns, Options{}); err == nil {
		t.Error("no format was taken")
	}
	for _, formats := range [][]int16{{2}, {0, 0}} {
		if _, err := NewRow(columns, formats); err == nil {
			t.Errorf("formats %v were taken", formats)
		}
	}
}

func TestRowsThatAreWrong(t *testing.T) {
	columns := []Column{{Name: "a", Type: readType(t, "text"), Mask: readMask(t, "partial")}}
	row, err := NewRow(columns, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{
		"", "\x00", "\x00\x00", "\x00\x02\xff\xff\xff\xff\xff\xff\xff\xff", "\x00\x01", "\x00\x01\x00\x00\x00\x02a", "\x00\x01\xff\xff\xff\xfe",
		"\x00\x01\x00\x00\x00\x01ab", "\x00\x01\x00\x00\x00\x01\xff",
	} {
		if out, err := row.Append([]byte("x"), []byte(body)); err == nil || string(out) != "x" {
			t.Errorf("%q became %q, %v", body, out, err)
		}
	}
}

// A stream of no columns has empty rows.
func TestNoColumns(t *testing.T) {
	for _, f := range []Format{Text, CSV} {
		if out, err := run(nil, DefaultOptions(f), [][]byte{[]byte("\n\n")}); err != nil || string(out) != "\n\n" {
			t.Errorf("%q, %v", out, err)
		}
		if out, err := run(nil, DefaultOptions(f), [][]byte{[]byte("x\n")}); err == nil {
			t.Errorf("%q", out)
		}
	}
}

func TestRowsAllocateNothing(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates itself")
	}
	columns := testColumns(t)
	for _, o := range allOptions() {
		c, err := NewCopy(columns, o)
		if err != nil {
			t.Fatal(err)
		}
		s := server{o, columns}
		units := s.stream(t, exampleRows())
		last := len(units)
		if o.Format == Binary {
			last--
		}
		dst := make([]byte, 0, 64<<10)
		first := 0
		for ; first < last-2; first++ {
			if _, err := c.Append(dst, units[first]); err != nil {
				t.Fatal(err)
			}
		}
		if n := testing.AllocsPerRun(100, func() {
			for _, unit := range units[first:last] {
				out, err := c.Append(dst, unit[:len(unit)/2])
				if err == nil {
					_, err = c.Append(out, unit[len(unit)/2:])
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		}); n > 0 {
			t.Errorf("format %d: %v allocations for two rows", o.Format, n)
		}
	}
}
