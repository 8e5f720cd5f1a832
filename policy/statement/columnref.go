package statement

import (
	pg "github.com/pganalyze/pg_query_go/v6"
)

// found is what a name in an expression means: columns of relations, or with
// no origins something that is recorded where it is computed.
type found struct {
	from []origin
	// known is set for values that the client itself has sent.
	known bool
}

// unresolved is a column that any relation of the statement could have.
func unresolved(name string) found { return found{from: []origin{{name: name}}} }

// note records what a name means.
func (w *walker) note(f found, at int) {
	use := w.use
	if f.known {
		use = Used
	}
	for _, o := range f.from {
		if use == Output && o.name != "" && w.assigned == o {
			w.column(o, Used, at) // its value stays where it is
			continue
		}
		w.column(o, use, at)
	}
}

// columnRef notes the columns that a name in an expression means.
func (w *walker) columnRef(ref *pg.ColumnRef) {
	if w.unread[ref] {
		return
	}
	w.note(w.resolve(strs(ref.Fields), star(ref.Fields)), int(ref.Location))
}

// star reports whether a name ends in *.
func star(fields []*pg.Node) bool {
	return len(fields) > 0 && fields[len(fields)-1].GetAStar() != nil
}

// resolve says what a name means: names are its parts, without the star.
func (w *walker) resolve(names []string, star bool) found {
	switch {
	case star && len(names) == 0:
		return w.everything()
	case star:
		if i := w.lookup(names); i != nil {
			return i.all()
		}
		if w.variables[names[0]] {
			return found{}
		}
		return unresolved("")
	case len(names) == 1:
		return w.bare(names[0])
	case len(names) > 1:
		name := names[len(names)-1]
		if i := w.lookup(names[:len(names)-1]); i != nil {
			return w.attribute(i, name)
		}
		if w.variables[names[0]] {
			return found{} // its value was read elsewhere
		}
		return unresolved(name)
	}
	return found{}
}

// everything is what * means: all columns of all items of this query.
func (w *walker) everything() (f found) {
	if w.level == nil {
		return unresolved("")
	}
	for _, i := range w.level.items {
		if !i.hidden {
			f.from = append(f.from, i.all().from...)
		}
	}
	return f
}

// all is the whole row of an item.
func (i *item) all() (f found) {
	if i.relation.relation != "" {
		f.from = append(f.from, origin{schema: i.relation.schema, relation: i.relation.relation})
	}
	for _, part := range i.parts {
		f.from = append(f.from, part.all().from...)
	}
	f.known = i.known
	return f
}

// whole notes all columns of an item.
func (w *walker) whole(i *item, at int) { w.note(i.all(), at) }

// lookup finds the item a qualified name means, from the inside out. A
// database name in front is the current one, or the server refuses.
func (w *walker) lookup(names []string) *item {
	name, schema := names[len(names)-1], ""
	if len(names) > 1 {
		schema = names[len(names)-2]
	}
	for l := w.level; l != nil; l = l.outer {
		for _, i := range l.items {
			if i.goesBy(schema, name) {
				return i
			}
		}
		if l.target != nil && schema == "" && (name == "old" || name == "new") {
			return l.target
		}
	}
	return nil
}

// goesBy reports whether an item is what a name means. One with a schema never
// means an alias or a common table expression, even if a relation of that name
// is further out; a relation without one could be of any schema.
func (i *item) goesBy(schema, name string) bool {
	return i.alias == name && (schema == "" || i.plain && (i.schema == "" || i.schema == schema))
}

// attribute is item.name: a column, or a function of the row.
func (w *walker) attribute(i *item, name string) found {
	if !rowFunctions[name] {
		return w.columnOf(i, name)
	}
	if i.output != nil {
		if _, listed := i.output.field(name); listed {
			return w.columnOf(i, name)
		}
	}
	w.untold(untoldAttribute)
	return i.all()
}

