package statement

import (
	pg "github.com/pganalyze/pg_query_go/v6"
)

// over walks a definition whose expressions name the columns of a relation.
// Rules and triggers call its rows old and new.
func (w *walker) over(rv *pg.RangeVar, body func()) {
	w.nested(func() {
		if rv != nil {
			i := w.relationItem(rv)
			w.level.target = i
			w.in(i)
		}
		body()
	})
}

// columnsOf notes columns of a relation that a definition lists by name.
func (w *walker) columnsOf(rv *pg.RangeVar, names []string, use ColumnUse) {
	for _, name := range names {
		w.column(origin{rv.GetSchemaname(), rv.GetRelname(), name}, use, int(rv.GetLocation()))
	}
}

// allOf notes a whole relation.
func (w *walker) allOf(rv *pg.RangeVar, use ColumnUse) {
	if rv != nil {
		w.column(origin{schema: rv.Schemaname, relation: rv.Relname}, use, int(rv.Location))
	}
}

// constraint walks a constraint: a check is a predicate, a default or a
// generated column puts values into rows, a foreign key compares.
func (w *walker) constraint(c *pg.Constraint) bool {
	if c.Pktable != nil {
		w.columnsOf(c.Pktable, strs(c.PkAttrs), Used)
	}
	if c.Contype != pg.ConstrType_CONSTR_CHECK && c.Contype != pg.ConstrType_CONSTR_EXCLUSION {
		return false
	}
	w.using(Used, func() { w.children(c) })
	return true
}

// indexColumn notes the column of an index, or of ON CONFLICT.
func (w *walker) indexColumn(name string) {
	if name != "" && w.level != nil && w.level.target != nil {
		w.using(Used, func() { w.note(w.columnOf(w.level.target, name), -1) })
	}
}

// published notes what a publication sends of a relation.
func (w *walker) published(p *pg.PublicationTable) {
	if len(p.Columns) == 0 {
		w.allOf(p.Relation, Output)
	}
	if p.Relation != nil {
		w.columnsOf(p.Relation, strs(p.Columns), Output)
	}
	w.over(p.Relation, func() { w.children(p) })
}
