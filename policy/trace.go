package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sluice-pg/sluice/policy/quote"
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
func (c *ruling) weighedDeny(r *rule, what met, matched bool) {
	if c.judge.trace == nil {
		return
	}
	step := Step{RuleInfo: r.info(), Considered: true, Statement: c.index, Matched: matched}
	switch {
	case matched:
		step.Why = whyMet(r, what)
	case !c.hasKindOf(r):
		step.Considered, step.Why = false, "other kinds"
	default:
		step.Why = c.whyMissed(r)
	}
	*c.judge.trace = append(*c.judge.trace, step)
}

// hasKindOf reports whether an effect of the statement is of a rule's kinds.
func (c *ruling) hasKindOf(r *rule) bool {
	return slices.ContainsFunc(c.st.Effects, func(e statement.Effect) bool { return r.kinds.has(e.Kind) })
}

// whyMet says what a deny rule met.
func whyMet(r *rule, what met) string {
	var words []string
	switch {
	case what.relation != nil && what.relation.Schema == "":
		words = append(words, quote.Short(what.relation.Name, maxSubject)+", written without a schema, could be what it names")
	case what.relation != nil:
		words = append(words, "it names "+quote.Short(what.relation.String(), maxSubject))
	case len(r.relations) > 0, len(r.classes) > 0 && what.column == nil:
		words = append(words, "the statement may reach relations that its text does not name")
	}
	if what.column != nil {
		words = append(words, fmt.Sprintf("the statement may touch %s, which is %s", quote.Short(what.column.text, maxSubject), what.column.class))
	}
	if what.failed != nil {
		words = append(words, "its condition could not be evaluated, so it counts: "+conditionError(what.failed))
	}
	if len(words) == 0 {
		return allMatch
	}
	return strings.Join(words, "; ")
}

const allMatch = "all its keys match"

// whyMissed says which key of a deny rule is in the way; the last one that
// is weighed is its condition.
func (c *ruling) whyMissed(r *rule) string {
	if len(r.functions) > 0 && !r.reachesFunction(c.st) {
		return "the statement calls none of its functions"
	}
	if _, may := r.reachesRelation(c); !may {
		return "the statement touches none of its relations"
	}
	if !r.mayGoTo(c) {
		return "the statement goes to none of its destinations"
	}
	if _, may := r.meetsClasses(c.touch()); !may {
		return "the statement touches none of its classes"
	}
	return "its condition does not hold"
}

// weighedLeave notes that a rule that gives leave was held against an
// effect.
func (c *ruling) weighedLeave(r *rule, effect statement.Effect, why mismatch, relation *statement.Relation) {
	if c.judge.trace == nil {
		return
	}
	step := Step{RuleInfo: r.info(), Considered: why != otherKind, Statement: c.index, Kind: effect.Kind.String(), Matched: why == matches}
	switch {
	case int(why) >= len(mismatchWords):
		step.Why = "not all its keys match"
	case why == bareRelation:
		step.Why = quote.Short(relation.String(), maxSubject) + mismatchWords[why]
	case why == otherRelation && relation != nil:
		step.Why = quote.Short(relation.String(), maxSubject) + " is none of its relations"
	default:
		step.Why = mismatchWords[why]
	}
	*c.judge.trace = append(*c.judge.trace, step)
}

// mismatchWords say what is in the way of a rule that gives leave.
var mismatchWords = [...]string{
	matches:          allMatch,
	otherKind:        "other kinds",
	otherFunction:    "for certain functions, written with their schema, and this is none of them",
	functionReads:    "for certain relations, and what a function reads cannot be told from its call",
	otherRelation:    "for certain relations, and the text names none",
	bareRelation:     " is written without its schema, so it is not surely what the rule names",
	otherClass:       "for certain classes of columns, and the statement does not surely keep to them",
	otherDestination: "the statement does not surely go to its destinations alone",
	otherCondition:   "its condition does not hold",
	failedCondition:  "its condition could not be evaluated",
}

// mayBeMeant notes that the rule weighed last does not surely match and
// restricts the statement all the same, if there is anything it restricts.
func (c *ruling) mayBeMeant(r *rule) {
	if steps := c.judge.trace; steps != nil && len(*steps) > 0 && (r.effect != Allow || !r.limits.empty()) {
		(*steps)[len(*steps)-1].Narrows = true
	}
}
