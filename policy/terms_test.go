package policy_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/policy"
)

// TestTerms shows on what terms requests run: limits, notices, shadow
// reasons and classes. A case is a policy, a line with ++++, and then one
// request a line, as what differs from a sound one in JSON.
func TestTerms(t *testing.T) {
	each(t, "terms", func(t *testing.T, text string) string {
		return cases(t, text, func(input string) string {
			document, lines, found := strings.Cut(input, "\n++++\n")
			if !found {
				t.Fatalf("a case without ++++: %q", input)
			}
			p := parse(t, document)
			var out []string
			for line := range strings.SplitSeq(lines, "\n") {
				req := request()
				if err := json.Unmarshal([]byte(line), req); err != nil {
					t.Fatalf("%v in %q", err, line)
				}
				for _, st := range req.Statements {
					req.Kind = min(req.Kind, st.Kind)
				}
				out = append(out, terms(p.Decide(req)))
			}
			return strings.Join(out, "\n")
		})
	})
}

// terms writes what a decision says beside its words.
func terms(d policy.Decision) string {
	out := fmt.Sprintf("%s by %s", d.Verdict, d.Rule)
	if d.Verdict != policy.Deny {
		out += fmt.Sprintf(", rows %d, bytes %d, duration %s by %s %s", d.Limits.Rows, d.Limits.Bytes, d.Limits.Duration, d.LimitsRule, d.LimitsPosition)
	}
	if len(d.Classes) > 0 {
		out += fmt.Sprintf(", classes %v, output %v, used %v", d.Classes, d.ClassesOutput, d.ClassesUsed)
	}
	if d.Volatile {
		out += ", volatile"
	}
	for _, r := range d.Reasons {
		out += "\n  because " + r.Text + " (" + r.Position + ")"
	}
	for _, r := range d.Notices {
		out += "\n  notice  " + r.Text + " (" + r.Position + ")"
	}
	for _, r := range d.Shadow {
		out += "\n  shadow  " + r.Text + " (" + r.Position + ")"
	}
	return out
}
