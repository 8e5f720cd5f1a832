package cases

import "github.com/sluice-pg/sluice/policy"

// Coverage says which rules of a policy the cases meet.
type Coverage struct {
	Rules []RuleCoverage
}

// RuleCoverage is how often a rule was met.
type RuleCoverage struct {
	policy.RuleInfo
	// Decided counts the cases in which the rule named the answer to a
	// text, or would have if it acted; Considered those in which it speaks
	// about the session and a kind of the text, so that its other keys
	// mattered.
	Decided, Considered int
}

func newCoverage(p *policy.Policy) Coverage {
	var c Coverage
	for _, info := range p.Rules() {
		c.Rules = append(c.Rules, RuleCoverage{RuleInfo: info})
	}
	return c
}

// meetings are the rules that one case met.
type meetings struct{ decided, considered map[string]bool }

func newMeetings() meetings { return meetings{map[string]bool{}, map[string]bool{}} }

// add notes the rules of one decision.
func (m meetings) add(d *policy.Decision, steps []policy.Step) {
	m.decided[d.Rule] = true
	for _, s := range steps {
		if s.Considered {
			m.considered[s.ID] = true
		}
	}
	for _, reasons := range [][]policy.Reason{d.Notices, d.Shadow} {
		for _, reason := range reasons {
			m.decided[reason.Rule] = true
		}
	}
}

// count adds one case.
func (c *Coverage) count(met meetings) {
	for i := range c.Rules {
		r := &c.Rules[i]
		if met.decided[r.ID] {
			r.Decided++
		}
		if met.considered[r.ID] {
			r.Considered++
		}
	}
}

// Decided counts the rules that decided at least one case.
func (c *Coverage) Decided() int {
	n := 0
	for _, r := range c.Rules {
		if r.Decided > 0 {
			n++
		}
	}
	return n
}

// Percent is the share of the rules that decided a case, rounded down, so
// that 100 means all of them. A policy without rules is covered.
func (c *Coverage) Percent() int {
	if len(c.Rules) == 0 {
		return 100
	}
	return c.Decided() * 100 / len(c.Rules)
}
