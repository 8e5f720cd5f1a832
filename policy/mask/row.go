package mask

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Row masks the DataRow messages of one result. It is for one goroutine.
type Row struct {
	columns []column
	masked  int
	texts   []bool
}

var errRow = errors.New("a row of the result is not what its description says")

// NewRow begins a result with these columns. formats are the codes of Bind or
// of a RowDescription: none (all text), one for all, or one for each column; 0
// is text and 1 binary (protocol: Bind).
func NewRow(columns []Column, formats []int16) (*Row, error) {
	if n := len(formats); n > 1 && n != len(columns) {
		return nil, fmt.Errorf("%d formats are given for %d columns", n, len(columns))
	}
	ready, err := prepare(columns)
	if err != nil {
		return nil, err
	}
	r := &Row{columns: ready, masked: lastMasked(ready), texts: make([]bool, len(columns))}
	for i := range r.texts {
		code := int16(0)
		switch {
		case len(formats) == 1:
			code = formats[0]
		case len(formats) > 1:
			code = formats[i]
		}
		if code != 0 && code != 1 {
			return nil, fmt.Errorf("there is no format %d for a column", code)
		}
		r.texts[i] = code == 0
	}
	return r, nil
}

// Append appends the masked body of a DataRow to dst: what follows the
// message's length. After an error it appends nothing, and the result must be
// ended with that error.
func (r *Row) Append(dst, body []byte) ([]byte, error) {
	begin := len(dst)
	out, err := r.append(dst, body)
	if err != nil {
		clear(out[begin:])
		return dst[:begin], err
	}
	return out, nil
}

func (r *Row) append(dst, body []byte) ([]byte, error) {
	if len(body) < 2 || int(binary.BigEndian.Uint16(body)) != len(r.columns) {
		return dst, errRow
	}
	at := 2
	for range r.columns {
		_, behind, err := binaryField(body[at:])
		if err != nil || behind == 0 {
			return dst, errRow
		}
		at += behind
	}
	if at != len(body) {
		return dst, errRow
	}
	return appendFields(dst, body, r.columns[:r.masked], r.texts)
}
