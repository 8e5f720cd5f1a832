package policy

import (
	"slices"

	"github.com/sluice-pg/sluice/policy/quote"
	"github.com/sluice-pg/sluice/policy/statement"
)

// The ids of the decisions that no rule of a document makes.
const (
	ruleNoPolicy    = "builtin:no-policy"
	ruleUnsound     = "builtin:unsound-request"
	ruleParse       = "builtin:parse"
	ruleDestination = "builtin:destination"
	ruleDefaultDeny = "builtin:default-deny"
	ruleEveryday    = "builtin:everyday"
)

// RuleSettings is the id of the refusal to change settings that a session's
// judgement rests on, its role among them.
const RuleSettings = "builtin:pinned-settings"

// SQLSTATEs of refusals (PostgreSQL manual, appendix A).
const (
	insufficientPrivilege = "42501"
	syntaxError           = "42601"
)

// Decide judges a request. It always has an answer, and the answer depends
// on nothing but the policy and the request. A nil policy or request is
// refused. For many requests of one session, see View.
func (p *Policy) Decide(req *Request) Decision {
	if d, done := p.decideWhole(req); done {
		return d
	}
	return p.View(req.Identity, req.Session).decide(req)
}

// decideWhole refuses what is refused whatever a policy says.
func (p *Policy) decideWhole(req *Request) (Decision, bool) {
	switch {
	case p == nil:
		return refuseWhole(ruleNoPolicy, "a text without a policy to judge it", "no policy is loaded"), true
	case req == nil:
		return refuseWhole(ruleUnsound, "a text that cannot be judged", "there is no request"), true
	case req.Problem != nil || req.Kind == statement.ParseError:
		return refuseProblem(req.Problem), true
	}
	if why := unsound(req); why != "" {
		return refuseWhole(ruleUnsound, "a text that cannot be judged", why), true
	}
	return Decision{}, false
}

// emptyText stands for a text without statements, so that deny rules about
// people and addresses hold for it too.
var emptyText = statement.Statement{
	Kind:    statement.OrdinaryRead,
	Effects: []statement.Effect{{Kind: statement.OrdinaryRead, What: "an empty text", Position: -1}},
}

func refuseWhole(rule, subject, why string) Decision {
	return Decision{
		Verdict: Deny, Rule: rule, Statement: -1, Subject: subject, SQLSTATE: insufficientPrivilege, Position: -1,
		Reasons: []Reason{{Rule: rule, Text: why}},
	}
}

// refuseProblem refuses a text that the analysis gave up on, in its words.
func refuseProblem(problem *statement.Problem) Decision {
	d := refuseWhole(ruleParse, "a text that cannot be read", "what cannot be read cannot be judged, so it is not forwarded")
	d.SQLSTATE = syntaxError
	if problem == nil {
		return d
	}
	if problem.SQLSTATE != "" {
		d.SQLSTATE = quote.Short(problem.SQLSTATE, 5)
	}
	if problem.Message != "" {
		d.Subject = quote.Short(problem.Message, maxReason)
		d.Reasons[0].Text = d.Subject + "; " + d.Reasons[0].Text
	}
	d.Hint = quote.Short(problem.Hint, maxReason)
	d.Position = problem.Position
	return d
}

// judge is the judgement of one request in the making: the view, and what
// the statements add up to beside the verdict.
type judge struct {
	view     *View
	policy   *Policy
	req      *Request
	notices  []Reason
	shadow   []Reason
	limits   *bound
	volatile bool
	discreet bool
	reticent bool
	// changers are what may change code, looked for when first asked.
	changers []string
	looked   bool
	// trace collects the rules that were weighed; nil if nobody asks.
	trace *[]Step
	// output and used are the classes touched, sorted.
	output, used []string
	// plain is true if a statement gives rows that hold none.
	plain bool
	// masks are those of the statements so far, carry what of them is carried.
	masks []OutputMask
	carry *CarryTerms
	// unmeasured is true if nobody has measured the place yet.
	unmeasured bool
}

// decide judges a sound request of the view's session.
func (v *View) decide(req *Request) Decision {
	return (&judge{view: v, policy: v.policy, req: req}).decide()
}

