package catalog

import (
	"slices"

	"github.com/sluice-pg/sluice/policy/statement"
)

// mostViews is how deep views may stand in one another.
const mostViews = 100

// shape finds out what a relation is made of; inside are the views whose
// queries are being followed.
func (s *Snapshot) shape(rel *Relation, inside []OID) *shape {
	out := &shape{table: plainColumns(rel, s), calls: slices.Clone(rel.Calls)}
	slices.Sort(out.calls)
	out.calls = slices.Compact(out.calls)
	switch rel.Kind {
	case View, MaterializedView:
		if slices.Contains(inside, rel.OID) || len(inside) >= mostViews {
			out.cut = true
			out.table = unknownTable()
			out.unknown = []string{"views that stand in one another too deep"}
			return out
		}
		s.follow(rel, out, append(inside[:len(inside):len(inside)], rel.OID))
	default:
		s.generated(rel, out)
	}
	s.beside(rel, out)
	return out
}

// beside adds the columns of other relations that policies look at.
func (s *Snapshot) beside(rel *Relation, out *shape) {
	for _, c := range rel.Beside {
		v := value{from: []ColumnID{c}}
		if of := s.Relation(c.Relation); of != nil && c.Num == 0 {
			t := plainColumns(of, s)
			v = t.all()
		}
		out.looks = out.looks.and(value{from: v.from, through: v.through})
	}
}

// follow adds to the columns of a view what its query makes them of. The names
// in the query's text have their schemas, but for those of pg_catalog.
func (s *Snapshot) follow(rel *Relation, out *shape, inside []OID) {
	r := newResolver(Sight{Snapshot: s, Path: []string{"pg_catalog"}})
	r.inside = inside
	var t table
	text := false
	if rel.Query != "" {
		if st := s.analyze(rel.Query); st != nil && st.Query != nil {
			t = r.query(st.Query, scope{})
			text = !t.open && len(t.columns) == len(out.table.columns) && r.work <= mostWork
		}
	}
	if !text {
		s.uses(rel, out, inside)
		return
	}
	for i := range out.table.columns {
		v, own := t.columns[i].value, out.table.columns[i].value
		sum := own.and(v)
		sum.exact = v.exact && rel.Kind == View
		out.table.columns[i].value = sum
	}
	for _, read := range readings(r.reads) {
		out.looks.from = append(out.looks.from, read.Column)
	}
	for _, read := range readings(r.through) {
		out.looks.through = append(out.looks.through, read.Column)
	}
	out.calls = merged(out.calls, sortedCalls(r.calls), compareOIDs)
	out.unknown, out.opaque, out.keeps = r.unknown, r.opaque, kept(r.writes)
}

// uses takes every column of a view for one made of all that its query refers
// to, and of what that calls.
func (s *Snapshot) uses(rel *Relation, out *shape, inside []OID) {
	r := newResolver(Sight{Snapshot: s})
	r.inside = inside
	v := value{calls: out.calls}
	for _, use := range rel.Uses {
		of := s.Relation(use.Relation)
		if of == nil {
			v.open = true
			r.note("view %s uses a relation that is not in the catalog", statement.Relation{Schema: rel.Schema, Name: rel.Name})
			continue
		}
		from := r.shapeOf(of)
		r.used(from)
		for i := range from.table.columns {
			if use.Num == 0 || use.Num == from.table.columns[i].num {
				v = v.and(from.table.columns[i].value)
			}
		}
		v = v.and(from.table.rest)
	}
	v.exact, v.types = false, nil
	for i := range out.table.columns {
		out.table.columns[i].value = out.table.columns[i].value.and(v)
	}
	out.looks = out.looks.and(value{from: v.from, through: v.through})
	out.calls = merged(out.calls, sortedCalls(r.calls), compareOIDs)
	out.unknown, out.opaque = r.unknown, r.opaque
}

// generated adds to generated columns what they are made of.
func (s *Snapshot) generated(rel *Relation, out *shape) {
	plain, columns := out.table, slices.Clone(out.table.columns)
	for i := range rel.Columns {
		c := &rel.Columns[i]
		if c.Generated == 0 {
			continue
		}
		r := newResolver(Sight{Snapshot: s, Path: []string{"pg_catalog"}})
		v := plain.all()
		if st := s.analyze("SELECT (" + c.Default + ")"); st != nil && st.Query != nil && len(st.Query.Targets) == 1 {
			v = r.expr(&st.Query.Targets[0].Value, scope{level: &level{table: plain}})
		} else {
			v.calls = out.calls
		}
		v = plain.columns[i].value.and(v)
		columns[i].value = v
	}
	out.table.columns = columns
}
