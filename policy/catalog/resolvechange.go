package catalog

import (
	"slices"

	"github.com/sluice-pg/sluice/policy/statement"
)

// change resolves INSERT, UPDATE, DELETE, MERGE and COPY FROM. Its result is
// that of RETURNING.
func (r *resolver) change(q *statement.Query, sc scope) table {
	c := q.Writes
	var source table
	if c.Source != nil {
		source = r.query(c.Source, sc)
		r.readAll(&source, true)
	}
	target := r.relation(&c.Target)
	given := newGiven(c, target.items[0], &source)
	l := &level{outer: sc.level}
	if c.Op != statement.Merges {
		l = r.add(l, target)
	}
	for i := range q.From {
		l = r.add(l, r.item(&q.From[i], sc, l))
	}
	if c.Op == statement.Merges {
		l = r.add(l, target)
	}
	if c.Op == statement.Inserts && len(c.Sets) > 0 {
		l.items = append(l.items, &named{alias: "excluded", hidden: true, table: given.excluded()})
	}
	r.old(l, target.items[0])
	inner := scope{l, sc.ctes}
	for i := range c.Sets {
		r.set(&c.Sets[i], given, inner)
	}
	r.looks(q.Looks, inner, nil)
	given.write(r)
	return r.returning(q, given, l, inner)
}

// old puts in sight what RETURNING calls the row before and after.
func (r *resolver) old(l *level, target *named) {
	for _, name := range []string{"old", "new"} {
		if l.item([]string{name}) == nil {
			l.items = append(l.items, &named{alias: name, hidden: true, table: target.table, relation: target.relation})
		}
	}
}

// set resolves a column that is given a value. What comes from the column
// itself stays where it is.
func (r *resolver) set(s *statement.Set, g *given, sc scope) {
	v := r.expr(&s.Value, sc)
	at := g.place(s)
	moved := v
	if at >= 0 && g.target.relation != nil {
		own := ColumnID{g.target.relation.OID, g.target.table.columns[at].num}
		moved.from = slices.DeleteFunc(slices.Clone(v.from), func(c ColumnID) bool { return c == own })
	}
	r.read(moved, true)
	g.give(at, v)
}

// returning resolves RETURNING, in which the columns of the target have what
// they were given. The triggers of a relation can put in anything.
func (r *resolver) returning(q *statement.Query, g *given, l *level, sc scope) table {
	runs := r.fired(g.target.relation)
	r.called(runs.calls)
	if len(q.Targets) == 0 {
		if runs.open { // a rule may give rows of its own
			return unknownTable()
		}
		return table{}
	}
	after := g.after(runs)
	out := &level{outer: l.outer}
	add := func(i fromItem) { out = r.add(out, i) }
	if q.Writes.Op != statement.Merges {
		add(fromItem{after, nil})
	}
	// The columns of FROM, without those of the target in front or behind.
	own := len(g.target.table.columns)
	rest := l.table
	if !g.target.table.open && len(rest.columns) >= own { // fewer if there was too much to follow
		if q.Writes.Op != statement.Merges {
			rest.columns = rest.columns[own:]
		} else {
			rest.columns = rest.columns[:len(rest.columns)-own]
		}
	}
	add(fromItem{rest, nil})
	if q.Writes.Op == statement.Merges {
		add(fromItem{after, nil})
	}
	for _, i := range l.items {
		if i.hidden && i.alias == "excluded" {
			continue
		}
		if i == g.target || i.hidden {
			copied := *i
			copied.table = after
			i = &copied
		}
		out.items = append(out.items, i)
	}
	return r.targets(q.Targets, scope{out, sc.ctes}, false)
}

// fired is what the triggers and defaults of a relation, and of those its rows
// go to, can put into a row.
func (r *resolver) fired(rel *Relation) (v value) {
	if rel == nil {
		return value{open: true}
	}
	for _, oid := range append(follow(rel.OID, r.written), rel.OID) {
		if of := r.sight.Relation(oid); of != nil {
			v = v.and(r.firedBy(of))
		}
	}
	return v
}

// written are the relations that rows go to which are written into one: its
// partitions, and what a view shows.
func (r *resolver) written(oid OID) (out []OID) {
	rel := r.sight.Relation(oid)
	if rel == nil {
		return nil
	}
	out = append(out, rel.Children...)
	if rel.Kind == View {
		for _, c := range rel.Uses {
			out = append(out, c.Relation)
		}
	}
	return out
}

func (r *resolver) firedBy(rel *Relation) value {
	calls := slices.Clone(rel.Calls)
	for _, t := range rel.Triggers {
		if t.Enabled != 'D' {
			calls = append(calls, t.Function)
		}
	}
	slices.Sort(calls)
	if rel.Rules > 0 {
		r.note("relation %s has rules", statement.Relation{Schema: rel.Schema, Name: rel.Name})
	}
	return value{calls: slices.Compact(calls), open: rel.Rules > 0}
}
