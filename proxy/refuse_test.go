package proxy

import (
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/policy"
)

// What the proxy cannot carry out does not run, and the client reads that it
// is the proxy that cannot.
func TestVerdictsThatCannotBeCarriedOut(t *testing.T) {
	for _, v := range []policy.Verdict{policy.Mask, policy.Carry, policy.Hold} {
		d := policy.Decision{
			Verdict: v, Rule: "people", Subject: "COPY of public.users to the client", Position: -1,
			Reasons: []policy.Reason{{Rule: "people", Position: "p.yaml:4:5", Text: "rule people asks for it"}},
		}
		r := refuse(d, "abcdefghij", "COPY public.users TO STDOUT", "")
		if r.sqlstate != "42501" || !strings.Contains(r.message, " by rule people [req abcdefghij]") {
			t.Errorf("%s: %s %s", v, r.sqlstate, r.message)
		}
		if lines := strings.Split(r.detail, "\n"); len(lines) != 2 || !strings.HasPrefix(lines[1], "This version of Sluice cannot ") {
			t.Errorf("%s: detail %q", v, r.detail)
		}
	}
	r := refuse(policy.Decision{Rule: "people", Position: -1}, "abcdefghij", "", "")
	if strings.Contains(r.detail, "cannot") {
		t.Errorf("a refusal says %q", r.detail)
	}
}
