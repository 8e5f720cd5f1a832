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
	// text, Considered those in which it was held against one.
	Decided, Considered int
}

func newCoverage(p *policy.Policy) Coverage {
	var c Coverage
	for _, info := range p.Rules() {
		c.Rules = append(c.Rules, RuleCoverage{RuleInfo: info})
	}
	return c
}

// count adds one case, which asked some requests.
func (c *Coverage) count(decided, considered map[string]bool) {
	for i := range c.Rules {
		r := &c.Rules[i]
		if decided[r.ID] {
			r.Decided++
		}
		if considered[r.ID] {
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
