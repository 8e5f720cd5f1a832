package catalog

import (
	"slices"

	"github.com/sluice-pg/sluice/policy/statement"
)

// given is what the columns of the target of a statement are given.
type given struct {
	target *named
	// values has one for each column of the target; source is those that an
	// INSERT gives.
	values, source []value
	// all is given to columns that cannot be told.
	all value
}

// newGiven takes the source of an INSERT, column by column where that can be
// told.
func newGiven(c *statement.Writing, target *named, source *table) *given {
	n := len(target.table.columns)
	g := &given{target: target, values: make([]value, n)}
	if source.open {
		g.all = source.all()
	}
	for i, col := range source.columns {
		at := i
		if len(c.Columns) > 0 {
			at = -1
			if i < len(c.Columns) {
				at = g.number(c.Columns[i])
			}
		}
		g.give(at, col.value)
	}
	g.source = slices.Clone(g.values)
	return g
}

// number is the place of a column of a name, -1 if there is none.
func (g *given) number(name string) int {
	return slices.IndexFunc(g.target.table.columns, func(c column) bool { return c.name == name })
}

// place is the place of the column that is set.
func (g *given) place(s *statement.Set) int {
	if s.Column != "" {
		return g.number(s.Column)
	}
	if s.Num >= 1 && s.Num <= len(g.values) {
		return s.Num - 1
	}
	return -1
}

func (g *given) give(at int, v value) {
	if at < 0 || at >= len(g.values) {
		g.all = g.all.and(v)
		return
	}
	g.values[at] = g.values[at].and(v)
}

// excluded is the row that could not be inserted.
func (g *given) excluded() table {
	t := table{open: g.target.table.open, rest: g.all.and(g.target.table.rest)}
	for i, c := range g.target.table.columns {
		t.columns = append(t.columns, column{name: c.name, num: c.num, value: g.source[i].and(g.all)})
	}
	return t
}

// after is the row as it is afterwards.
func (g *given) after(runs value) table {
	t := table{open: g.target.table.open, rest: g.target.table.rest.and(g.all).and(runs)}
	for i, c := range g.target.table.columns {
		exact := c.value.exact
		c.value = c.value.and(g.values[i]).and(g.all).and(runs)
		if c.generated { // of any of the others
			for _, v := range g.values {
				c.value = c.value.and(v)
			}
		}
		c.value.exact = exact && len(c.value.from) == 1
		t.columns = append(t.columns, c)
	}
	return t
}

// write notes the columns that are given something made of columns or calls.
func (g *given) write(r *resolver) {
	rel := OID(0)
	if g.target.relation != nil {
		rel = g.target.relation.OID
	}
	for i, c := range g.target.table.columns {
		if v := g.values[i].and(g.all); !v.empty() {
			r.writes = append(r.writes, Writing{Relation: rel, Name: c.name, Num: c.num, Into: g.into(c), Value: r.assigned(v, c.value).output("")})
		}
	}
	if len(g.target.table.columns) == 0 && !g.all.empty() {
		r.writes = append(r.writes, Writing{Relation: rel, Name: "*", Value: g.all.output("")})
	}
}

// into are the columns of tables that a column of the target is.
func (g *given) into(c column) []ColumnID {
	switch rel := g.target.relation; {
	case rel == nil:
		return nil
	case rel.Kind == View:
		return c.value.from
	default:
		return []ColumnID{{rel.OID, c.num}}
	}
}

// kept are what functions keep.
func kept(all []Writing) []Writing {
	return slices.DeleteFunc(slices.Clone(all), func(w Writing) bool { return !w.Kept })
}

// assigned is a value as a column takes it: the server may cast it.
func (r *resolver) assigned(v, into value) value {
	return v.and(r.casts(value{types: merged(v.types, into.types, compareOIDs)}))
}

func (v value) empty() bool {
	return len(v.from) == 0 && len(v.through) == 0 && len(v.calls) == 0 && !v.open
}
