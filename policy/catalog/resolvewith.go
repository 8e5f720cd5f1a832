package catalog

import (
	"github.com/sluice-pg/sluice/policy/statement"
)

// scope is what a part of a statement can see: the items of the queries around
// it and the common table expressions.
type scope struct {
	level *level
	ctes  *cte
}

// cte is a common table expression in sight. It is resolved when it is first
// named.
type cte struct {
	outer *cte
	def   *statement.CTE
	// scope is what its query sees.
	scope scope
	table *table
	// busy is true while it is being resolved; what it is until then is
	// sofar.
	busy  bool
	sofar table
}

// find returns the common table expression a bare name means, or nil.
func (c *cte) find(name string) *cte {
	for ; c != nil; c = c.outer {
		if c.def.Name == name {
			return c
		}
	}
	return nil
}

// with puts the common table expressions of a query in sight, and returns
// them too. Without RECURSIVE each sees only those before it.
func (r *resolver) with(q *statement.Query, sc scope) (scope, []*cte) {
	if len(q.With) == 0 {
		return sc, nil
	}
	all := make([]*cte, len(q.With))
	inner := sc
	for i := range q.With {
		all[i] = &cte{outer: inner.ctes, def: &q.With[i], scope: inner}
		inner.ctes = all[i]
	}
	if q.Recursive {
		for _, c := range all {
			c.scope = inner
		}
	}
	return inner, all
}

// resolve is the result of a common table expression.
func (c *cte) resolve(r *resolver) table {
	switch {
	case c.table != nil:
		return *c.table
	case c.busy:
		return c.sofar
	}
	c.busy = true
	t := c.result(r)
	c.table, c.busy = &t, false
	return t
}

// result resolves the query of a common table expression; what names itself is
// resolved until that changes nothing more.
func (c *cte) result(r *resolver) table {
	q := c.def.Query
	if q == nil || q.Left == nil {
		return c.finish(r.query(q, c.scope))
	}
	c.sofar = c.finish(r.query(q.Left, c.inside(r)))
	const most = 50
	for range most {
		t := c.finish(r.query(q, c.scope))
		if t.equal(c.sofar) {
			return t
		}
		c.sofar = t
	}
	t := openTable(c.sofar.all())
	c.sofar = t
	return c.finish(r.query(q, c.scope)).united(t)
}

// inside is the scope of the arms of the query.
func (c *cte) inside(r *resolver) scope {
	sc, _ := r.with(c.def.Query, c.scope)
	return sc
}

// finish names the columns, and puts behind them those of SEARCH and CYCLE.
func (c *cte) finish(t table) table {
	t = t.renamed(c.def.Columns)
	if len(c.def.Added) == 0 {
		return t
	}
	out := t.joined(table{})
	for _, a := range c.def.Added {
		v := t.rest
		for _, name := range a.From {
			if from, found := t.find(name); found {
				v = v.and(from)
			}
		}
		v.exact = false
		out.columns = append(out.columns, column{name: a.Name, value: v})
	}
	return out
}
