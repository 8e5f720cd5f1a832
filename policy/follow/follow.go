package follow

import (
	"context"
	"slices"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/catalog"
	"github.com/sluice-pg/sluice/policy/statement"
)

// mostReachedFacts is how many columns and relations a fact about code may
// hold, since facts are recorded; code that reaches more is not judged by them.
const mostReachedFacts = 2000

// Follower says what the code behind the statements of one session does, by
// what the session sees of a catalog and the code that was read from it.
type Follower struct {
	Sight catalog.Sight
	Code  *catalog.Code
	// Policy says which columns of Book have a class.
	Policy *policy.Policy
	Book   *policy.Book
}

// Calls are the facts about what the statements call and cannot be judged by
// its name.
func (f *Follower) Calls(ctx context.Context, statements []statement.Statement) (facts []policy.CallFact) {
	add := func(fact policy.CallFact, functions []catalog.OID) {
		same := func(have policy.CallFact) bool {
			return have.Schema == fact.Schema && have.Name == fact.Name && have.Args == fact.Args && have.Operator == fact.Operator
		}
		if slices.ContainsFunc(facts, same) {
			return
		}
		for _, oid := range functions {
			fact.Functions = append(fact.Functions, f.function(ctx, oid))
		}
		facts = append(facts, fact)
	}
	eachStatement(statements, func(st *statement.Statement) {
		if !slices.ContainsFunc(st.Effects, func(e statement.Effect) bool { return e.Kind == statement.OpaqueCode }) {
			return
		}
		for _, fn := range st.Functions {
			if _, known := statement.BuiltinFunction(fn.Schema, fn.Name, fn.Args); known || fn.Schema == "" && f.Sight.Doubts(fn.Name) {
				continue
			}
			add(policy.CallFact{Schema: fn.Schema, Name: fn.Name, Args: fn.Args}, f.Code.FunctionsNamed(fn.Schema, fn.Name, fn.Args, f.Sight.Path))
		}
		for _, o := range st.Operators {
			if o.Schema == "" && f.Sight.Doubts(o.Name) {
				continue
			}
			add(policy.CallFact{Schema: o.Schema, Name: o.Name, Operator: true}, f.Code.OperatorsNamed(o.Schema, o.Name, f.Sight.Path))
		}
	})
	return facts
}

// eachStatement goes through statements and those that stand in them.
func eachStatement(statements []statement.Statement, see func(*statement.Statement)) {
	for i := range statements {
		see(&statements[i])
		for _, use := range statements[i].Names {
			if use.Inner != nil {
				eachStatement([]statement.Statement{*use.Inner}, see)
			}
		}
	}
}

// function is the fact about one function.
func (f *Follower) function(ctx context.Context, oid catalog.OID) policy.CodeFact {
	fn := f.Sight.Snapshot.Function(oid)
	if fn == nil { // PostgreSQL's own, behind an operator that is not
		return policy.CodeFact{Opaque: []string{"the function is not in the catalog"}}
	}
	fact := f.fact(f.Code.Reach(ctx, oid, f.Sight.Path))
	fact.Signature, fact.Body = fn.Signature, fn.Digest
	return fact
}

// fact puts what code reaches into names.
func (f *Follower) fact(r *catalog.Reached) policy.CodeFact {
	fact := policy.CodeFact{Servers: r.Servers, Opaque: slices.Clone(r.Opaque)}
	if len(r.Reads)+len(r.Writes) > mostReachedFacts {
		fact.Opaque = append(fact.Opaque, "it reaches more columns than are judged one by one")
		return fact
	}
	for _, e := range r.Effects {
		fact.Effects = append(fact.Effects, policy.CodeEffect{Kind: e.Kind, What: e.What + " by " + e.By})
	}
	for _, c := range r.Reads {
		rel := f.Sight.Snapshot.Relation(c.Column.Relation)
		if column := rel.Column(c.Column.Num); column != nil {
			fact.Reads = append(fact.Reads, policy.ReachedColumn{Schema: rel.Schema, Relation: rel.Name, Column: column.Name, Output: c.Output})
		}
	}
	for _, oid := range r.Writes {
		rel := f.Sight.Snapshot.Relation(oid)
		fact.Writes = append(fact.Writes, policy.ReachedRelation{Schema: rel.Schema, Name: rel.Name})
	}
	if why := f.Sight.Moved(r); why != "" {
		fact.Opaque = append(fact.Opaque, why)
	}
	return fact
}
