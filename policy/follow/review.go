package follow

import (
	"cmp"
	"context"
	"slices"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/catalog"
	"github.com/sluice-pg/sluice/policy/quote"
	"github.com/sluice-pg/sluice/policy/statement"
)

// State says what is known of a function.
type State string

// The states.
const (
	// Known: the policy knows its body (functions.known).
	Known State = "known"
	// Understood: its code could be followed, so calls are judged by it.
	Understood State = "understood"
	// Opaque: neither; a call is code that cannot be judged.
	Opaque State = "opaque"
)

// Review is a list of the functions of a database.
type Review struct {
	// Schema is the version of this form.
	Schema   int    `json:"schema_version"`
	Database string `json:"database"`
	// Functions are sorted by signature.
	Functions []Reviewed `json:"functions"`
}

// Reviewed is a function with what is known of it.
type Reviewed struct {
	Signature string `json:"signature"`
	Body      string `json:"body"`
	Language  string `json:"language"`
	State     State  `json:"state"`
	// Note says why no policy can know its body, as "it is SECURITY DEFINER".
	Note string `json:"note,omitempty"`
	// Callable is true if the login that looked may call it. Triggers are
	// relations whose triggers run it.
	Callable bool     `json:"callable"`
	Triggers []string `json:"triggers,omitempty"`
	// Opaque says what of it cannot be seen.
	Opaque []string `json:"opaque,omitempty"`
	// Kind is the worst that was seen of it, without what cannot be.
	Kind    statement.Kind      `json:"kind"`
	Effects []policy.CodeEffect `json:"effects,omitempty"`
	// Reads and Writes are schema.relation.column and schema.relation.
	Reads   []string `json:"reads,omitempty"`
	Writes  []string `json:"writes,omitempty"`
	Servers []string `json:"servers,omitempty"`
}

// Take reviews all functions of a snapshot but those of extensions that only
// compute. callable says which of them a session may call.
func Take(ctx context.Context, p *policy.Policy, database string, s *catalog.Snapshot, reader catalog.CodeReader, callable func(catalog.OID) bool) (*Review, error) {
	f := &Follower{Sight: catalog.Sight{Snapshot: s}, Code: catalog.NewCode(s, reader, p.Stated)}
	triggers := triggersOf(s)
	review := &Review{Schema: 1, Database: database, Functions: []Reviewed{}}
	for fn := range s.Functions() {
		if statement.HarmlessExtension(fn.Extension) {
			continue
		}
		one := f.reviewed(ctx, p, fn)
		one.Callable, one.Triggers = callable(fn.OID), triggers[fn.OID]
		review.Functions = append(review.Functions, one)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(review.Functions, func(a, b Reviewed) int { return cmp.Compare(a.Signature, b.Signature) })
	return review, nil
}

// triggersOf are the relations by the functions that their triggers run.
func triggersOf(s *catalog.Snapshot) map[catalog.OID][]string {
	all := map[catalog.OID][]string{}
	for rel := range s.Relations() {
		for _, t := range rel.Triggers {
			if name := quote.Name(rel.Schema, rel.Name); !slices.Contains(all[t.Function], name) {
				all[t.Function] = append(all[t.Function], name)
			}
		}
	}
	for _, names := range all {
		slices.Sort(names)
	}
	return all
}

func (f *Follower) reviewed(ctx context.Context, p *policy.Policy, fn *catalog.Function) Reviewed {
	fact := f.function(ctx, fn.OID)
	one := Reviewed{
		Signature: fn.Signature, Body: fn.Digest, Language: fn.Language, State: Understood, Note: fn.Note,
		Opaque: fact.Opaque, Kind: statement.OrdinaryRead, Effects: fact.Effects, Servers: fact.Servers,
	}
	for _, e := range fact.Effects {
		one.Kind = statement.Worst(one.Kind, e.Kind)
	}
	for _, c := range fact.Reads {
		one.Reads = append(one.Reads, quote.Name(c.Schema, c.Relation, c.Column))
	}
	for _, r := range fact.Writes {
		one.Writes = append(one.Writes, quote.Name(r.Schema, r.Name))
	}
	slices.Sort(one.Reads)
	slices.Sort(one.Writes)
	_, stated := p.Stated(fn.Signature, fn.Digest)
	switch {
	case stated && fn.Note == "":
		one.State = Known
	case len(fact.Opaque) > 0:
		one.State = Opaque
	}
	return one
}

// Count is how many functions have a state.
func (r *Review) Count(state State) (n int) {
	for i := range r.Functions {
		if r.Functions[i].State == state {
			n++
		}
	}
	return n
}

// Open are the functions that are opaque and may be run: by a call or by a
// trigger.
func (r *Review) Open() (open []*Reviewed) {
	for i := range r.Functions {
		if f := &r.Functions[i]; f.State == Opaque && (f.Callable || len(f.Triggers) > 0) {
			open = append(open, f)
		}
	}
	return open
}
