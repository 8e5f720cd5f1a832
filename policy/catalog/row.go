package catalog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
)

// row reads the values of one row, in order. The first mistake stays in err,
// and everything after it is zero.
type row struct {
	values [][]byte
	at     int
	kept   *texts
	err    error
}

func (r *row) next() []byte {
	if r.at >= len(r.values) {
		r.fail("only %d columns", len(r.values))
		return nil
	}
	r.at++
	return r.values[r.at-1]
}

func (r *row) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("catalog: a row of the server: "+format, args...)
	}
}

// text is a string, "" for NULL.
func (r *row) text() string { return r.kept.keep(r.next()) }

// number is a decimal number of at most most, 0 for NULL.
func (r *row) number(most uint64) uint64 {
	text := r.next()
	var n uint64
	for _, c := range text {
		if c < '0' || c > '9' || n > most {
			r.fail("%d bytes that are no number", len(text))
			return 0
		}
		n = n*10 + uint64(c-'0')
	}
	if n > most {
		r.fail("the number %d is larger than %d", n, most)
		return 0
	}
	return n
}

func (r *row) oid() OID { return OID(r.number(math.MaxUint32)) }

func (r *row) small() int16 { return int16(r.number(math.MaxInt16)) }

func (r *row) bool() bool {
	v := r.next()
	return len(v) == 1 && v[0] == 't'
}

// char is a value of the type "char", 0 for none.
func (r *row) char() byte {
	if v := r.next(); len(v) > 0 {
		return v[0]
	}
	return 0
}

// numbers is an array of small numbers such as {1,-2}, nil for NULL and for
// none.
func (r *row) numbers() []int16 {
	v := r.next()
	if len(v) <= 2 {
		return nil
	}
	var out []int16
	for word := range bytes.SplitSeq(v[1:len(v)-1], []byte{','}) {
		n, err := strconv.ParseInt(string(word), 10, 16)
		if err != nil {
			r.fail("a list of numbers that cannot be read: %v", err)
			return nil
		}
		out = append(out, int16(n))
	}
	return out
}

// texts is a JSON array of strings, nil for NULL.
func (r *row) texts() []string {
	v := r.next()
	if v == nil {
		return nil
	}
	var out []string
	if err := json.Unmarshal(v, &out); err != nil {
		r.fail("a list that cannot be read: %v", err)
		return nil
	}
	return out
}
