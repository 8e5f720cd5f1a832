package policy

import (
	"slices"

	"github.com/sluice-pg/sluice/policy/catalog"
	"github.com/sluice-pg/sluice/policy/statement"
)

// WriteFact is a place that a statement puts values of columns in: a column,
// or what a function of PostgreSQL's keeps where other sessions can see it.
type WriteFact struct {
	// Name is that of the place, for people.
	Name string `json:"name"`
	// Into are the columns of tables that it goes to; none for a function.
	Into []ColumnFact `json:"into,omitempty"`
	// Origins are indexes into the statement's Columns.
	Origins []int `json:"origins,omitempty"`
	// Open is true if what it is given may be anything.
	Open bool `json:"open,omitempty"`
}

// wrote adds what a statement writes whose text does not tell that it moves
// data. A column that is given what comes from itself alone moves none.
func (b *factBuilder) wrote(st *statement.Statement, found *catalog.Provenance) {
	if hasKind(st, statement.InternalCopy) || st.Node == "ViewStmt" {
		return // a view holds no rows: whoever reads it is judged by what is under it
	}
	for i := range found.Writes {
		w := &found.Writes[i]
		if w.Relation == 0 && !w.Kept {
			continue // what it makes, its text tells; a view has no values
		}
		f := WriteFact{Name: w.Name, Origins: b.movedBy(w, found), Open: w.Value.Open}
		if len(f.Origins) == 0 && !f.Open {
			continue
		}
		if r := b.seen.Relation(w.Relation); r != nil {
			f.Name = r.Schema + "." + r.Name + "." + w.Name
		}
		for _, id := range w.Into {
			if into, named := b.described(id); named {
				f.Into = append(f.Into, into)
			}
		}
		b.fact.Writes = append(b.fact.Writes, f)
	}
}

// movedBy are the columns whose values a write moves, all that the statement
// passes on if it cannot be told.
func (b *factBuilder) movedBy(w *catalog.Writing, found *catalog.Provenance) (origins []int) {
	ids := slices.Concat(w.Value.Origins, w.Value.Through)
	for _, oid := range w.Value.Calls {
		ids = append(ids, b.reached[oid]...)
	}
	if w.Value.Open {
		for _, read := range slices.Concat(found.Reads, found.Through) {
			if read.Output {
				ids = append(ids, read.Column)
			}
		}
	}
	for _, id := range ids {
		at, listed := b.at[id]
		if listed && !slices.Contains(w.Into, id) && !slices.Contains(origins, at) {
			origins = append(origins, at)
		}
	}
	return origins
}

// hasClass reports whether all columns that a write goes to have a class.
func (p *Policy) hasClass(w *WriteFact, class string) bool {
	for i := range w.Into {
		entries, _ := p.classesOf(&w.Into[i])
		if !slices.ContainsFunc(entries, func(e *columnEntry) bool { return e.class == class }) {
			return false
		}
	}
	return len(w.Into) > 0
}

// unsoundWrites says what keeps the facts about writes from being believed, or
// "".
func unsoundWrites(f *StatementFact) string {
	for i := range f.Writes {
		for _, at := range f.Writes[i].Origins {
			if at < 0 || at >= len(f.Columns) {
				return "the statement writes what comes from none of the columns that are read"
			}
		}
	}
	return ""
}
