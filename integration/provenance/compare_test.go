package provenance

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/policy/catalog"
)

// oldNames are names of columns in old versions, with those that newer ones
// have: EXTRACT before 14, TRUE before 15.
var oldNames = map[string]string{"date_part": "extract", "bool": "?column?"}

// described compares what is said of a query with its RowDescription, and
// returns that; nil if the server does not take the query.
func (j *judge) described(t *testing.T, query string) (p *catalog.Provenance, fields []pgconn.FieldDescription, refusal error) {
	t.Helper()
	d, err := j.conn.Prepare(t.Context(), "", query, nil)
	if err != nil {
		return nil, nil, err
	}
	p = j.provenance(t, query)
	if p.Open {
		return p, d.Fields, nil
	}
	if len(p.Outputs) != len(d.Fields) {
		t.Errorf("%s\n  has %d columns, said were %d: %s", query, len(d.Fields), len(p.Outputs), j.words(p))
		return p, d.Fields, nil
	}
	for i, f := range d.Fields {
		out := p.Outputs[i]
		if out.Name != f.Name && oldNames[f.Name] != out.Name {
			t.Errorf("%s\n  column %d is called %q, said was %q", query, i+1, f.Name, out.Name)
		}
		if out.Open {
			continue
		}
		for _, want := range j.meant(f) {
			if !slices.Contains(out.Origins, want) && !slices.Contains(out.Through, want) {
				t.Errorf("%s\n  column %d, %s, is %s, which is not said: %s", query, i+1, f.Name, j.name(want), j.words(p))
			}
		}
		if out.Exact && (f.TableOID == 0 || f.TableAttributeNumber == 0) {
			t.Logf("%s: column %d is exact, and the server says no origin", query, i+1)
		}
	}
	return p, d.Fields, nil
}

// meant are the columns that a field is said to be by the server.
func (j *judge) meant(f pgconn.FieldDescription) (out []catalog.ColumnID) {
	rel := j.sight.Snapshot.Relation(catalog.OID(f.TableOID))
	num := int16(f.TableAttributeNumber)
	switch {
	case f.TableOID == 0 || num < 0:
		return nil
	case num > 0:
		return []catalog.ColumnID{{Relation: rel.OID, Num: num}}
	}
	for _, c := range rel.Columns {
		out = append(out, catalog.ColumnID{Relation: rel.OID, Num: c.Num})
	}
	return out
}

// name is a column in words.
func (j *judge) name(c catalog.ColumnID) string {
	rel := j.sight.Snapshot.Relation(c.Relation)
	if rel == nil {
		return fmt.Sprint(c)
	}
	for _, col := range rel.Columns {
		if col.Num == c.Num {
			return rel.Schema + "." + rel.Name + "." + col.Name
		}
	}
	return fmt.Sprintf("%s.%s.%d", rel.Schema, rel.Name, c.Num)
}

// words are a provenance for people.
func (j *judge) words(p *catalog.Provenance) string {
	var b strings.Builder
	if p.Open {
		b.WriteString("open ")
	}
	for _, o := range p.Outputs {
		var from []string
		for _, c := range append(slices.Clone(o.Origins), o.Through...) {
			from = append(from, j.name(c))
		}
		fmt.Fprintf(&b, "%s(%s) ", o.Name, strings.Join(from, " "))
	}
	return b.String() + strings.Join(p.Unknown, "; ")
}
