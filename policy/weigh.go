package policy

import (
	"github.com/sluice-pg/sluice/policy/statement"
)

// terms are on what a statement may run: the verdict, the rule that says so
// and the effect it speaks about. The rule is nil where an everyday kind is
// allowed because no rule speaks.
type terms struct {
	verdict Verdict
	rule    *rule
	effect  statement.Effect
	// failed is set if the rule's condition could not be evaluated.
	failed error
}

// weighEffects looks for a rule for every effect that needs one, and then
// at where the rows would go. The strictest terms bind the statement; if all
// are alike, those of its worst effect.
func (c *ruling) weighEffects() Decision {
	if d, refused := c.refuseAddress(); refused {
		return d
	}
	var best terms
	for i, effect := range c.st.Effects {
		t, found := c.termsFor(effect)
		if !found {
			return c.refuseByDefault(effect)
		}
		if i == 0 || t.verdict < best.verdict || t.verdict == best.verdict && effect.Kind.Worse(best.effect.Kind) {
			best = t
		}
	}
	if c.st.Carry != nil {
		return c.carry(best)
	}
	if len(serverDestinations(c.st)) > 0 || hasKind(c.st, statement.ExportRemote) {
		if faults := c.destinationFaults(); len(faults) > 0 {
			return c.refuseDestination(best.rule, best.effect, faults)
		}
	}
	if best.verdict == Allow {
		c.maskedFor = c.maskedAtClient()
	}
	if best.verdict != Mask {
		if d, refused := c.refuseClient(); refused {
			return d
		}
	}
	if c.bound != nil {
		c.judge.bind(*c.bound)
	}
	if best.verdict == Mask || c.maskedFor != nil {
		return c.mask(best)
	}
	return c.granted(best)
}

// termsFor weighs the rules for one effect. The first rule that surely
// matches names the terms. A rule before it that may be meant, but not
// surely, gives no leave, and still narrows what a later rule gives: its
// limits hold, and so does what it asks for beyond allow.
func (c *ruling) termsFor(effect statement.Effect) (terms, bool) {
	t := terms{verdict: Allow, effect: effect}
	narrow := func(r *rule, failed error) {
		if r.effect < t.verdict {
			t.verdict, t.rule, t.failed = r.effect, r, failed
		}
		if !r.limits.empty() {
			c.bind(bound{r.limits.over(Limits{}), r.id, r.limitsPosition})
		}
	}
	for _, r := range c.judge.view.leave {
		if !r.kinds.has(effect.Kind) {
			c.weighedLeave(r, effect, otherKind, nil)
			continue
		}
		why, relation := r.allows(c, effect)
		c.weighedLeave(r, effect, why, relation)
		switch {
		case !r.acts():
			if why == matches || r.effect != Allow && r.mayReach(c) {
				c.judge.aside(r, effect.Kind.String())
			}
		case why == matches:
			c.judge.warnAllowed(r, effect.Kind.String())
			narrow(r, nil)
			if t.rule == nil {
				t.rule = r
			}
			c.bind(c.judge.policy.bound(r))
			return t, true
		default:
			if what, may := r.reaches(c); may {
				c.mayBeMeant(r)
				narrow(r, what.failed)
			}
		}
	}
	if !everyday.has(effect.Kind) {
		return t, false
	}
	if everyday.has(c.st.Kind) {
		c.bind(c.judge.policy.bound(nil))
	}
	return t, true
}

// bind narrows what the statement may give back.
func (c *ruling) bind(b bound) {
	if c.bound != nil {
		b = c.bound.lower(b)
	}
	c.bound = &b
}

// bind narrows what the text may give back.
func (j *judge) bind(b bound) {
	if j.limits != nil {
		b = j.limits.lower(b)
	}
	j.limits = &b
}

// bound is what a rule, or for nil none, leaves a statement: what the rule
// does not say, the document's defaults do, and then the built-in ones.
func (p *Policy) bound(r *rule) bound {
	base, rule, position := p.defaults.over(BuiltinLimits()), limitsBuiltin, ""
	if !p.defaults.empty() {
		rule, position = limitsDocument, p.defaultsPosition
	}
	if r == nil || r.limits.empty() {
		return bound{base, rule, position}
	}
	return bound{r.limits.over(base), r.id, r.limitsPosition}
}

func hasKind(st *statement.Statement, kind statement.Kind) bool {
	for _, e := range st.Effects {
		if e.Kind == kind {
			return true
		}
	}
	return false
}
