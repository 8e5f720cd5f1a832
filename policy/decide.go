package policy

import (
	"net/netip"

	"github.com/sluice-pg/sluice/policy/statement"
)

// The ids of the decisions that no rule of a document makes.
const (
	ruleNoPolicy    = "builtin:no-policy"
	ruleUnsound     = "builtin:unsound-request"
	ruleParse       = "builtin:parse"
	ruleSettings    = "builtin:pinned-settings"
	ruleDestination = "builtin:destination"
	ruleDefaultDeny = "builtin:default-deny"
	ruleEveryday    = "builtin:everyday"
)

// SQLSTATEs of refusals (PostgreSQL manual, appendix A).
const (
	insufficientPrivilege = "42501"
	syntaxError           = "42601"
)

// Decide judges a request. It always has an answer, and the answer depends
// on nothing but the policy and the request. A nil policy or request is
// refused.
func (p *Policy) Decide(req *Request) Decision {
	switch {
	case p == nil:
		return refuseWhole(ruleNoPolicy, "a text without a policy to judge it", "no policy is loaded")
	case req == nil:
		return refuseWhole(ruleUnsound, "a text that cannot be judged", "there is no request")
	case req.Problem != nil || req.Kind == statement.ParseError:
		return refuseProblem(req.Problem)
	}
	if why := unsound(req); why != "" {
		return refuseWhole(ruleUnsound, "a text that cannot be judged", why)
	}
	j := newJudge(p, req)
	if len(req.Statements) == 0 {
		return j.statement(&emptyText, -1)
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
	return best
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
		d.SQLSTATE = clean(problem.SQLSTATE, 5)
	}
	if problem.Message != "" {
		d.Subject = clean(problem.Message, maxReason)
		d.Reasons[0].Text = d.Subject + "; " + d.Reasons[0].Text
	}
	d.Hint = clean(problem.Hint, maxReason)
	d.Position = problem.Position
	return d
}

// judge holds what is the same for all statements of a request.
type judge struct {
	policy *Policy
	req    *Request
	deny   []*rule
	allow  []*rule
}

func newJudge(p *Policy, req *Request) *judge {
	addr, err := netip.ParseAddr(req.Session.Address)
	if err != nil {
		addr = netip.Addr{}
	}
	addr = addr.Unmap().WithZone("")
	j := &judge{policy: p, req: req}
	for _, r := range p.deny {
		if r.forSession(req, addr) {
			j.deny = append(j.deny, r)
		}
	}
	for _, r := range p.allow {
		if r.forSession(req, addr) {
			j.allow = append(j.allow, r)
		}
	}
	return j
}

// statement judges one statement and those that stand in it.
func (j *judge) statement(st *statement.Statement, index int) Decision {
	d := j.alone(st, index)
	for _, use := range st.Names {
		if use.Inner == nil || d.Verdict == Deny {
			continue
		}
		if inner := j.statement(use.Inner, index); inner.Verdict < d.Verdict {
			d = inner
		}
	}
	return d
}

func (j *judge) alone(st *statement.Statement, index int) Decision {
	c := &ruling{judge: j, st: st, index: index}
	for i := range st.Settings {
		if st.Settings[i].Breaks {
			return c.refuseSetting(&st.Settings[i])
		}
	}
	for _, r := range j.deny {
		if relation, met := r.denies(st); met {
			return c.refuseByRule(r, relation)
		}
	}
	return c.weighEffects()
}

// weighEffects looks for a rule for every effect that needs one, and then
// at where the rows would go.
func (c *ruling) weighEffects() Decision {
	var leave *rule
	var noted statement.Effect
	for i, effect := range c.st.Effects {
		r := c.firstAllow(effect)
		if r == nil && !everyday.has(effect.Kind) {
			return c.refuseByDefault(effect)
		}
		if i == 0 || effect.Kind.Worse(noted.Kind) {
			leave, noted = r, effect
		}
	}
	if len(serverDestinations(c.st)) > 0 || hasKind(c.st, statement.ExportRemote) {
		if faults := c.destinationFaults(); len(faults) > 0 {
			return c.refuseDestination(leave, noted, faults)
		}
	}
	return c.allowed(leave, noted)
}

func (c *ruling) firstAllow(effect statement.Effect) *rule {
	for _, r := range c.judge.allow {
		if why, _ := r.allows(c.st, effect); why == matches {
			return r
		}
	}
	return nil
}

func hasKind(st *statement.Statement, kind statement.Kind) bool {
	for _, e := range st.Effects {
		if e.Kind == kind {
			return true
		}
	}
	return false
}
