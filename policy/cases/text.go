package cases

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/sluice-pg/sluice/policy"
)

// WriteText writes a report for people: what differs first, then the rules,
// then a line that sums up.
func (r *Report) WriteText(w io.Writer) error {
	out := newPrinter(w)
	for i := range r.Results {
		if !r.Results[i].OK() {
			r.Results[i].writeText(out, r.Policy)
		}
	}
	r.Coverage.writeText(out)
	out.printf("%s\n", r.Summary())
	return out.flush()
}

// Summary is the last line of a report.
func (r *Report) Summary() string {
	total, failed := len(r.Results), r.Failed()
	switch {
	case total == 0:
		return "no cases"
	case failed == 0:
		return fmt.Sprintf("%s, all as expected", counted(total, "case"))
	}
	return fmt.Sprintf("%s: %d as expected, %d not", counted(total, "case"), total-failed, failed)
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// writeText shows a case that is not as expected: where it stands, what
// differs, and why the answer is what it is.
func (r *Result) writeText(w printer, p *policy.Policy) {
	q := &r.Case.Question
	title := ""
	if r.Case.Name != "" {
		title = r.Case.Name + ": "
	}
	w.printf("%s: %snot as expected for %s on %s\n", r.File.At(r.Case), title, q.Identity.User, q.Session.Database)
	w.printf("%s\n", r.File.Excerpt(r.Case))
	for _, d := range r.Differences {
		w.printf("  - %-7s %s%s\n  + %-7s %s\n", d.What, d.Want, unknownRule(d, p), d.What, d.Got)
	}
	writeAnswer(w, "    ", &r.Decision)
	for i, d := range r.Earlier {
		if d.Verdict != policy.Allow {
			w.printf("    note    text %d of the session got %s by rule %s, so what it names is not known later\n", i+1, d.Verdict, d.Rule)
		}
	}
	w.printf("\n")
}

// unknownRule says so if the rule that was expected is not in the policy.
func unknownRule(d Difference, p *policy.Policy) string {
	if d.What != "rule" || strings.HasPrefix(d.Want, builtin) {
		return ""
	}
	var ids []string
	for _, r := range p.Rules() {
		if r.ID == d.Want {
			return " (" + r.Position + ")"
		}
		ids = append(ids, r.ID)
	}
	return ", which the policy does not have" + orKnown(d.Want, ids)
}

// writeAnswer writes why a decision is what it is.
func writeAnswer(w printer, indent string, d *policy.Decision) {
	w.printf("%sby      rule %s: %s\n", indent, strings.TrimPrefix(d.Rule, builtin), d.Subject)
	for _, reason := range d.Reasons {
		at := ""
		if reason.Position != "" {
			at = " (" + reason.Position + ")"
		}
		w.printf("%sbecause %s%s\n", indent, reason.Text, at)
	}
	if d.Hint != "" {
		w.printf("%sinstead %s\n", indent, d.Hint)
	}
}

func (c *Coverage) writeText(w printer) {
	if len(c.Rules) == 0 {
		return
	}
	w.printf("%d of %s decided a case (%d%%)\n", c.Decided(), counted(len(c.Rules), "rule"), c.Percent())
	idWidth, placeWidth := 0, 0
	for _, r := range c.Rules {
		idWidth, placeWidth = max(idWidth, len(r.ID)), max(placeWidth, utf8.RuneCountInString(r.Position))
	}
	for _, r := range c.Rules {
		decided := fmt.Sprintf("decided %d", r.Decided)
		if r.Decided == 0 {
			decided = "NEVER DECIDED"
		}
		w.printf("  %-*s  %-*s  %s, considered %d\n", idWidth, r.ID, placeWidth, r.Position, decided, r.Considered)
	}
}
