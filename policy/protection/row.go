package protection

import (
	"bytes"
	"math"

	"github.com/sluice-pg/sluice/policy/catalog/answer"
)

// row reads the values of one row, those of this package's questions too.
type row struct{ answer.Row }

func (r *row) oid() oid { return oid(r.Number(answer.MaxOID)) }

// oids is a list of OIDs with spaces between them.
func (r *row) oids() (list []oid) {
	for _, word := range bytes.Fields(r.Next()) {
		n, err := answer.Number(word, answer.MaxOID)
		if err != nil {
			r.Fail("%v", err)
			return nil
		}
		list = append(list, oid(n))
	}
	return list
}

// columns is a list of column numbers with spaces between them; those of
// system columns, which are negative, are left out.
func (r *row) columns() (list []int16) {
	for _, word := range bytes.Fields(r.Next()) {
		if word[0] == '-' {
			continue
		}
		n, err := answer.Number(word, math.MaxInt16)
		if err != nil {
			r.Fail("%v", err)
			return nil
		}
		list = append(list, int16(n))
	}
	return list
}

// rights is a list of rights; NULL is the default of its object.
func (r *row) rights() rights {
	v := r.Next()
	if v == nil {
		return rights{builtIn: true}
	}
	list, err := parseRights(v)
	if err != nil {
		r.Fail("%v", err)
	}
	return rights{list: list}
}
