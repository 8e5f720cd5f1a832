package watch

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
)

// scope is a kind of items of one relation, by its OID, or of the server as a whole,
// under 0.
type scope struct {
	root uint32
	kind string
}

// kindLease are items about logins of leases: what such logins are like.
const kindLease = "lease"

// item is one thing that is looked at: what it is, and what there is to say of it.
type item struct {
	scope
	key, says string
}

// baseline is what was seen last.
type baseline struct {
	digests map[scope]string
	// items are those of scopes that are not too large to be kept.
	items map[scope]map[string]string
	// met are items about leases that were there before: they come and go.
	met map[string]bool
	// roots are relations that were looked at before.
	roots map[uint32]bool
}

// maxItems is how many items are kept for one look at all of them; what is more
// changes without words.
const maxItems = 20_000

// Change is one thing that is not what it was.
type Change struct {
	// Relation is the OID of the copied relation that it is stored with, 0 for
	// what is around them.
	Relation uint32
	// Kind is what it is in a word or two, Name which one of them.
	Kind, Name string
	// Was and Is are in words; empty is not there.
	Was, Is string
	// Tier is which look has seen it.
	Tier Tier
}

// Tier is one of the looks.
type Tier string

// The tiers.
const (
	Tripwire Tier = "T-1"
	T0       Tier = "T0"
	T1       Tier = "T1"
	Counters Tier = "CNT"
	Rules    Tier = "HBA"
	Wire     Tier = "WIRE"
	Login    Tier = "LOGIN"
	Second   Tier = "SECOND"
)

// String is the change as a sentence.
func (c Change) String() string {
	what := c.Kind
	if c.Name != "" {
		what += " " + c.Name
	}
	switch {
	case c.Was == "" && c.Is == "":
		return what + " changed"
	case c.Was == "":
		return what + " is new: " + c.Is
	case c.Is == "":
		return what + " is gone; it was: " + c.Was
	}
	return fmt.Sprintf("%s was: %s; is: %s", what, c.Was, c.Is)
}

// moved returns the scopes of which a new digest differs from the old one, among
// those that a look covers: a scope without digest has no items.
func (b *baseline) moved(now map[scope]string, covers func(scope) bool) []scope {
	var out []scope
	for s, sum := range now {
		if b.digests[s] != sum {
			out = append(out, s)
		}
	}
	for s := range b.digests {
		if _, there := now[s]; !there && covers(s) {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b scope) int { return cmp.Or(cmp.Compare(a.root, b.root), cmp.Compare(a.kind, b.kind)) })
	return out
}

// take makes what was seen of a scope the baseline, and returns what has changed.
// known is false if the items could not be read as a whole.
func (b *baseline) take(s scope, sum string, items map[string]string, known bool, tier Tier) []Change {
	before, hadItems := b.items[s]
	_, had := b.digests[s]
	if sum == "" {
		delete(b.digests, s)
	} else {
		b.digests[s] = sum
	}
	delete(b.items, s)
	if known {
		b.items[s] = items
	}
	if !known || had && !hadItems {
		return []Change{{Relation: s.root, Kind: s.kind, Tier: tier}}
	}
	if s.kind == kindLease {
		return b.leases(items, tier)
	}
	var out []Change
	for key, is := range items {
		if was, there := before[key]; !there || was != is {
			out = append(out, Change{Relation: s.root, Kind: s.kind, Name: Clean(key), Was: Clean(was), Is: Clean(orNothing(is)), Tier: tier})
		}
	}
	for key, was := range before {
		if _, there := items[key]; !there {
			out = append(out, Change{Relation: s.root, Kind: s.kind, Name: Clean(key), Was: Clean(orNothing(was)), Tier: tier})
		}
	}
	slices.SortFunc(out, func(a, b Change) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// leases are changes of what logins of leases are like: only what was never there
// before is one.
func (b *baseline) leases(items map[string]string, tier Tier) []Change {
	var out []Change
	for key := range items {
		if !b.met[key] {
			b.met[key] = true
			out = append(out, Change{Kind: kindLease, Name: "logins like those of leases", Is: Clean(key), Tier: tier})
		}
	}
	return out
}

func orNothing(says string) string {
	if says == "" {
		return "there"
	}
	return says
}

// forget drops what is known of relations that are not watched any more.
func (b *baseline) forget(watched map[uint32]bool) {
	for s := range b.digests {
		if s.root != 0 && !watched[s.root] {
			delete(b.digests, s)
			delete(b.items, s)
			delete(b.roots, s.root)
		}
	}
}

// number reads an OID or a count; what is none is 0.
func number(text []byte) uint64 {
	n, _ := strconv.ParseUint(string(text), 10, 64)
	return n
}
