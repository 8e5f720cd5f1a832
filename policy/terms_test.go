package policy_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
)

// TestTerms shows on what terms requests run: limits, notices, shadow
// reasons and classes. A case is a policy, a line with ++++, and then one
// request a line: SQL, or what differs from a sound request in JSON. A line
// "with JSON" sets the scene for the SQL below it.
func TestTerms(t *testing.T) {
	analyzer := statement.NewAnalyzer(statement.Options{})
	t.Cleanup(func() {
		if err := analyzer.Close(); err != nil {
			t.Error(err)
		}
	})
	each(t, "terms", func(t *testing.T, text string) string {
		return cases(t, text, func(input string) string {
			document, lines, found := strings.Cut(input, "\n++++\n")
			if !found {
				t.Fatalf("a case without ++++: %q", input)
			}
			p := parse(t, document)
			with := "{}"
			var out []string
			for line := range strings.SplitSeq(lines, "\n") {
				if scene, isScene := strings.CutPrefix(line, "with "); isScene {
					with = scene
					out = append(out, "with other facts")
					continue
				}
				req := request()
				if strings.HasPrefix(line, "{") {
					unmarshal(t, line, req)
				} else {
					unmarshal(t, with, req)
					a := analyzer.Analyze(t.Context(), line)
					req.Kind, req.Problem, req.Statements = a.Kind, a.Problem, a.Statements
					out = append(out, "> "+line)
				}
				for _, st := range req.Statements {
					req.Kind = min(req.Kind, st.Kind)
				}
				out = append(out, terms(decideBothWays(t, p, req)))
			}
			return strings.Join(out, "\n")
		})
	})
}

func unmarshal(t *testing.T, text string, req *policy.Request) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), req); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
}

// decideBothWays checks that a session's view gives the policy's own answer.
func decideBothWays(t *testing.T, p *policy.Policy, req *policy.Request) policy.Decision {
	t.Helper()
	d := p.Decide(req)
	if diff := cmp.Diff(d, p.View(req.Identity, req.Session).Decide(req)); diff != "" {
		t.Errorf("the view decides differently: %s", diff)
	}
	return d
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
	for _, b := range d.Budgets {
		out += fmt.Sprintf("\n  charges %s (%s) for %s in %s: %+v", b.Budget, b.Position, b.Class, b.Window, b.Limits)
		if b.Aside {
			out += ", errors only"
		}
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

// TestTermsAsJSON pins what the trail records of the terms: nanoseconds,
// nothing for what is unlimited, and no word of how long a decision may be
// kept.
func TestTermsAsJSON(t *testing.T) {
	d := policy.Decision{
		Verdict: policy.Allow, Rule: "r", Subject: "s", Reasons: []policy.Reason{{Rule: "r", Text: "t"}}, Position: -1, Volatile: true,
		Limits: policy.Limits{Rows: 5, Duration: 30 * time.Second}, LimitsRule: "r", LimitsPosition: "p:1:2",
		Notices: []policy.Reason{{Rule: "n", Position: "p:3:4", Text: "told"}}, Classes: []string{"contact.email"}, ClassesUsed: []string{"contact.email"},
	}
	const want = `{"verdict":"allow","rule":"r","statement":0,"subject":"s","reasons":[{"rule":"r","text":"t"}],"position":-1,` +
		`"limits":{"rows":5,"duration":30000000000},"limits_rule":"r","limits_position":"p:1:2",` +
		`"notices":[{"rule":"n","position":"p:3:4","text":"told"}],"classes":["contact.email"],"classes_used":["contact.email"]}`
	got, err := json.Marshal(d)
	if err != nil || string(got) != want {
		t.Errorf("%v\n%s\n%s", err, got, want)
	}
	d.Limits = policy.Limits{}
	if got, err := json.Marshal(d); err != nil || strings.Contains(string(got), `"limits":`) {
		t.Errorf("unlimited is written as a limit: %s, %v", got, err)
	}
	if got := policy.BuiltinLimits(); got != (policy.Limits{Rows: 10_000, Bytes: 8 << 20}) {
		t.Errorf("the built-in limits are %+v", got)
	}
}
