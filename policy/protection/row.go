package protection

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
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
		r.err = fmt.Errorf("a row of the server: "+format, args...)
	}
}

// text is a string, "" for NULL.
func (r *row) text() string { return r.kept.keep(r.next()) }

// optional is a string and whether there is one.
func (r *row) optional() (string, bool) {
	v := r.next()
	return r.kept.keep(v), v != nil
}

// number is a decimal number of at most most, 0 for NULL.
func (r *row) number(most uint64) uint64 {
	n, err := parseNumber(r.next(), most)
	if err != nil {
		r.fail("%v", err)
	}
	return n
}

func (r *row) oid() oid { return oid(r.number(math.MaxUint32)) }

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

// oids is a list of OIDs with spaces between them.
func (r *row) oids() (list []oid) {
	for _, word := range bytes.Fields(r.next()) {
		n, err := parseNumber(word, math.MaxUint32)
		if err != nil {
			r.fail("%v", err)
			return nil
		}
		list = append(list, oid(n))
	}
	return list
}

// columns is a list of column numbers with spaces between them; those of
// system columns, which are negative, are left out.
func (r *row) columns() (list []int16) {
	for _, word := range bytes.Fields(r.next()) {
		if word[0] == '-' {
			continue
		}
		n, err := parseNumber(word, math.MaxInt16)
		if err != nil {
			r.fail("%v", err)
			return nil
		}
		list = append(list, int16(n))
	}
	return list
}

// names is a JSON array of strings, nil for NULL.
func (r *row) names() []string {
	v := r.next()
	if v == nil {
		return nil
	}
	var out []string
	if err := json.Unmarshal(v, &out); err != nil {
		r.fail("a list that cannot be read: %v", err)
		return nil
	}
	for i := range out {
		out[i] = r.kept.keep([]byte(out[i]))
	}
	return out
}

// rights is a list of rights; NULL is the default of its object.
func (r *row) rights() rights {
	v := r.next()
	if v == nil {
		return rights{builtIn: true}
	}
	list, err := parseRights(v)
	if err != nil {
		r.fail("%v", err)
	}
	return rights{list: list}
}

func parseNumber(text []byte, most uint64) (uint64, error) {
	var n uint64
	for _, c := range text {
		if c < '0' || c > '9' || n > most {
			return 0, fmt.Errorf("%d bytes that are no number", len(text))
		}
		n = n*10 + uint64(c-'0')
	}
	if n > most {
		return 0, fmt.Errorf("the number %d is larger than %d", n, most)
	}
	return n, nil
}

// mostText bounds the texts of one Server, in bytes: whoever may make objects
// could make a catalog of any size.
const mostText = 256 << 20

// longestShared is the length up to which equal texts are kept once: names
// repeat, bodies and conditions do not.
const longestShared = 64

// texts keeps strings, short ones once.
type texts struct {
	shared map[string]string
	bytes  int
}

func (s *texts) keep(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if len(b) <= longestShared {
		if kept, ok := s.shared[string(b)]; ok {
			return kept
		}
	}
	kept := string(b)
	s.bytes += len(b)
	if len(b) <= longestShared {
		s.shared[kept] = kept
	}
	return kept
}

func (s *texts) full() error {
	if s.bytes > mostText {
		return fmt.Errorf("the texts of the database's catalog (names, conditions, functions) are longer than %d MiB", mostText>>20)
	}
	return nil
}
