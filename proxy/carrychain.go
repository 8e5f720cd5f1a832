package proxy

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/sluice-pg/sluice/audit/ledger"
	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/protection"
)

// A copy of a copy is held against the protection at the first origin, as the ledger
// has it: a chain of copies, each as well protected as the one before it was at that
// moment, could lose a little with every link.

// origins says what a relation of the source is made of, if it is a copy itself.
type origins struct {
	ledger *ledger.Ledger
	// get reads what the trail has stored.
	get func(digest string) ([]byte, error)
	// system and database are those of the source.
	system, database string
}

// parentsOf are the copies that a relation of the source holds, by its name or its
// OID: one that was renamed is still what it was.
func (o *origins) parentsOf(r ledger.OriginRelation) []*ledger.Copy {
	if o.ledger == nil {
		return nil
	}
	return o.ledger.Held(o.system, o.database, r)
}

// originRelation is a relation of the source, in the words of the ledger.
func (c *carryPlan) originRelation(schema, name string) ledger.OriginRelation {
	r := ledger.OriginRelation{Schema: schema, Name: name}
	if rel, known := c.source.Relation(schema, name); known {
		r.OID = rel.OID()
	}
	return r
}

// madeAs is what a copy called a relation that it made.
func madeAs(c *ledger.Copy, r ledger.OriginRelation) ledger.OriginRelation {
	if c.Receipt == nil || r.OID == 0 {
		return r
	}
	for i := range c.Receipt.Relations {
		if made := &c.Receipt.Relations[i]; made.OID == r.OID {
			return ledger.OriginRelation{Schema: made.Schema, Name: made.Name, OID: made.OID}
		}
	}
	return r
}

// facts are those of a copy's first origin.
func (o *origins) facts(c *ledger.Copy) (*protection.Facts, error) {
	kept, known := o.ledger.OriginFacts(c.ID)
	text := []byte(kept.Inline)
	if known && len(text) == 0 && kept.Stored != "" {
		var err error
		if text, err = o.get(kept.Stored); err != nil {
			return nil, fmt.Errorf("the facts of copy %s cannot be read: %w", c.ID, err)
		}
	}
	if len(text) == 0 {
		return nil, fmt.Errorf("the trail does not say who could read at the origin of copy %s, which the source holds", c.ID)
	}
	var list []protection.Fact
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("the facts of copy %s cannot be read: %w", c.ID, err)
	}
	return &protection.Facts{Facts: list}, nil
}

// maxChain bounds how long a chain of copies is followed.
const maxChain = 50

// column is what a column of a relation of the source is made of, at its first
// origin. It is masked as strongly as anywhere on the way.
func (o *origins) column(relation ledger.OriginRelation, column string) (out []protection.Origin, err error) {
	held := o.parentsOf(relation)
	if len(held) == 0 {
		return []protection.Origin{{Column: protection.ColumnName(relation.Schema, relation.Name, column)}}, nil
	}
	for _, c := range held {
		further, err := o.through(c, relation, column, 0)
		if err != nil {
			return nil, err
		}
		out = append(out, further...)
	}
	return out, nil
}

// through is what a column of a relation is made of that a copy has made.
func (o *origins) through(c *ledger.Copy, relation ledger.OriginRelation, column string, depth int) (out []protection.Origin, err error) {
	if c.Begun == nil {
		return nil, fmt.Errorf("the trail does not say what copy %s is made of", c.ID)
	}
	made := madeAs(c, relation)
	sources, masked, known := sourcesOf(c.Begun, made.Schema, made.Name, column)
	if !known {
		return nil, fmt.Errorf("%s.%s has a column %s that copy %s, which it holds, did not have", relation.Schema, relation.Name, column, c.ID)
	}
	for _, s := range sources {
		further, err := o.before(c.Begun, s, depth)
		if err != nil {
			return nil, err
		}
		for _, f := range further {
			f.Masked = max(f.Masked, masked)
			out = append(out, f)
		}
	}
	return out, nil
}

// before is what a column that a copy was made of is made of itself: by the copies
// that were in its relation when the copy was made, whatever became of them since.
func (o *origins) before(b *ledger.Begun, s ledger.Source, depth int) (out []protection.Origin, err error) {
	if depth > maxChain {
		return nil, errors.New("the chain of copies that it is made of is too long to be followed")
	}
	from, held := b.Origin.Relations[s.Relation], false
	for _, id := range b.Parents {
		parent := o.ledger.Copy(id)
		if parent == nil || parent.Begun == nil {
			return nil, fmt.Errorf("the trail does not say what copy %s is made of", id)
		}
		if !madeOf(parent, &b.Origin, from) {
			continue
		}
		held = true
		further, err := o.through(parent, from, s.Column, depth+1)
		if err != nil {
			return nil, err
		}
		out = append(out, further...)
	}
	if !held {
		return []protection.Origin{{Column: protection.ColumnName(from.Schema, from.Name, s.Column)}}, nil
	}
	return out, nil
}

