package answer

import (
	"encoding/json"
	"fmt"
)

// Row reads the values of one row, in order. After the first mistake everything
// is zero, and Err has it.
type Row struct {
	// Values are those of the row, nil for NULL. They are the reader's only until
	// the next row.
	Values [][]byte
	at     int
	kept   *Strings
	err    error
}

// Next is the next value as it came.
func (r *Row) Next() []byte {
	if r.at >= len(r.Values) {
		r.Fail("only %d columns", len(r.Values))
		return nil
	}
	r.at++
	return r.Values[r.at-1]
}

// Fail notes a mistake, unless there is one already.
func (r *Row) Fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("a row of the server: "+format, args...)
	}
}

// Err is the first mistake, or that there are more texts than can be kept.
func (r *Row) Err() error {
	if r.err != nil {
		return r.err
	}
	return r.kept.Full()
}

// Text is a string, "" for NULL.
func (r *Row) Text() string { return r.kept.Keep(r.Next()) }

// Optional is a string and whether there is one.
func (r *Row) Optional() (string, bool) {
	v := r.Next()
	return r.kept.Keep(v), v != nil
}

// Number is a decimal number of at most most, 0 for NULL.
func (r *Row) Number(most uint64) uint64 {
	n, err := Number(r.Next(), most)
	if err != nil {
		r.Fail("%w", err)
	}
	return n
}

// Bool is a truth value, false for NULL.
func (r *Row) Bool() bool {
	v := r.Next()
	return len(v) == 1 && v[0] == 't'
}

// Char is a value of the type "char", 0 for none.
func (r *Row) Char() byte {
	if v := r.Next(); len(v) > 0 {
		return v[0]
	}
	return 0
}

// Texts is a JSON array of strings, nil for NULL.
func (r *Row) Texts() []string {
	v := r.Next()
	if v == nil {
		return nil
	}
	var out []string
	if err := json.Unmarshal(v, &out); err != nil {
		r.Fail("a list that cannot be read: %w", err)
		return nil
	}
	for i := range out {
		out[i] = r.kept.Keep([]byte(out[i]))
	}
	return out
}