// columnOf is a column that an item is known to have.
func (w *walker) columnOf(i *item, name string) found {
	switch {
	case i.renamed[name]: // which one, only the catalog knows
		return i.all()
	case len(i.parts) > 0:
		return w.among(i.parts, name)
	case i.output != nil:
		return i.output.trace(name)
	}
	return found{from: []origin{{i.relation.schema, i.relation.relation, name}}, known: i.known}
}

// among is a column of one of the sides of a join.
func (w *walker) among(sides []*item, name string) found {
	var f found
	could := 0
	for _, i := range sides {
		switch {
		case i.hidden || i.output != nil && !i.output.mayHave(name):
		case i.merged[name]:
			f.from = append(f.from, w.columnOf(i, name).from...)
		case i.output != nil && i.output.open || i.output == nil:
			could++
			f.from = append(f.from, w.columnOf(i, name).from...)
		default:
			return w.columnOf(i, name) // it has one, so no other can
		}
	}
	if could > 1 {
		return unresolved(name)
	}
	return f
}

// trace is where a column of a sub-select comes from.
func (r *rowType) trace(name string) found {
	if f, ok := r.field(name); ok {
		return found{from: f.from}
	}
	if r.open && len(r.stars) == 1 {
		return found{from: []origin{{r.stars[0].schema, r.stars[0].relation, name}}}
	}
	return found{}
}

// bare is an unqualified name. PostgreSQL takes the column of the innermost
// query that has one, and only then a row of that name; the text does not
// tell which relations have the column.
func (w *walker) bare(name string) found {
	var could []found // of items that may have it, inside out
	relations := 0
	for l := w.level; l != nil; l = l.outer {
		if f, has := w.surely(l, name); has {
			if len(could) == 0 {
				return f
			}
			relations++
			could = append(could, f)
			break
		}
		for _, i := range l.items {
			if i.hidden || i.output != nil && !i.output.open {
				continue
			}
			if i.output == nil {
				relations++
			}
			could = append(could, w.columnOf(i, name))
		}
	}
	if row := w.lookup([]string{name}); row != nil {
		return w.wholeRow(row, name, relations)
	}
	switch {
	case len(could) == 1:
		return could[0]
	case relations == 0 && len(could) > 0: // all of sub-selects
		return found{}
	case len(could) == 0 && w.variables[name]:
		return found{}
	}
	return unresolved(name)
}

// surely finds a column that an item of a level certainly has: a listed column
// of a sub-select, one merged by USING, or one that an alias gave a name.
func (w *walker) surely(l *level, name string) (f found, has bool) {
	for _, i := range l.items {
		if i.hidden {
			continue
		}
		listed := false
		if i.output != nil {
			_, listed = i.output.field(name)
		}
		if listed || i.merged[name] || i.renamed[name] {
			has = true
			f.from = append(f.from, w.columnOf(i, name).from...)
		}
	}
	return f, has
}

// wholeRow is a bare name that is the name of an item: its row, unless there
// is a column of that name.
func (w *walker) wholeRow(i *item, name string, relations int) found {
	f := i.all()
	if others := relations - len(f.from); others > 0 {
		f.from = append(f.from, origin{name: name})
	}
	return f
}

// indirection notes (row).column and (row).*; it returns true if it has walked
// the fields.
func (w *walker) indirection(a *pg.A_Indirection) bool {
	if len(a.Indirection) == 0 {
		return false
	}
	first := a.Indirection[0]
	isStar := first.GetAStar() != nil
	name := first.GetString_().GetSval()
	if !isStar && name == "" {
		return false // a subscript
	}
	if ref := a.Arg.GetColumnRef(); ref != nil && !star(ref.Fields) {
		if row := w.lookup(strs(ref.Fields)); row != nil {
			f := row.all()
			if !isStar {
				f = w.attribute(row, name)
			}
			w.note(f, int(ref.Location))
			w.walkNodes(a.Indirection[1:])
			return true
		}
	}
	if !isStar {
		w.mentionAttribute(name)
		w.untold(untoldAttribute)
	}
	return false
}
