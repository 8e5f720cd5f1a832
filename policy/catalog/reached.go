package catalog

import (
	"cmp"
	"maps"
	"slices"

	"github.com/sluice-pg/sluice/policy/statement"
)

// Reached is what running code may do, as far as it can be seen. It is more
// than what one run does: every branch of the code counts, and a name without
// a schema that could mean several objects means all of them. Nobody may write
// into it.
type Reached struct {
	// Reads are the columns of tables and foreign tables that the code looks
	// at, sorted, each once; views are followed down to them.
	Reads []Reading
	// Writes are the relations whose rows it changes, views followed down,
	// sorted.
	Writes []OID
	// Relations are all relations that it touches, sorted.
	Relations []OID
	// Calls are the functions that are not PostgreSQL's own which it runs,
	// the one asked for included, sorted.
	Calls []OID
	// Effects are what it does beside reading, worst first. Code that is
	// understood has none of the kind opaque_code.
	Effects []CodeEffect
	// Servers are the foreign servers it sends to or reads from, sorted.
	Servers []string
	// Opaque says in words why some of what it does cannot be seen, sorted;
	// then it may do anything. Empty if all of it was understood.
	Opaque []string
	// Names are names without a schema in it, sorted. An object of such a
	// name that the snapshot does not have, such as one that the session made
	// in its open transaction, may be what is meant.
	Names []string
}

// CodeEffect is one thing that code does.
type CodeEffect struct {
	Kind statement.Kind `json:"kind"`
	// What names it, as in statement.Effect.
	What string `json:"what"`
	// By is the code that does it, such as "function app.f(text)".
	By string `json:"by"`
}

// Kind is the worst of its effects, opaque_code if not all of it is
// understood and nothing is worse, and ordinary_read if it does nothing.
func (r *Reached) Kind() statement.Kind {
	worst := statement.OrdinaryRead
	for _, e := range r.Effects {
		worst = statement.Worst(worst, e.Kind)
	}
	if len(r.Opaque) > 0 {
		worst = statement.Worst(worst, statement.OpaqueCode)
	}
	return worst
}

// gathered is a Reached in the making.
type gathered struct {
	reads     map[ColumnID]bool // true for output
	writes    map[OID]bool
	relations map[OID]bool
	calls     map[OID]bool
	effects   map[CodeEffect]bool
	servers   map[string]bool
	opaque    map[string]bool
	names     map[string]bool
}

func newGathered() gathered {
	return gathered{
		reads: map[ColumnID]bool{}, writes: map[OID]bool{}, relations: map[OID]bool{}, calls: map[OID]bool{},
		effects: map[CodeEffect]bool{}, servers: map[string]bool{}, opaque: map[string]bool{}, names: map[string]bool{},
	}
}

// reached sorts everything out.
func (g *gathered) reached() *Reached {
	r := &Reached{
		Reads:  readings(g.reads),
		Writes: slices.Sorted(maps.Keys(g.writes)), Relations: slices.Sorted(maps.Keys(g.relations)), Calls: slices.Sorted(maps.Keys(g.calls)),
		Servers: slices.Sorted(maps.Keys(g.servers)), Opaque: slices.Sorted(maps.Keys(g.opaque)), Names: slices.Sorted(maps.Keys(g.names)),
	}
	r.Effects = slices.SortedFunc(maps.Keys(g.effects), func(a, b CodeEffect) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.What, b.What), cmp.Compare(a.By, b.By))
	})
	return r
}
