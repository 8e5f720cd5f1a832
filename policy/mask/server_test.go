package mask

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
)

// value is NULL if nil, else what its type prints.
type value *string

// server writes rows as PostgreSQL does, told from its documentation and not
// with the code under test.
type server struct {
	options Options
	columns []Column
}

// stream writes a whole COPY, one unit each.
func (s server) stream(t testing.TB, rows [][]value) (units [][]byte) {
	t.Helper()
	switch {
	case s.options.Format == Binary:
		units = append(units, append([]byte("PGCOPY\n\xff\r\n\x00"), make([]byte, 8)...))
	case s.options.Header:
		var names []value
		for _, c := range s.columns {
			names = append(names, &c.Name)
		}
		units = append(units, s.line(names))
	}
	for _, row := range rows {
		if s.options.Format == Binary {
			units = append(units, s.tuple(t, row, false))
			continue
		}
		units = append(units, s.line(row))
	}
	if s.options.Format == Binary {
		units = append(units, []byte{0xff, 0xff})
	}
	return units
}

func (s server) line(row []value) []byte {
	var fields []string
	for i, v := range row {
		switch {
		case v == nil:
			fields = append(fields, s.options.Null)
		case s.options.Format == Text:
			fields = append(fields, s.escape(*v))
		default:
			fields = append(fields, s.quoted(*v, s.columns[i].Name))
		}
	}
	return []byte(strings.Join(fields, string(rune(s.options.Delimiter))) + "\n")
}

func (s server) escape(v string) string {
	d := string(rune(s.options.Delimiter))
	pairs := []string{`\`, `\\`, "\b", `\b`, "\f", `\f`, "\n", `\n`, "\r", `\r`, "\t", `\t`, "\v", `\v`}
	if d != "\t" {
		pairs = append(pairs, d, `\`+d)
	}
	return strings.NewReplacer(pairs...).Replace(v)
}

func (s server) quoted(v, column string) string {
	q, e := string(rune(s.options.Quote)), string(rune(s.options.Escape))
	force := s.options.ForceQuoteAll
	for _, name := range s.options.ForceQuote {
		force = force || name == column
	}
	if !force && v != s.options.Null && v != `\.` && !strings.ContainsAny(v, "\r\n"+q+string(rune(s.options.Delimiter))) {
		return v
	}
	pairs := []string{q, e + q}
	if e != q {
		pairs = append(pairs, e, e+e)
	}
	return q + strings.NewReplacer(pairs...).Replace(v) + q
}

// tuple writes a row as in COPY BINARY and DataRow.
func (s server) tuple(t testing.TB, row []value, texts bool) []byte {
	t.Helper()
	out := binary.BigEndian.AppendUint16(nil, uint16(len(row)))
	for i, v := range row {
		if v == nil {
			out = append(out, 0xff, 0xff, 0xff, 0xff)
			continue
		}
		field := []byte(*v)
		if f := s.columns[i].Type.family(); !texts && !f.isText() {
			var err error
			if field, err = binaryOf(field, f); err != nil {
				t.Fatalf("%q: %v", *v, err)
			}
		}
		out = append(binary.BigEndian.AppendUint32(out, uint32(len(field))), field...)
	}
	return out
}

// masked is what the masks make of rows, value by value.
func (s server) masked(t testing.TB, rows [][]value) (out [][]value) {
	t.Helper()
	for _, row := range rows {
		var after []value
		for i, v := range row {
			after = append(after, maskedValue(t, s.columns[i], v))
		}
		out = append(out, after)
	}
	return out
}

func maskedValue(t testing.TB, c Column, v value) value {
	t.Helper()
	switch {
	case c.Mask.Kind == Null:
		return nil
	case v == nil || c.Mask.Kind == Pass:
		return v
	}
	ch, err := newChanger(c.Mask, c.Type)
	if err != nil {
		t.Fatal(err)
	}
	after, err := ch.text(nil, []byte(*v))
	if err != nil {
		t.Fatalf("%q: %v", *v, err)
	}
	text := string(after)
	return &text
}

// run sends pieces through a new Copy.
func run(columns []Column, o Options, pieces [][]byte) (out []byte, err error) {
	c, err := NewCopy(columns, o)
	if err != nil {
		return nil, err
	}
	for _, p := range pieces {
		p = bytes.Clone(p)
		if out, err = c.Append(out, p); err != nil {
			return out, err
		}
		clear(p)
	}
	return out, c.Close()
}

// splitBy cuts a stream into pieces of the lengths, again and again.
func splitBy(stream []byte, lengths []int) (out [][]byte) {
	for i := 0; len(stream) > 0; i++ {
		n := min(max(lengths[i%len(lengths)], 1), len(stream))
		out = append(out, stream[:n])
		stream = stream[n:]
	}
	return out
}
