package ledger

import (
	"cmp"
	"slices"
)

// maxChain is how many copies a chain has at most.
const maxChain = 10_000

// relationName is a relation by its name, relationOID by its OID.
type relationName struct{ system, database, schema, name string }

type relationOID struct {
	system, database string
	oid              uint32
}

// relationIndex finds copies by the relations that they read and made.
type relationIndex struct {
	made, read       map[relationName][]string
	madeOID, readOID map[relationOID][]string
	// named are the copies that name one as their parent.
	named map[string][]string
}

func newRelationIndex() relationIndex {
	return relationIndex{
		made: map[relationName][]string{}, read: map[relationName][]string{},
		madeOID: map[relationOID][]string{}, readOID: map[relationOID][]string{},
		named: map[string][]string{},
	}
}

// indexBegun notes what a copy reads and what it is to make.
func (x *relationIndex) indexBegun(c *Copy, b *Begun) {
	for _, r := range b.Origin.Relations {
		name, oid := b.Origin.keys(r)
		x.read[name] = append(x.read[name], c.ID)
		if r.OID != 0 {
			x.readOID[oid] = append(x.readOID[oid], c.ID)
		}
	}
	for _, parent := range b.Parents {
		x.named[parent] = append(x.named[parent], c.ID)
	}
	for i := range b.Targets {
		name := b.Destination.name(&b.Targets[i])
		x.made[name] = append(x.made[name], c.ID)
	}
	if c.Receipt != nil {
		x.indexReceipt(c, c.Receipt)
	}
}

// indexReceipt notes what a copy has made.
func (x *relationIndex) indexReceipt(c *Copy, p *Published) {
	if c.Begun == nil || c.Receipt != p {
		return
	}
	for i := range p.Relations {
		oid := relationOID{c.Begun.Destination.System, c.Begun.Destination.Database, p.Relations[i].OID}
		x.madeOID[oid] = append(x.madeOID[oid], c.ID)
	}
}

func (o *Origin) keys(r OriginRelation) (relationName, relationOID) {
	return relationName{o.System, o.Database, r.Schema, r.Name}, relationOID{o.System, o.Database, r.OID}
}

func (d *Destination) name(t *Target) relationName {
	return relationName{d.System, d.Database, t.Schema, t.Name}
}

// Held returns the copies that a relation holds, or may hold: those that were
// put there under its name or OID (0 if it is not known) and were not seen to
// be gone. They are the parents of a copy of the relation.
func (l *Ledger) Held(system, database string, r OriginRelation) []*Copy {
	l.mu.RLock()
	defer l.mu.RUnlock()
	var held []*Copy
	for _, id := range l.madeAs(relationName{system, database, r.Schema, r.Name}, relationOID{system, database, r.OID}) {
		if c := l.copies[id]; !c.Gone() {
			held = append(held, c)
		}
	}
	return held
}

// madeAs are the ids of copies that made a relation, each once.
func (x *relationIndex) madeAs(name relationName, oid relationOID) []string {
	ids := slices.Clone(x.made[name])
	if oid.oid != 0 {
		ids = append(ids, x.madeOID[oid]...)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// parents are the copies that a copy was made of: those that were, or may have
// been, in the relations that it read while it read them, and those that it
// names.
func (l *Ledger) parents(c *Copy) []string {
	if c.Begun == nil {
		return nil
	}
	ids := slices.Clone(c.Begun.Parents)
	for _, r := range c.Begun.Origin.Relations {
		name, oid := c.Begun.Origin.keys(r)
		for _, id := range l.madeAs(name, oid) {
			if p := l.copies[id]; id != c.ID && p.while(c) {
				ids = append(ids, id)
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// while tells whether rows of p could be read while c was being made.
func (p *Copy) while(c *Copy) bool {
	neverThere := p.Receipt == nil && p.Gone()
	begunTooLate := c.settled >= 0 && p.BegunIndex > c.settled
	goneBefore := p.ended >= 0 && p.ended < c.BegunIndex
	return !neverThere && !begunTooLate && !goneBefore
}

// children are the copies that were made of a copy.
func (l *Ledger) children(c *Copy) []string {
	var readers []string
	if c.Begun != nil {
		for i := range c.Begun.Targets {
			readers = append(readers, l.read[c.Begun.Destination.name(&c.Begun.Targets[i])]...)
		}
		if c.Receipt != nil {
			for i := range c.Receipt.Relations {
				oid := relationOID{c.Begun.Destination.System, c.Begun.Destination.Database, c.Receipt.Relations[i].OID}
				readers = append(readers, l.readOID[oid]...)
			}
		}
	}
	readers = append(readers, l.named[c.ID]...)
	slices.Sort(readers)
	return slices.DeleteFunc(slices.Compact(readers), func(id string) bool {
		return id == c.ID || !slices.Contains(l.parents(l.copies[id]), c.ID)
	})
}

// Link is one copy of a chain.
type Link struct {
	ID string `json:"copy"`
	// Depth is the number of copyings between: below zero for what a copy was
	// made of, above zero for what was made of it.
	Depth int `json:"depth"`
	// Copy is nil if the trail does not have it.
	Copy *Copy `json:"-"`
}

// Chain returns what a copy was made of and what was made of it, however far,
// the most distant origin first. The copy itself is in it, with depth 0. No
// copy is in it twice, also where a damaged trail has copies go in a circle.
func (l *Ledger) Chain(id string) []Link {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.copies[id] == nil {
		return nil
	}
	links := []Link{{ID: id, Copy: l.copies[id]}}
	links = l.walk(links, id, -1, l.parents)
	links = l.walk(links, id, 1, l.children)
	slices.SortStableFunc(links, func(a, b Link) int {
		return cmp.Or(cmp.Compare(a.Depth, b.Depth), cmp.Compare(a.ID, b.ID))
	})
	return links
}

// walk adds the copies that next leads to, the nearest first.
func (l *Ledger) walk(links []Link, from string, step int, next func(*Copy) []string) []Link {
	seen := map[string]bool{}
	for _, link := range links {
		seen[link.ID] = true
	}
	front := []Link{{ID: from, Copy: l.copies[from]}}
	for len(front) > 0 && len(links) < maxChain {
		at := front[0]
		front = front[1:]
		if at.Copy == nil {
			continue
		}
		for _, id := range next(at.Copy) {
			if seen[id] {
				continue
			}
			seen[id] = true
			link := Link{ID: id, Depth: at.Depth + step, Copy: l.copies[id]}
			links, front = append(links, link), append(front, link)
		}
	}
	return links
}
