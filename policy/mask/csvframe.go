package mask

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

var errQuotes = errors.New("a row of the COPY has quotes where they cannot be")

// csvFrame reads COPY in CSV: a row ends with a newline outside of quotes. A
// quoted field is never NULL (reference: COPY, CSV Format).
type csvFrame struct {
	columns       []column
	forced        []bool
	masked        int
	delimiter     byte
	quote, escape byte
	null          []byte
	header        bool
	// seen is how much of a row has been searched for its end, and quoted
	// whether that ended within quotes.
	seen    int
	quoted  bool
	scratch []byte
}

func newCSVFrame(columns []column, o Options) *csvFrame {
	f := &csvFrame{
		columns: columns, masked: lastMasked(columns), delimiter: o.Delimiter, quote: o.Quote, escape: o.Escape,
		null: []byte(o.Null), header: o.Header,
	}
	for _, c := range columns {
		f.forced = append(f.forced, o.quotes(c.name))
	}
	return f
}

func (f *csvFrame) isNull(field []byte) bool { return string(field) == string(f.null) }

func (f *csvFrame) finished() error {
	if f.header {
		return errHeader
	}
	return nil
}

// end looks for a newline outside of quotes. It stops before an escape whose
// next byte has not come.
func (f *csvFrame) end(stream []byte) (int, error) {
	at := f.seen
	for at < len(stream) {
		if f.quoted {
			next, ok := f.closing(stream, at)
			if !ok {
				f.seen = next
				return 0, nil
			}
			f.quoted, at = false, next+1
			continue
		}
		line := bytes.IndexByte(stream[at:], '\n')
		until := len(stream)
		if line >= 0 {
			until = at + line
		}
		quote := bytes.IndexByte(stream[at:until], f.quote)
		if quote >= 0 {
			f.quoted, at = true, at+quote+1
			continue
		}
		if line >= 0 {
			f.seen = 0
			return until + 1, nil
		}
		at = until
	}
	f.seen = at
	return 0, nil
}

// closing returns where the quote is that ends a quoted part, or where to go
// on. A doubled quote ends one part and begins the next, which is all the same
// here.
func (f *csvFrame) closing(stream []byte, at int) (int, bool) {
	for f.escape != f.quote {
		quote := bytes.IndexByte(stream[at:], f.quote)
		until := len(stream)
		if quote >= 0 {
			until = at + quote
		}
		escape := bytes.IndexByte(stream[at:until], f.escape)
		if escape < 0 {
			return until, quote >= 0
		}
		at += escape
		if at+1 == len(stream) {
			return at, false
		}
		// An escape counts only before a quote or another escape.
		if next := stream[at+1]; next == f.quote || next == f.escape {
			at++
		}
		at++
	}
	quote := bytes.IndexByte(stream[at:], f.quote)
	if quote < 0 {
		return len(stream), false
	}
	return at + quote, true
}

func (f *csvFrame) append(dst, unit []byte) ([]byte, bool, error) {
	row := unit[:len(unit)-1]
	if n := len(row); n > 0 && row[n-1] == '\r' {
		return dst, false, errQuotes
	}
	if string(row) == `\.` {
		return dst, false, errEndMark
	}
	if f.header {
		f.header = false
		return append(dst, unit...), false, f.names(row)
	}
	dst, err := f.row(dst, row)
	return append(dst, '\n'), true, err
}

// field returns where the field ends that begins at from.
func (f *csvFrame) field(row []byte, from int) (int, error) {
	if from < len(row) && row[from] == f.quote {
		return f.quotedField(row, from+1)
	}
	end := len(row)
	if n := bytes.IndexByte(row[from:], f.delimiter); n >= 0 {
		end = from + n
	}
	if bytes.IndexByte(row[from:end], f.quote) >= 0 {
		return 0, errQuotes
	}
	return end, nil
}

// quotedField is field for one whose first quote is before at.
func (f *csvFrame) quotedField(row []byte, at int) (int, error) {
	for {
		end, ok := f.closing(row, at)
		switch {
		case !ok:
			return 0, errQuotes
		case end+1 == len(row) || row[end+1] == f.delimiter:
			return end + 1, nil
		case row[end+1] != f.quote || f.escape != f.quote:
			return 0, errQuotes
		}
		at = end + 2
	}
}

