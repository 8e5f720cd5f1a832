package mask

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

// canary stands in masked columns only.
const canary = "CANARYcanary"

// canaryMasks are those that leave nothing of it.
var canaryMasks = []string{"pseudonym domain=x", "pseudonym domain=x fold", "partial", "constant value=z", "null"}

func fuzzColumns(t testing.TB, mask string) []Column {
	t.Helper()
	return []Column{
		{Name: "a", Type: readType(t, "text"), Mask: Mask{Kind: Pass}},
		{Name: "b", Type: readType(t, "text"), Mask: readMask(t, mask)},
		{Name: "c", Type: readType(t, "text"), Mask: Mask{Kind: Pass}},
	}
}

// shows tells whether anything of the canary is in an output, also in the codes
// that a value could be written in.
func shows(out []byte) bool {
	plain := strings.ToLower(string(out))
	for _, read := range []string{plain, strings.ToLower(string(unescape(nil, out))), strings.ReplaceAll(plain, `\`, "")} {
		for _, form := range []string{canary, hex.EncodeToString([]byte(canary)), base64.StdEncoding.EncodeToString([]byte(canary))} {
			if strings.Contains(read, strings.ToLower(form)) {
				return true
			}
		}
	}
	return false
}

// seeds are awkward parts of a row.
func seeds(f *testing.F) {
	for i, s := range []string{"", "x", "\\", "\\\\", "\t", "\n", "\"", "\"\"", ",", "\\.", "\\N", "\x00", "é", "\xff", "'", "a\r\n", "\\x4", "\\10"} {
		f.Add([]byte(s), []byte(s), []byte("end"), uint8(i), uint8(i))
	}
}

// fuzzFormat puts a canary between parts of a row's masked column, and sends
// that row as a server writes it, cut into pieces.
func fuzzFormat(f *testing.F, options func(variant uint8) Options) {
	seeds(f)
	f.Fuzz(func(t *testing.T, before, around, after []byte, variant, size uint8) {
		columns := fuzzColumns(t, canaryMasks[int(variant)%len(canaryMasks)])
		if shows(before) || shows(after) {
			return
		}
		o := options(variant)
		a, b, c := string(before), string(around)+canary+string(around), string(after)
		s := server{o, columns}
		units := s.stream(t, [][]value{{&a, &b, &c}, {nil, &b, nil}})
		raw := bytes.Join(units, nil)
		if o.Format == Text && variant&0x80 != 0 {
			raw = bytes.ReplaceAll(raw, []byte("CANARY"), []byte(`\103\x41N\x41RY`))
		}
		out, err := run(columns, o, splitBy(raw, []int{int(size)}))
		if shows(out) && !shows(bytes.ReplaceAll(raw, []byte(canary), nil)) {
			t.Errorf("%q became %q (%v)", raw, out, err)
		}
		if err != nil && len(out) > len(raw)+200 {
			t.Errorf("%v, and yet %d bytes", err, len(out))
		}
		sameInPieces(t, columns, o, around, int(size))
	})
}

// sameInPieces sends what is no stream of a server, and sees that it comes to
// the same in one piece and in many.
func sameInPieces(t *testing.T, columns []Column, o Options, stream []byte, size int) {
	t.Helper()
	if o.Format == Binary {
		stream = append([]byte(signature+"\x00\x00\x00\x00\x00\x00\x00\x00"), stream...)
	}
	whole, err1 := run(columns, o, [][]byte{stream})
	parts, err2 := run(columns, o, splitBy(stream, []int{size}))
	if (err1 == nil) != (err2 == nil) || err1 == nil && !bytes.Equal(whole, parts) || !bytes.HasPrefix(parts, whole) {
		t.Errorf("%q became %q (%v) in one piece and %q (%v) in many", stream, whole, err1, parts, err2)
	}
}

func FuzzText(f *testing.F) {
	fuzzFormat(f, func(variant uint8) Options {
		o := DefaultOptions(Text)
		if variant&1 != 0 {
			o.Delimiter, o.Null = '|', "nil"
		}
		o.Header = variant&2 != 0
		return o
	})
}

func FuzzCSV(f *testing.F) {
	fuzzFormat(f, func(variant uint8) Options {
		o := DefaultOptions(CSV)
		if variant&1 != 0 {
			o.Escape = '\\'
		}
		if variant&4 != 0 {
			o.Quote, o.Delimiter, o.Null = '\'', ';', "nil"
		}
		o.Header, o.ForceQuoteAll = variant&2 != 0, variant&8 != 0
		return o
	})
}

func FuzzBinary(f *testing.F) {
	fuzzFormat(f, func(uint8) Options { return DefaultOptions(Binary) })
}

// FuzzRow reads what may be no DataRow, and rows with a canary.
func FuzzRow(f *testing.F) {
	f.Add([]byte("\x00\x01\x00\x00\x00\x01a"), uint8(0))
	f.Add([]byte("\x00\x03\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x01a"), uint8(1))
	f.Fuzz(func(t *testing.T, body []byte, variant uint8) {
		columns := fuzzColumns(t, canaryMasks[int(variant)%len(canaryMasks)])
		row, err := NewRow(columns, []int16{int16(variant >> 7)})
		if err != nil {
			t.Fatal(err)
		}
		if out, err := row.Append(nil, body); err != nil && len(out) > 0 {
			t.Errorf("%q became %q", body, out)
		}
		b := canary + string(body)
		out, err := row.Append(nil, server{Options{}, columns}.tuple(t, []value{nil, &b, nil}, true))
		if shows(out) && !shows(body) {
			t.Errorf("%q became %q (%v)", body, out, err)
		}
	})
}

// FuzzValue reads what may be no value of its type, as text and in binary.
func FuzzValue(f *testing.F) {
	f.Add([]byte("2026-11-29 10:00:00+01"), uint8(0))
	f.Add([]byte("\x00\x02\x00\x00\x40\x00\x00\x01\x00\x01\x13\x88"), uint8(3))
	f.Add([]byte("-12.5"), uint8(3))
	masks := []string{
		"date to=month|timestamp with time zone", "date to=year|date", "band width=10|integer", "band width=0.5|numeric", "band width=7|double precision",
		"pseudonym domain=x|bigint", "pseudonym domain=x|numeric", "pseudonym domain=x|uuid", "pseudonym domain=x|macaddr", "pseudonym domain=x|bytea",
		"partial keep_first=2 keep_last=1|text", "pseudonym domain=x fold|citext", "pseudonym domain=x|character(30)",
	}
	f.Fuzz(func(t *testing.T, raw []byte, which uint8) {
		m, typ, _ := strings.Cut(masks[int(which)%len(masks)], "|")
		kind := readType(t, typ)
		ch, err := newChanger(readMask(t, m), kind)
		if err != nil {
			t.Fatal(err)
		}
		if out, err := ch.text(nil, raw); err == nil && !kind.family().isText() {
			if again, err := binaryOf(out, kind.family()); err != nil {
				t.Errorf("%q became %q, which is no %s: %v", raw, out, typ, err)
			} else if in, err := binaryOf(raw, kind.family()); err == nil {
				same(t, ch, in, again, kind.family())
			}
		}
		_, _ = ch.binary(nil, raw)
	})
}

func same(t *testing.T, ch changer, in, want []byte, f family) {
	t.Helper()
	got, err := ch.binary(nil, in)
	if err != nil || !bytes.Equal(got, want) && (f != numeric || !sameNumeric(got, want)) {
		t.Errorf("%x became %x (%v), and %x as text", in, got, err, want)
	}
}

// FuzzOptions reads options of COPY; what is read is valid.
func FuzzOptions(f *testing.F) {
	f.Add("format", "csv", "delimiter", ";")
	f.Add("quote", "'", "format", "csv")
	f.Fuzz(func(t *testing.T, name1, value1, name2, value2 string) {
		o, err := ReadOptions([]Option{{Name: name1, Value: value1}, {Name: name2, Value: value2}})
		if err == nil && o.valid() != nil {
			t.Error(fmt.Sprint(o))
		}
	})
}
