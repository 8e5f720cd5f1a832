package policy

import (
	"fmt"
	"slices"

	"github.com/sluice-pg/sluice/policy/statement"
)

// Step is a rule that was held against a statement on the way to a decision.
type Step struct {
	RuleInfo
	// Considered is false if the rule speaks about other sessions or other
	// kinds, so that nothing else of it mattered.
	Considered bool
	// Statement is the index of the statement, -1 for a text without one
	// and for a rule about other sessions.
	Statement int
	// Kind is that of the effect the rule was held against; empty where
	// all effects were, as deny rules are.
	Kind string
	// Matched is true if all keys of the rule match.
	Matched bool
	// Narrows is true if the rule does not surely match and may be meant
	// all the same: it gives no leave, and what it restricts holds.
	Narrows bool
	// Why says what the rule met, or which of its keys is in the way.
	Why string
}

// Trace decides as Decide does, by the same run of the same code, and tells
// which rules were weighed in which order. A decision stops weighing when it
// has its answer; the rules that speak about other sessions come last.
func (p *Policy) Trace(req *Request) (Decision, []Step) {
	if d, done := p.decideWhole(req); done {
		return d, nil
	}
	var steps []Step
	view := p.View(req.Identity, req.Session)
	d := (&judge{view: view, policy: p, req: req, trace: &steps}).decide()
	addr := addressOf(req.Session)
	for _, r := range p.rules {
		if key := r.otherSession(req.Identity, req.Session, addr); key != "" {
			steps = append(steps, Step{RuleInfo: r.info(), Statement: -1, Why: "other " + key})
		}
	}
	return d, steps
}

// weighedDeny notes that a deny rule was held against the statement.
func (c *ruling) weighedDeny(r *rule, relation *statement.Relation, met bool) {
	if c.judge.trace == nil {
		return
	}
	step := Step{RuleInfo: r.info(), Considered: true, Statement: c.index, Matched: met}
	switch {
	case met:
		step.Why = whyMet(r, relation)
	case !c.hasKindOf(r):
		step.Considered, step.Why = false, "other kinds"
	default:
		step.Why = c.whyMissed(r)
	}
	*c.judge.trace = append(*c.judge.trace, step)
}

// whyMet says what a deny rule met.
func whyMet(r *rule, relation *statement.Relation) string {
	switch {
	case relation != nil && relation.Schema == "":
		return clean(relation.Name, maxSubject) + ", written without a schema, could be what it names"
	case relation != nil:
		return "it names " + clean(relation.String(), maxSubject)
	case len(r.relations) > 0:
		return "the statement may reach relations that its text does not name"
	}
	return "all its keys match"
}

// hasKindOf reports whether an effect of the statement is of a rule's kinds.
func (c *ruling) hasKindOf(r *rule) bool {
	return slices.ContainsFunc(c.st.Effects, func(e statement.Effect) bool { return r.kinds.has(e.Kind) })
}

// whyMissed says which key of a deny rule is in the way.
func (c *ruling) whyMissed(r *rule) string {
	switch {
	case len(r.functions) > 0 && !r.reachesFunction(c.st):
		return "the statement calls none of its functions"
	case len(r.relations) > 0 && !r.mayReach(c.st):
		return "the statement touches none of its relations"
	}
	return "not all its keys match"
}

// weighedLeave notes that a rule that gives leave was held against an
// effect.
func (c *ruling) weighedLeave(r *rule, effect statement.Effect, why mismatch, relation *statement.Relation) {
	if c.judge.trace == nil {
		return
	}
	step := Step{RuleInfo: r.info(), Considered: why != otherKind, Statement: c.index, Kind: effect.Kind.String(), Matched: why == matches}
	name := ""
	if relation != nil {
		name = clean(relation.String(), maxSubject)
	}
	switch {
	case why == matches:
		step.Why = "all its keys match"
	case why == otherKind:
		step.Why = "other kinds"
	case why == bareRelation:
		step.Why = fmt.Sprintf("%s is written without its schema, so it is not surely what the rule names", name)
	case why == otherRelation && relation != nil:
		step.Why = name + " is none of its relations"
	case why == otherRelation:
		step.Why = "for certain relations, and the text names none"
	case why == functionReads:
		step.Why = "for certain relations, and what a function reads cannot be told from its call"
	case why == otherFunction:
		step.Why = "for certain functions, written with their schema, and this is none of them"
	default:
		step.Why = "not all its keys match"
	}
	*c.judge.trace = append(*c.judge.trace, step)
}

// mayBeMeant notes that the rule weighed last does not surely match and
// restricts the statement all the same, if there is anything it restricts.
func (c *ruling) mayBeMeant(r *rule) {
	if steps := c.judge.trace; steps != nil && len(*steps) > 0 && (r.effect != Allow || !r.limits.empty()) {
		(*steps)[len(*steps)-1].Narrows = true
	}
}