// madeOf reports whether a copy has made a relation that another was made of.
func madeOf(parent *ledger.Copy, origin *ledger.Origin, r ledger.OriginRelation) bool {
	to := &parent.Begun.Destination
	if to.System != origin.System || to.Database != origin.Database {
		return false
	}
	made := madeAs(parent, r)
	return slices.ContainsFunc(parent.Begun.Targets, func(t ledger.Target) bool { return t.Schema == made.Schema && t.Name == made.Name })
}

// sourcesOf are the columns at a copy's origin that one of its columns is made of.
func sourcesOf(b *ledger.Begun, schema, relation, column string) (sources []ledger.Source, masked int, known bool) {
	for i := range b.Targets {
		t := &b.Targets[i]
		if t.Schema != schema || t.Name != relation {
			continue
		}
		for _, c := range t.Columns {
			switch {
			case c.Name != column:
			case c.Own:
				return nil, 0, true
			case len(c.From) > 0:
				return c.From, maskedIn(&c), true
			case len(t.From) == 1:
				return []ledger.Source{{Relation: t.From[0], Column: column}}, maskedIn(&c), true
			}
		}
		for _, name := range t.Rest {
			if name == column && len(t.From) == 1 {
				return []ledger.Source{{Relation: t.From[0], Column: column}}, 0, true
			}
		}
	}
	return nil, 0, false
}

// maskedIn is how strongly a column of a copy is masked, 0 not at all.
func maskedIn(c *ledger.Column) int {
	switch {
	case c.Mask == "":
		return 0
	case c.Partial:
		return protection.InPart
	}
	return protection.Gone
}

// traceOrigins says what the columns of an item are made of at their first origin,
// and who may read that there.
func (c *carryPlan) traceOrigins(one *plannedItem, place protection.Place) error {
	read := map[policy.RelationFact]bool{}
	for at := range one.fact.Outputs {
		out := &one.fact.Outputs[at]
		traced := []protection.Origin{}
		for _, of := range out.Origins {
			col := &one.fact.Columns[of]
			if col.View {
				continue // what it shows is among the others
			}
			read[policy.RelationFact{Schema: col.Schema, Name: col.Relation}] = true
			further, err := c.origins.column(c.originRelation(col.Schema, col.Relation), col.Name)
			if err != nil {
				return err
			}
			for _, f := range further {
				f.Masked = max(f.Masked, one.masked(at))
				traced = append(traced, f)
			}
			c.noteClasses(one, col, further)
		}
		one.relation.Lineage[out.Name] = traced
	}
	var parts []*protection.Facts
	for _, name := range sortedRelations(read) {
		facts, err := c.factsAbout(one, name, place)
		if err != nil {
			return err
		}
		parts = append(parts, facts...)
	}
	one.origin = protection.Join(parts...)
	return nil
}

// factsAbout are the facts about a relation that is read: its own, or those of the
// first origin of the copies that it holds.
func (c *carryPlan) factsAbout(one *plannedItem, name policy.RelationFact, place protection.Place) ([]*protection.Facts, error) {
	rel, known := c.source.Relation(name.Schema, name.Name)
	if !known {
		return nil, fmt.Errorf("%s.%s is not among the relations of the source", name.Schema, name.Name)
	}
	held := c.origins.parentsOf(c.originRelation(name.Schema, name.Name))
	if len(held) == 0 {
		return []*protection.Facts{protection.Source(c.source, rel, place, nil)}, nil
	}
	var out []*protection.Facts
	for _, h := range held {
		facts, err := c.origins.facts(h)
		if err != nil {
			return nil, err
		}
		one.parents = append(one.parents, h.ID)
		out = append(out, facts)
	}
	return out, nil
}

// noteClasses notes the classes of a column by the names that it has at its origin.
func (c *carryPlan) noteClasses(one *plannedItem, col *policy.ColumnFact, origins []protection.Origin) {
	for _, o := range origins {
		for _, class := range c.policy.ClassesOfFact(col) {
			one.relation.Classes[o.Column] = append(one.relation.Classes[o.Column], class)
		}
	}
}
