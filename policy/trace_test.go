package policy

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// A trace is a by-product of the decision: the answer is the same, and the
// rule that gives it is among the steps.
func TestTraceIsTheSameDecision(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, req := drawPolicy(t), drawRequest(t)
		p.rules = append(slices.Clone(p.deny), p.leave...)
		d, steps := p.Trace(req)
		if diff := cmp.Diff(p.Decide(req), d); diff != "" {
			t.Fatal(diff)
		}
		byRule := !strings.HasPrefix(d.Rule, "builtin:")
		decides := func(s Step) bool { return s.ID == d.Rule && s.Statement == d.Statement && (s.Matched || s.Narrows) }
		if byRule && !slices.ContainsFunc(steps, decides) {
			t.Fatalf("%s decided statement %d, and no step says so: %+v", d.Rule, d.Statement, steps)
		}
		for _, s := range steps {
			if s.Why == "" || s.Matched && (s.Narrows || !s.Considered) {
				t.Fatalf("%+v", s)
			}
		}
		if d.Rule != ruleDefaultDeny || len(req.Statements) != 1 {
			return
		}
		for _, r := range p.deny {
			if !slices.ContainsFunc(steps, func(s Step) bool { return s.ID == r.id && !(s.Matched && r.acts()) }) {
				t.Fatalf("refused by default, and deny rule %s is not among what did not refuse: %+v", r.id, steps)
			}
		}
	})
}

func TestTraceOfWhatIsNeverWeighed(t *testing.T) {
	var none *Policy
	if d, steps := none.Trace(nil); d.Verdict != Deny || steps != nil {
		t.Errorf("%+v, %+v", d, steps)
	}
}
