package policy

import (
	"slices"

	"github.com/sluice-pg/sluice/policy/statement"
)

// withRuns adds what code does that the statement runs without calling it. It
// only ever adds. The statement itself is not changed.
//
// Nobody who sends a statement chooses that code, and whoever made it had leave
// to. So what it copies within the database counts only where a value loses its
// class by that (copied), and what of it cannot be seen only if the statement names
// a relation with values of a class that the code could get hold of.
func (c *ruling) withRuns() {
	runs := c.runs()
	if len(runs) == 0 {
		return
	}
	c.judge.volatile = c.judge.volatile || c.judge.req.Facts.Catalog == nil
	changed, classified := branch(c.st), c.classified(runs)
	for _, f := range runs {
		for _, effect := range slices.Concat(ranEffects(f, classified), c.copied(f)) {
			if !slices.Contains(changed.Effects, effect) {
				changed.Effects = append(changed.Effects, effect)
			}
		}
		reached := f.Code
		if f.Access == statement.Write {
			reached.Writes = nil // those of the code, not of whoever sends the statement
		}
		takeReached(changed, &reached, ranPosition(c.st, f))
	}
	slices.SortStableFunc(changed.Effects, func(a, b statement.Effect) int { return int(a.Kind) - int(b.Kind) })
	changed.Kind = worstOf(changed.Effects)
	c.st = changed
}

// classified reports whether anybody has given a class to a column of a relation
// that the statement names or reads, or that is beneath one.
func (c *ruling) classified(runs []*RunFact) bool {
	t := &c.judge.policy.columns
	found := false
	for _, r := range c.st.Relations {
		t.relation(r.Schema, r.Name, func(*columnEntry) { found = true })
	}
	for _, f := range runs {
		found = found || slices.ContainsFunc(f.Labels, func(class string) bool { return class != NoClass })
	}
	if f := c.fact(); f != nil && !found {
		found = len(f.Classes) > 0
		for _, r := range f.Beneath {
			t.relation(r.Schema, r.Name, func(*columnEntry) { found = true })
		}
		for i := range f.Columns {
			entries, _ := c.judge.policy.classesOf(&f.Columns[i])
			found = found || len(entries) > 0
		}
	}
	return found
}

// SendsOut reports whether what a kind moves leaves the database.
func SendsOut(kind statement.Kind) bool { return kind != statement.InternalCopy && outward.has(kind) }

// runs are the facts about the relations that the statement names.
func (c *ruling) runs() (runs []*RunFact) {
	for i := range c.judge.req.Facts.Runs {
		f := &c.judge.req.Facts.Runs[i]
		if f.Name == "" || slices.ContainsFunc(c.st.Relations, f.isOf) {
			runs = append(runs, f)
		}
	}
	return runs
}

// isOf reports whether the fact is about a relation of the statement. The fact has
// the name as it was written, the statement by now with its schema.
func (f *RunFact) isOf(r statement.Relation) bool {
	return (f.Schema == "" || r.Schema == f.Schema) && r.Name == f.Name && r.Access == f.Access
}

// ranPosition is where the statement names the relation, -1 for none.
func ranPosition(st *statement.Statement, f *RunFact) int {
	if at := slices.IndexFunc(st.Relations, f.isOf); at >= 0 {
		return st.Relations[at].Position
	}
	return -1
}

// ranEffects are the effects of code that is run without being called, also
// that it is opaque if that counts.
func ranEffects(f *RunFact, opaque bool) (effects []statement.Effect) {
	words := "code that the statement runs"
	if f.Name != "" {
		words = "code that a " + string(f.Access) + " of " + statement.Relation{Schema: f.Schema, Name: f.Name}.String() + " runs"
	}
	add := func(kind statement.Kind, what string) {
		effects = append(effects, statement.Effect{Kind: kind, What: words + " (" + what + ")", Position: -1})
	}
	for _, e := range f.Code.Effects {
		if e.Kind != statement.InternalCopy {
			add(e.Kind, e.What)
		}
	}
	for _, why := range f.Code.Opaque {
		if opaque {
			add(statement.OpaqueCode, why)
		}
	}
	return effects
}
