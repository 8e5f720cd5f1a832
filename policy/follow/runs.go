package follow

import (
	"context"
	"slices"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/catalog"
	"github.com/sluice-pg/sluice/policy/statement"
)

// Runs are the facts about the code that the statements run without calling it:
// what hangs on the relations that they read and write, and what stands behind
// operators, casts and types. What runs nothing has no fact.
func (f *Follower) Runs(ctx context.Context, statements []statement.Statement) (facts []policy.RunFact) {
	add := func(fact policy.RunFact) {
		code := &fact.Code
		runsNothing := len(code.Effects)+len(code.Reads)+len(code.Writes)+len(code.Servers)+len(code.Opaque) == 0
		same := func(have policy.RunFact) bool {
			return have.Schema == fact.Schema && have.Name == fact.Name && have.Access == fact.Access && have.Code.Signature == code.Signature
		}
		if !runsNothing && !slices.ContainsFunc(facts, same) {
			facts = append(facts, fact)
		}
	}
	eachStatement(statements, func(st *statement.Statement) {
		for _, r := range st.Relations {
			if fact, known := f.runs(ctx, st, r); known {
				add(fact)
			}
		}
		for _, oid := range f.Sight.Provenance(st).Calls {
			if f.Sight.Snapshot.Unwritten(oid) {
				add(policy.RunFact{Code: f.function(ctx, oid)})
			}
		}
	})
	return facts
}

// runs is the fact about one relation of a statement.
func (f *Follower) runs(ctx context.Context, st *statement.Statement, r statement.Relation) (fact policy.RunFact, known bool) {
	rel, found := f.Sight.Find(r.Schema, r.Name)
	if found != catalog.Known || r.Access == statement.Create {
		return fact, false
	}
	if r.Access == statement.Read && rel.Kind == catalog.View && rel.Made != nil {
		return fact, false // its query is known, and with that what it calls
	}
	fact = policy.RunFact{Schema: r.Schema, Name: r.Name, Access: r.Access, Labels: policy.LabelsOf(rel)}
	switch {
	case f.Sight.Snapshot.Relation(rel.OID) == nil:
		if !rel.Recoded {
			return fact, false // what its definition runs was judged with that
		}
		fact.Code.Opaque = []string{"this session has changed it in its open transaction"}
	case r.Access == statement.Write:
		fact.Code = f.fact(f.Code.ReachOfWrite(ctx, rel.OID, catalog.WritesOf(st), f.Sight.Path))
		fact.Flows = f.Policy.FlowFacts(f.Book, f.Sight, f.Code.FlowsOfWrite(ctx, rel.OID, catalog.WritesOf(st), f.Sight.Path))
		fact.Code.Writes = slices.DeleteFunc(fact.Code.Writes, func(w policy.ReachedRelation) bool { return rel.Schema == w.Schema && rel.Name == w.Name })
		if rel.Rules == 0 {
			staysInside(&fact.Code)
		}
	default:
		fact.Code = f.fact(f.Code.ReachOfRead(ctx, rel.OID, f.Sight.Path))
	}
	return fact, true
}

// staysInside: what code reads that a write runs comes out only if it sends it
// somewhere. Rules may answer the client.
func staysInside(code *policy.CodeFact) {
	if slices.ContainsFunc(code.Effects, func(e policy.CodeEffect) bool { return policy.SendsOut(e.Kind) }) {
		return
	}
	for i := range code.Reads {
		code.Reads[i].Output = false
	}
}
