package catalog

import (
	"slices"

	"github.com/sluice-pg/sluice/policy/statement"
)

// item resolves an item of FROM; l has the items before it, which LATERAL
// sees.
func (r *resolver) item(i *statement.Item, sc scope, l *level) fromItem {
	lateral := scope{level: l, ctes: sc.ctes}
	if i.Looks != nil {
		r.read(r.expr(i.Looks, lateral), false)
	}
	switch {
	case i.Join != nil:
		return r.join(i, sc, l)
	case i.Query != nil:
		if i.Lateral {
			sc = lateral
		}
		return called(i, r.query(i.Query, sc))
	case len(i.Functions) > 0:
		return r.functions(i, lateral)
	case i.Table != nil:
		v := r.expr(&i.Table.From, lateral)
		v.exact = false
		var t table
		for _, name := range i.Table.Columns {
			t.columns = append(t.columns, column{name: name, value: v})
		}
		return called(i, t)
	}
	if i.Schema == "" {
		if c := sc.ctes.find(i.Name); c != nil {
			return called(i, c.resolve(r))
		}
	}
	return r.relation(i)
}

// called is an item under its alias.
func called(i *statement.Item, t table) fromItem {
	t = t.renamed(i.Columns)
	alias := i.Alias
	if alias == "" {
		alias = i.Name
	}
	return fromItem{t, []*named{{alias: alias, table: t}}}
}

// relation resolves a relation.
func (r *resolver) relation(i *statement.Item) fromItem {
	rel := r.lookup(i.Schema, i.Name)
	if rel == nil {
		r.note("relation %s is not in the catalog", statement.Relation{Schema: i.Schema, Name: i.Name})
		return called(i, unknownTable())
	}
	s := r.shapeOf(rel)
	r.busy(len(s.table.columns))
	r.used(s)
	out := called(i, s.table)
	out.items[0].relation = rel
	if i.Alias == "" {
		out.items[0].schema = rel.Schema
	}
	return out
}

// used notes what a relation looks at and calls, whichever of its columns are
// named.
func (r *resolver) used(s *shape) {
	r.read(s.looks, false)
	r.called(s.calls)
	r.writes = append(r.writes, s.keeps...)
	for _, words := range s.unknown {
		r.note("%s", words)
	}
	r.opaque = r.opaque || s.opaque
}

// join resolves a join. Its condition sees the two sides, and nothing of what
// is beside the join.
func (r *resolver) join(i *statement.Item, sc scope, l *level) fromItem {
	j := i.Join
	left := r.item(&j.Left, sc, l)
	right := r.item(&j.Right, sc, r.add(l, left))
	out := fromItem{items: slices.Concat(left.items, right.items)}
	names := j.Using
	if j.Natural {
		names = common(&left.table, &right.table)
	}
	var using table
	out.table, using = r.merge(j, names, left.table, right.table)
	if j.Natural && (left.table.open || right.table.open) {
		r.readAll(&left.table, false)
		r.readAll(&right.table, false)
		out.table = openTable(left.table.all().and(right.table.all()))
	}
	if j.On != nil {
		on := r.add(r.add(&level{outer: l.outer}, left), right)
		r.read(r.expr(j.On, scope{on, sc.ctes}), false)
	}
	if j.UsingAlias != "" {
		out.items = append(out.items, &named{alias: j.UsingAlias, table: using})
	}
	if i.Alias != "" {
		return called(i, out.table)
	}
	return out
}

// common are the names of both sides, in the order of the left one.
func common(left, right *table) (names []string) {
	for _, c := range left.columns {
		if _, both := right.find(c.name); both && !slices.Contains(names, c.name) {
			names = append(names, c.name)
		}
	}
	return names
}

// merge puts the columns that USING compares in front of the others. It
// returns them by themselves as well.
func (r *resolver) merge(j *statement.Join, names []string, left, right table) (all, using table) {
	for _, name := range names {
		a, b := side(&left, name), side(&right, name)
		r.read(a, false)
		r.read(b, false)
		v := a.and(b)
		r.called(r.operator(&statement.Call{Name: "=", Known: true, Operator: true}, v).calls)
		switch {
		case j.LeftOnly:
			v = a
		case j.RightOnly:
			v = b
		}
		using.columns = append(using.columns, column{name: name, value: v})
	}
	all = table{columns: slices.Clone(using.columns), open: left.open || right.open, rest: left.rest.and(right.rest)}
	for _, t := range []table{left, right} {
		for _, c := range t.columns {
			if !slices.Contains(names, c.name) {
				all.columns = append(all.columns, c)
			}
		}
	}
	return all, using
}

// side is a column of one side of a join.
func side(t *table, name string) value {
	if v, found := t.find(name); found {
		return v
	}
	return t.rest
}
