package mask

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

var (
	errEscape   = errors.New("a row of the COPY ends within an escape")
	errEndMark  = errors.New("the COPY has a mark of its end in it")
	errLooksNil = errors.New("the masked value would read as NULL")
)

// textFrame reads COPY in text: rows end with a newline and fields with the
// delimiter; both have a backslash before them, or are written as letters,
// inside of values (protocol: COPY Operations; reference: COPY, Text Format).
type textFrame struct {
	columns   []column
	masked    int
	delimiter byte
	null      []byte
	// ambiguous is true if a value could read as NULL.
	ambiguous bool
	header    bool
	// seen is how much of a row has been searched for its end.
	seen    int
	scratch []byte
}

func newTextFrame(columns []column, o Options) (*textFrame, error) {
	f := &textFrame{
		columns: columns, masked: lastMasked(columns), delimiter: o.Delimiter,
		null: []byte(o.Null), ambiguous: o.Null != `\N`, header: o.Header,
	}
	for i := range columns {
		c, ok := columns[i].changer.(*constant)
		if ok && f.isNull(f.escape(nil, c.asText)) {
			return nil, columns[i].wrong(errLooksNil)
		}
	}
	return f, nil
}

func (f *textFrame) isNull(field []byte) bool { return string(field) == string(f.null) }

func (f *textFrame) end(stream []byte) (int, error) {
	at := bytes.IndexByte(stream[f.seen:], '\n')
	if at < 0 {
		f.seen = len(stream)
		return 0, nil
	}
	n := f.seen + at + 1
	f.seen = 0
	return n, nil
}

func (f *textFrame) finished() error {
	if f.header {
		return errHeader
	}
	return nil
}

func (f *textFrame) append(dst, unit []byte) ([]byte, bool, error) {
	row := unit[:len(unit)-1]
	if string(row) == `\.` {
		return dst, false, errEndMark
	}
	if n := len(row); n > 0 && row[n-1] == '\\' && escaped(row, n) {
		return dst, false, errEscape
	}
	if f.header {
		f.header = false
		return append(dst, unit...), false, f.names(row)
	}
	dst, err := f.row(dst, row)
	return append(dst, '\n'), true, err
}

// escaped tells whether an odd number of backslashes stands before at.
func escaped(row []byte, at int) bool {
	n := 0
	for n < at && row[at-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}

// field returns where the field ends that begins at from.
func (f *textFrame) field(row []byte, from int) int {
	for at := from; ; at++ {
		n := bytes.IndexByte(row[at:], f.delimiter)
		if n < 0 {
			return len(row)
		}
		at += n
		if at == from || row[at-1] != '\\' || !escaped(row[from:], at-from) {
			return at
		}
	}
}

func (f *textFrame) row(dst, row []byte) ([]byte, error) {
	if len(f.columns) == 0 {
		if len(row) > 0 {
			return dst, errColumns
		}
		return dst, nil
	}
	var err error
	copied, at := 0, 0
	for i := range f.columns[:f.masked] {
		end := f.field(row, at)
		if c := &f.columns[i]; c.masked {
			dst = append(dst, row[copied:at]...)
			if dst, err = f.mask(dst, row[at:end], c); err != nil {
				return dst, err
			}
			copied = end
		}
		if end == len(row) && i < len(f.columns)-1 {
			return dst, errColumns
		}
		at = end + 1
	}
	if f.fields(row, at) != len(f.columns)-f.masked {
		return dst, errColumns
	}
	return append(dst, row[copied:]...), nil
}

// fields counts those from at on; there are none behind the end.
func (f *textFrame) fields(row []byte, at int) int {
	if at > len(row) {
		return 0
	}
	rest := row[at:]
	if bytes.IndexByte(rest, '\\') < 0 {
		return bytes.Count(rest, []byte{f.delimiter}) + 1
	}
	n := 1
	for at = f.field(row, at); at < len(row); at = f.field(row, at+1) {
		n++
	}
	return n
}

func (f *textFrame) mask(dst, field []byte, c *column) ([]byte, error) {
	if c.null {
		return append(dst, f.null...), nil
	}
	if f.isNull(field) {
		return append(dst, field...), nil
	}
	if bytes.IndexByte(field, '\\') >= 0 {
		f.scratch = unescape(f.scratch[:0], field)
		field = f.scratch
	}
	begin := len(dst)
	dst, err := c.changer.text(dst, field)
	if err != nil {
		return dst, c.wrong(err)
	}
	if f.special(dst[begin:]) {
		f.scratch = append(f.scratch[:0], dst[begin:]...)
		dst = f.escape(dst[:begin], f.scratch)
	}
	if f.ambiguous && f.isNull(dst[begin:]) {
		return dst, c.wrong(errLooksNil)
	}
	return dst, nil
}

// letters are the escapes for control characters.
var letters = [256]byte{'\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't', '\v': 'v'}

// controls are the control characters of the letters.
var controls = [256]byte{'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v'}

// special tells whether a value needs escapes.
func (f *textFrame) special(value []byte) bool {
	for _, c := range value {
		if c == '\\' || c == f.delimiter || letters[c] != 0 {
			return true
		}
	}
	return false
}

// escape writes a value as the server does (CopyAttributeOutText).
func (f *textFrame) escape(dst, value []byte) []byte {
	for _, c := range value {
		switch {
		case letters[c] != 0:
			dst = append(dst, '\\', letters[c])
		case c == '\\' || c == f.delimiter:
			dst = append(dst, '\\', c)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// unescape reads a field that is not NULL. A backslash before any other
// character stands for that character.
func unescape(dst, field []byte) []byte {
	for at := 0; at < len(field); at++ {
		c := field[at]
		if c != '\\' || at+1 == len(field) {
			dst = append(dst, c)
			continue
		}
		at++
		c = field[at]
		n := 0
		switch {
		case controls[c] != 0:
			c = controls[c]
		case c == 'x':
			if v, digits := number(field[at+1:], 16, 2); digits > 0 {
				c, n = v, digits
			}
		case c >= '0' && c <= '7':
			c, n = number(field[at:], 8, 3)
			n--
		}
		dst = append(dst, c)
		at += n
	}
	return dst
}

// number reads at most so many digits of a base, and says how many there were.
func number(field []byte, base, most int) (value byte, digits int) {
	for digits < most && digits < len(field) {
		c := int(field[digits])
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			c = base
		}
		if c >= base {
			break
		}
		value = byte(int(value)*base + c)
		digits++
	}
	return value, digits
}

// names holds a header to the columns.
func (f *textFrame) names(row []byte) error {
	at := 0
	for i := range f.columns {
		if at > len(row) {
			return errHeader
		}
		end := f.field(row, at)
		if name := unescape(nil, row[at:end]); string(name) != f.columns[i].name {
			return fmt.Errorf("%w: column %d is not %s", errHeader, i+1, strconv.Quote(f.columns[i].name))
		}
		at = end + 1
	}
	if at != len(row)+1 && len(f.columns) > 0 {
		return errHeader
	}
	return nil
}
