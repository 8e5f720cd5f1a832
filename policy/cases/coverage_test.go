package cases

import (
	"testing"

	"github.com/sluice-pg/sluice/policy"
)

func TestCoverageArithmetic(t *testing.T) {
	for name, c := range map[string]struct {
		decided []int
		count   int
		percent int
	}{
		"no rules":            {nil, 0, 100},
		"none":                {[]int{0, 0}, 0, 0},
		"all":                 {[]int{1, 7}, 2, 100},
		"rounded down":        {[]int{1, 1, 0}, 2, 66},
		"one of many missing": {append(make([]int, 1), ones(999)...), 999, 99},
	} {
		var coverage Coverage
		for _, n := range c.decided {
			coverage.Rules = append(coverage.Rules, RuleCoverage{Decided: n})
		}
		if coverage.Decided() != c.count || coverage.Percent() != c.percent {
			t.Errorf("%s: %d rules, %d%%, want %d and %d%%", name, coverage.Decided(), coverage.Percent(), c.count, c.percent)
		}
	}
}

func ones(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = 1
	}
	return out
}

// A case counts once for a rule, however many of its texts meet it, and a
// rule that only would act is met by what it has to say.
func TestCoverageCountsCases(t *testing.T) {
	c := Coverage{Rules: []RuleCoverage{
		{RuleInfo: policy.RuleInfo{ID: "a"}}, {RuleInfo: policy.RuleInfo{ID: "b"}}, {RuleInfo: policy.RuleInfo{ID: "c"}},
	}}
	met := newMeetings()
	steps := []policy.Step{
		{RuleInfo: policy.RuleInfo{ID: "a"}, Considered: true},
		{RuleInfo: policy.RuleInfo{ID: "b"}, Considered: true},
		{RuleInfo: policy.RuleInfo{ID: "c"}},
	}
	met.add(&policy.Decision{Rule: "a", Shadow: []policy.Reason{{Rule: "b"}}}, steps)
	met.add(&policy.Decision{Rule: "a"}, steps)
	c.count(met)
	want := [][2]int{{1, 1}, {1, 1}, {0, 0}}
	for i, r := range c.Rules {
		if got := [2]int{r.Decided, r.Considered}; got != want[i] {
			t.Errorf("%s: decided and considered %v, want %v", r.ID, got, want[i])
		}
	}
}