// decide judges all statements: the strictest decides, and among those that
// are allowed the worst one gives its words.
func (j *judge) decide() Decision {
	req := j.req
	if len(req.Statements) == 0 {
		return j.finish(j.statement(&emptyText, -1))
	}
	best := j.statement(&req.Statements[0], 0)
	worst := req.Statements[0].Kind
	for i := 1; i < len(req.Statements); i++ {
		st := &req.Statements[i]
		d := j.statement(st, i)
		if d.Verdict < best.Verdict || d.Verdict == best.Verdict && d.Verdict == Allow && st.Kind.Worse(worst) {
			best, worst = d, st.Kind
		}
	}
	return j.finish(best)
}

// finish adds what all statements together amount to.
func (j *judge) finish(d Decision) Decision {
	d.Notices, d.Shadow, d.Volatile, d.Discreet = j.notices, j.shadow, j.volatile, j.discreet
	d.Reticent = j.reticent && !j.discreet
	d.ClassesOutput, d.ClassesUsed = j.output, j.used
	d.Classes = slices.Clone(j.output)
	for _, class := range j.used {
		d.Classes = addWord(d.Classes, class)
	}
	j.finishMasks(&d)
	d.ChangesCode = d.Verdict != Deny && j.changesCode()
	if j.unmeasured && len(j.carry.Items) == len(j.req.Statements) {
		d.Wants = &CarryWants{CarryTerms: *j.carry, Masks: j.masks}
	}
	if d.Verdict == Carry {
		d.Carry = j.carry
	} else if d.Verdict != Deny {
		d.Budgets = j.budgets()
	}
	if d.Verdict != Deny && j.limits != nil {
		d.Limits, d.LimitsRule, d.LimitsPosition = j.limits.Limits, j.limits.rule, j.limits.position
	}
	return d
}

// statement judges one statement and those that stand in it.
func (j *judge) statement(st *statement.Statement, index int) Decision {
	return j.within(st, index, false)
}

// within is statement; inner is true for one that stands in another.
func (j *judge) within(st *statement.Statement, index int, inner bool) Decision {
	c := &ruling{judge: j, st: st, index: index, inner: inner}
	d := j.alone(c)
	c.offerCarry(&d)
	c.classes(d.Verdict == Mask || d.Verdict == Carry)
	for _, use := range st.Names {
		if use.Inner == nil || d.Verdict == Deny {
			continue
		}
		if inner := j.within(use.Inner, index, true); inner.Verdict < d.Verdict {
			d = inner
		}
	}
	return d
}

func (j *judge) alone(c *ruling) Decision {
	for i := range c.st.Settings {
		if c.st.Settings[i].Breaks {
			return c.refuseSetting(&c.st.Settings[i])
		}
	}
	c.withCatalog()
	c.withKnown()
	c.withUnderstood()
	c.withRuns()
	c.withRowsBack()
	c.withMoved()
	c.withFeed()
	follows, d := c.feedFor()
	if c.st.Replication != nil && follows == nil {
		return d
	}
	c.judge.discreet = c.judge.discreet || c.discreet()
	c.judge.reticent = c.judge.reticent || c.reticent()
	if r, what := c.denied(); r != nil {
		return c.refuseByRule(r, what)
	}
	secret, refused := c.refuseSecret()
	if refused && !c.maskable() {
		return secret
	}
	if follows != nil {
		return c.granting(follows)
	}
	d = c.weighEffects()
	if refused && d.Verdict > Mask {
		return secret
	}
	return d
}

// denied finds the first deny rule that matches, and notes those that would
// if they acted.
func (c *ruling) denied() (*rule, met) {
	for _, r := range c.judge.view.watch {
		what, matches := r.denies(c)
		c.weighedDeny(r, what, matches)
		if matches {
			c.judge.aside(r, "this")
		}
	}
	for _, r := range c.judge.view.deny {
		what, matches := r.denies(c)
		c.weighedDeny(r, what, matches)
		if matches {
			return r, what
		}
	}
	return nil, met{}
}
