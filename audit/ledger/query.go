package ledger

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Query selects copies; what is empty selects all that are not gone.
type Query struct {
	// Class is family.name, family.* or *: copies that have values of it.
	Class string
	// Place, Owner and States are compared exactly.
	Place, Owner string
	States       []State
	// Origin selects copies of a relation, and copies of those.
	Origin Relation
	// ExpiresBefore selects copies whose time ends before it.
	ExpiresBefore time.Time
	// Unhealthy selects copies that somebody has to look at at the time Now,
	// because of themselves or of their place.
	Unhealthy bool
	Now       time.Time
	// All selects copies that are gone, too, and those of whose class nothing
	// is left but places.
	All bool

	gone bool // as All, for copies that are gone alone
}

// Relation names a relation at an origin; what is empty stands for any.
type Relation struct{ Place, Database, Schema, Name string }

// ParseRelation reads [PLACE:]SCHEMA.NAME.
func ParseRelation(s string) (Relation, error) {
	place, name, ok := strings.Cut(s, ":")
	if !ok {
		place, name = "", s
	}
	schema, name, dotted := strings.Cut(name, ".")
	if !dotted || schema == "" || name == "" || ok && place == "" {
		return Relation{}, fmt.Errorf("%q is not a relation: write it like public.users or shop:public.users", s)
	}
	return Relation{Place: place, Schema: schema, Name: name}, nil
}

func (r Relation) any() bool { return r == Relation{} }

func (r Relation) in(o *Origin) bool {
	if r.Place != "" && r.Place != o.Place || r.Database != "" && r.Database != o.Database {
		return false
	}
	return slices.ContainsFunc(o.Relations, func(of OriginRelation) bool {
		return (r.Schema == "" || r.Schema == of.Schema) && (r.Name == "" || r.Name == of.Name)
	})
}

// Copies returns the copies that a query selects, the oldest first. A copy of
// whose beginning nothing is known matches every class, place, owner and
// origin, and never expires: it must not be overlooked.
func (l *Ledger) Copies(q Query) []*Copy {
	l.mu.RLock()
	defer l.mu.RUnlock()
	var found []*Copy
	for _, id := range l.order {
		if c := l.copies[id]; l.selected(c, q) {
			found = append(found, c)
		}
	}
	slices.SortStableFunc(found, func(a, b *Copy) int {
		return cmp.Or(a.BegunAt.Compare(b.BegunAt), cmp.Compare(a.ID, b.ID))
	})
	return found
}

func (l *Ledger) selected(c *Copy, q Query) bool {
	stated := len(q.States) > 0
	switch {
	case stated && !slices.Contains(q.States, c.State()),
		!stated && !q.All && !q.gone && c.Gone(),
		q.Class != "" && !c.Holds(q.Class, q.All),
		q.Unhealthy && l.healthy(c, q.Now),
		!q.ExpiresBefore.IsZero() && (c.Expires.IsZero() || c.Gone() || !c.Expires.Before(q.ExpiresBefore)):
		return false
	}
	if c.obscure() {
		return true
	}
	return (q.Place == "" || q.Place == c.Begun.Destination.Place) && (q.Owner == "" || q.Owner == c.Begun.Owner) &&
		(q.Origin.any() || l.comesFrom(c, q.Origin))
}

// comesFrom tells whether a copy, or one it was made of, is of a relation.
func (l *Ledger) comesFrom(c *Copy, r Relation) bool {
	for _, link := range l.walk([]Link{{ID: c.ID, Copy: c}}, c.ID, -1, l.parents) {
		if link.Copy != nil && (link.Copy.obscure() || r.in(&link.Copy.Begun.Origin)) {
			return true
		}
	}
	return false
}

// Copy returns a copy by its id, nil if there is none.
func (l *Ledger) Copy(id string) *Copy {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.copies[id]
}

// Find returns the only copy whose id begins with prefix. The error says that
// there is none, or which there are.
func (l *Ledger) Find(prefix string) (*Copy, error) {
	if prefix == "" || len(prefix) > 26 || !partOfID(prefix) {
		return nil, fmt.Errorf("ledger: %.40q is not the beginning of a copy's id: those have 26 characters of a-z and 2-7", prefix)
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	var ids []string
	for _, id := range l.order {
		if strings.HasPrefix(id, prefix) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	switch {
	case len(ids) == 0:
		return nil, fmt.Errorf("ledger: there is no copy %s in this trail", prefix)
	case len(ids) > 1:
		more := ""
		if len(ids) > 5 {
			more = fmt.Sprintf(" and %d more", len(ids)-5)
		}
		return nil, fmt.Errorf("ledger: %d copies begin with %s: %s%s", len(ids), prefix, strings.Join(ids[:min(5, len(ids))], ", "), more)
	}
	return l.copies[ids[0]], nil
}

// Sweep returns the copies that nobody makes any more and of which something
// may be left at the destination: it has to be looked at, and to be removed.
func (l *Ledger) Sweep() []*Copy {
	left := l.Copies(Query{States: []State{State(LifeUnknown), State(LifeFailed)}})
	return slices.DeleteFunc(left, (*Copy).Gone)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
