package policy

import (
	"slices"

	"github.com/sluice-pg/sluice/policy/catalog"
	"github.com/sluice-pg/sluice/policy/quote"
	"github.com/sluice-pg/sluice/policy/statement"
)

// FlowFact is code that a write runs, such as a trigger, and that may put values of
// columns with a class into rows of relations.
type FlowFact struct {
	// By names the code.
	By    string       `json:"by"`
	Moves []ColumnFact `json:"moves"`
	Into  []PlaceFact  `json:"into,omitempty"`
	// Column is the one that they get into, instead of Into.
	Column *ColumnFact `json:"column,omitempty"`
}

// PlaceFact is a relation that values get into.
type PlaceFact struct {
	Schema string `json:"schema"`
	Name   string `json:"name"`
	// As are the relations that it is a partition or a child of, or that are its.
	As []RelationFact `json:"as,omitempty"`
	// Labels are the classes that the database gives columns of any of them, sorted.
	Labels []string `json:"labels,omitempty"`
}

// FlowFacts are the flows that take a value of a class, for as far as this policy
// and the database know of classes.
func (p *Policy) FlowFacts(b *Book, seen catalog.Sight, flows []catalog.Flow) (facts []FlowFact) {
	builder := &factBuilder{book: b, seen: seen, policy: p}
	for _, flow := range flows {
		fact := FlowFact{By: flow.By}
		for _, id := range flow.Moves {
			c, named := builder.described(id)
			if !named {
				continue
			}
			if entries, _ := p.classesOf(&c); len(entries) > 0 && len(fact.Moves) < mostReachedColumns {
				fact.Moves = append(fact.Moves, *c.plain())
			}
		}
		for _, oid := range flow.Into {
			if r := b.Relation(oid); r != nil {
				fact.Into = append(fact.Into, b.place(r))
			}
		}
		if to, named := builder.described(flow.Column); named {
			fact.Column = to.plain()
		}
		if len(fact.Moves) > 0 && (len(fact.Into) > 0 || fact.Column != nil) {
			facts = append(facts, fact)
		}
	}
	return facts
}

// plain is what tells a column's class.
func (c *ColumnFact) plain() *ColumnFact {
	return &ColumnFact{Schema: c.Schema, Relation: c.Relation, Name: c.Name, As: c.As, Labels: c.Labels, LabelFrom: c.LabelFrom, Linked: c.Linked, View: c.View}
}

// place is a relation with those that have the same rows.
func (b *Book) place(r *catalog.Relation) PlaceFact {
	place := PlaceFact{Schema: r.Schema, Name: r.Name, Labels: LabelsOf(r)}
	var family []catalog.OID
	for todo := slices.Concat(r.Parents, r.Children); len(todo) > 0 && len(family) < maxAlso; todo = todo[1:] {
		other := b.Relation(todo[0])
		if other == nil || other == r || slices.Contains(family, todo[0]) {
			continue
		}
		family = append(family, todo[0])
		todo = append(todo, other.Parents...)
		place.As = append(place.As, RelationFact{Schema: other.Schema, Name: other.Name})
		for _, class := range LabelsOf(other) {
			place.Labels = addWord(place.Labels, class)
		}
	}
	return place
}

// has reports whether a column of a place has a class.
func (p *Policy) has(place *PlaceFact, class string) bool {
	found := slices.Contains(place.Labels, class)
	look := func(e *columnEntry) { found = found || e.class == class }
	p.columns.relation(place.Schema, place.Name, look)
	for _, also := range place.As {
		p.columns.relation(also.Schema, also.Name, look)
	}
	return found
}

// copied has a write whose triggers, defaults or rules put a value where its class
// is lost count as a copy inside the server: from there it could be read as it is.
// Who sends the statement did not choose that code, but sets it off.
func (c *ruling) copied(f *RunFact) (effects []statement.Effect) {
	for i := range f.Flows {
		flow := &f.Flows[i]
		by := quote.Short(flow.By, maxSubject)
		for j := range flow.Moves {
			from := &flow.Moves[j]
			entries, _ := c.judge.policy.classesOf(from)
			for _, e := range entries {
				to := c.judge.policy.losesIn(flow, e.class)
				if to == "" {
					continue
				}
				effects = append(effects, statement.Effect{Kind: statement.InternalCopy, What: "value of " + e.class + " elsewhere, by " + by, Position: ranPosition(c.st, f)})
				c.note("", "%s is %s, and %s may put it into %s, which does not have that class: give it to the column that it goes to, or say in functions.known what the code does", columnWords(from), e.class, by, to)
			}
		}
	}
	return effects
}

// losesIn is where a flow puts values that has not their class, in words; empty for
// nowhere.
func (p *Policy) losesIn(flow *FlowFact, class string) string {
	for i := range flow.Into {
		if to := &flow.Into[i]; !p.has(to, class) {
			return quote.Short(to.Schema+"."+to.Name, maxSubject)
		}
	}
	if to := flow.Column; to != nil && !p.hasClass(&WriteFact{Into: []ColumnFact{*to}}, class) {
		return columnWords(to)
	}
	return ""
}
