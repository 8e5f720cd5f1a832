package catalog

import (
	"github.com/sluice-pg/sluice/policy/statement"
)

// Provenance says which columns of tables the result of a statement is made
// of, as the session sees the names in it. It is never less than what the
// server does: what cannot be followed is Open and in Unknown. Calls of
// functions of users are only named, not followed.
//
// It may be asked again and again; what views are made of is found out once
// for each snapshot.
func (s Sight) Provenance(st *statement.Statement) *Provenance {
	r := newResolver(s)
	r.behind = st.Behind
	p := &Provenance{}
	if st.Query == nil {
		r.undescribed(st, p)
	} else {
		r.top(st.Query, p)
	}
	for _, named := range st.Relations {
		oid := OID(0)
		if rel := r.lookup(named.Schema, named.Name); rel != nil {
			oid = rel.OID
		}
		p.Relations = append(p.Relations, oid)
	}
	p.Reads, p.Through, p.Calls = readings(r.reads), readings(r.through), sortedCalls(r.calls)
	p.Writes, p.Unknown, p.Opaque = r.writes, r.unknown, r.opaque
	return p
}

// top resolves the query of a statement.
func (r *resolver) top(q *statement.Query, p *Provenance) {
	out := r.query(q, scope{})
	r.readAll(&out, q.Explained == nil)
	if q.Into != nil {
		return
	}
	if r.work > mostWork {
		out = unknownTable()
	}
	if p.Open = out.open; p.Open {
		return
	}
	for _, c := range out.columns {
		p.Outputs = append(p.Outputs, c.value.output(c.name))
	}
}

// undescribed is a statement of which only the names are known: everything
// they mean may go anywhere.
func (r *resolver) undescribed(st *statement.Statement, p *Provenance) {
	for _, named := range st.Relations {
		if named.Access == statement.Create {
			continue
		}
		p.Open = true
		if rel := r.lookup(named.Schema, named.Name); rel != nil {
			t := r.shapeOf(rel).table
			r.readAll(&t, true)
		} else {
			r.note("relation %s is not in the catalog", named)
		}
	}
	for _, f := range st.Functions {
		v := r.function(statement.Call{Schema: f.Schema, Name: f.Name, Args: f.Args}, value{open: true})
		r.read(v, true)
	}
}

// query resolves a query within what the queries around it can see.
func (r *resolver) query(q *statement.Query, sc scope) table {
	switch {
	case q == nil:
		r.note("a part of the statement is not described")
		return unknownTable()
	case q.Open != "":
		r.note("%s", q.Open)
		return unknownTable()
	case r.busy(0):
		return unknownTable()
	}
	sc, with := r.with(q, sc)
	var out table
	switch {
	case q.Named:
		out = r.meanings()
		r.looks(q.Looks, sc, nil)
	case q.Explained != nil:
		out = r.explained(q, sc)
	case q.Left != nil || q.Right != nil:
		out = r.query(q.Left, sc).united(r.query(q.Right, sc))
		r.looks(q.Looks, scope{level: &level{outer: sc.level}, ctes: sc.ctes}, &out)
	case q.Writes != nil:
		out = r.change(q, sc)
	default:
		out = r.selected(q, sc)
	}
	for _, c := range with {
		t := c.resolve(r) // also those that nobody names
		r.readAll(&t, c.def.Query != nil && c.def.Query.Writes != nil)
	}
	r.into(q, &out)
	return out
}

// selected resolves a SELECT or VALUES.
func (r *resolver) selected(q *statement.Query, sc scope) table {
	l := &level{outer: sc.level}
	for i := range q.From {
		l = r.add(l, r.item(&q.From[i], sc, l))
	}
	sc.level = l
	out := r.targets(q.Targets, sc, q.Stored)
	r.looks(q.Looks, sc, &out)
	return out
}

// add puts an item in a level.
func (r *resolver) add(l *level, i fromItem) *level {
	if r.busy(len(l.table.columns) + len(i.table.columns)) {
		return &level{outer: l.outer, table: unknownTable(), items: l.items}
	}
	return l.with(i)
}

// explained is the plan of a query: it tells which rows there are, and what a
// function returns that the planner calls.
func (r *resolver) explained(q *statement.Query, sc scope) table {
	inner := r.query(q.Explained, sc)
	r.readAll(&inner, q.Explained.Into != nil)
	all := inner.all()
	return table{columns: []column{{name: "QUERY PLAN", value: value{calls: sortedCalls(r.calls), open: all.open || inner.open && len(r.unknown) > 0}}}}
}

// meanings are the rows of what a name stands for.
func (r *resolver) meanings() table {
	if len(r.behind) == 0 {
		r.note("the statement runs a name that nobody saw made")
		return unknownTable()
	}
	var out table
	for i, q := range r.behind {
		t := unknownTable()
		if q.Named {
			r.note("a name stands for another name")
		} else {
			t = r.query(q, scope{})
		}
		if i == 0 {
			out = t
		} else {
			out = out.united(t)
		}
	}
	return out
}

// into notes what becomes of a result that is kept in a relation.
func (r *resolver) into(q *statement.Query, out *table) {
	if q.Into == nil {
		return
	}
	r.readAll(out, true)
	if out.open {
		r.writes = append(r.writes, Writing{Name: "*", Value: out.all().output("")})
		return
	}
	for i, c := range out.columns {
		name := c.name
		if i < len(q.Into.Columns) {
			name = q.Into.Columns[i]
		}
		r.writes = append(r.writes, Writing{Name: name, Num: int16(i + 1), Value: c.value.output("")})
	}
}