func (f *csvFrame) row(dst, row []byte) ([]byte, error) {
	if len(f.columns) == 0 {
		if len(row) > 0 {
			return dst, errColumns
		}
		return dst, nil
	}
	copied, at := 0, 0
	for i := range f.columns[:f.masked] {
		end, err := f.field(row, at)
		if err != nil {
			return dst, err
		}
		if f.columns[i].masked {
			dst = append(dst, row[copied:at]...)
			if dst, err = f.mask(dst, row[at:end], i); err != nil {
				return dst, err
			}
			copied = end
		}
		if end == len(row) && i < len(f.columns)-1 {
			return dst, errColumns
		}
		at = end + 1
	}
	if n, err := f.fields(row, at); err != nil || n != len(f.columns)-f.masked {
		return dst, errors.Join(errColumns, err)
	}
	return append(dst, row[copied:]...), nil
}

// fields counts those from at on; there are none behind the end.
func (f *csvFrame) fields(row []byte, at int) (n int, err error) {
	if at > len(row) {
		return 0, nil
	}
	if bytes.IndexByte(row[at:], f.quote) < 0 {
		return bytes.Count(row[at:], []byte{f.delimiter}) + 1, nil
	}
	for ; at <= len(row); at++ {
		if at, err = f.field(row, at); err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}

func (f *csvFrame) mask(dst, field []byte, i int) ([]byte, error) {
	c := &f.columns[i]
	if c.null {
		return append(dst, f.null...), nil
	}
	if f.isNull(field) {
		return append(dst, field...), nil
	}
	if len(field) > 0 && field[0] == f.quote {
		f.scratch = f.unquote(f.scratch[:0], field[1:len(field)-1])
		field = f.scratch
	}
	begin := len(dst)
	dst, err := c.changer.text(dst, field)
	if err != nil {
		return dst, c.wrong(err)
	}
	if f.forced[i] || f.special(dst[begin:]) {
		f.scratch = append(f.scratch[:0], dst[begin:]...)
		dst = f.quoteValue(dst[:begin], f.scratch)
	}
	return dst, nil
}

// unquote reads what is between the quotes of a field.
func (f *csvFrame) unquote(dst, inside []byte) []byte {
	for at := 0; at < len(inside); at++ {
		c := inside[at]
		if c == f.escape && at+1 < len(inside) && (inside[at+1] == f.quote || inside[at+1] == f.escape) {
			at++
			c = inside[at]
		}
		dst = append(dst, c)
	}
	return dst
}

// special tells whether a value needs quotes (CopyAttributeOutCSV).
func (f *csvFrame) special(value []byte) bool {
	if f.isNull(value) || string(value) == `\.` {
		return true
	}
	for _, c := range value {
		if c == f.delimiter || c == f.quote || c == '\n' || c == '\r' {
			return true
		}
	}
	return false
}

func (f *csvFrame) quoteValue(dst, value []byte) []byte {
	dst = append(dst, f.quote)
	for _, c := range value {
		if c == f.quote || c == f.escape {
			dst = append(dst, f.escape)
		}
		dst = append(dst, c)
	}
	return append(dst, f.quote)
}

// names holds a header to the columns.
func (f *csvFrame) names(row []byte) error {
	at := 0
	for i := range f.columns {
		if at > len(row) {
			return errHeader
		}
		end, err := f.field(row, at)
		if err != nil {
			return err
		}
		name := row[at:end]
		if len(name) > 0 && name[0] == f.quote {
			name = f.unquote(nil, name[1:len(name)-1])
		}
		if string(name) != f.columns[i].name {
			return fmt.Errorf("%w: column %d is not %s", errHeader, i+1, strconv.Quote(f.columns[i].name))
		}
		at = end + 1
	}
	if at != len(row)+1 && len(f.columns) > 0 {
		return errHeader
	}
	return nil
}
