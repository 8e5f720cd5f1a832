package catalog

import (
	"bytes"
	"math"
	"strconv"

	"github.com/sluice-pg/sluice/policy/catalog/answer"
)

// row reads the values of one row, those of this package's questions too.
type row struct{ answer.Row }

func (r *row) oid() OID { return OID(r.Number(answer.MaxOID)) }

func (r *row) small() int16 { return int16(r.Number(math.MaxInt16)) }

// numbers is an array of small numbers such as {1,-2}, nil for NULL and for
// none.
func (r *row) numbers() []int16 {
	v := r.Next()
	if len(v) <= 2 {
		return nil
	}
	var out []int16
	for word := range bytes.SplitSeq(v[1:len(v)-1], []byte{','}) {
		n, err := strconv.ParseInt(string(word), 10, 16)
		if err != nil {
			r.Fail("a list of numbers that cannot be read: %v", err)
			return nil
		}
		out = append(out, int16(n))
	}
	return out
}
