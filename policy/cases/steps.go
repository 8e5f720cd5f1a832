package cases

import (
	"fmt"

	"github.com/sluice-pg/sluice/policy"
)

// rules lists the rules that were weighed, in their order, and why each
// matches or does not; then those that were not.
func (e *explanation) rules(all []policy.RuleInfo, steps []policy.Step, statements int) {
	e.printf("\nrules in the order in which they were weighed\n")
	met := map[string]bool{}
	shown := 0
	for _, s := range steps {
		if !s.Considered {
			continue
		}
		met[s.ID] = true
		if shown++; shown <= mostShown {
			e.step(s, statements)
		}
	}
	switch {
	case shown == 0:
		e.printf("  none\n")
	case shown > mostShown:
		e.printf("  and %d times more a rule was weighed\n", shown-mostShown)
	}
	e.passedOver(steps, met)
	var left []string
	for _, r := range all {
		if !met[r.ID] {
			left = append(left, r.ID)
		}
	}
	e.list("not reached:", left)
}

// passedOver lists the rules that speak about something else, by what that
// is, and adds them to those that were met.
func (e *explanation) passedOver(steps []policy.Step, met map[string]bool) {
	var whys []string
	by := map[string][]string{}
	for _, s := range steps {
		if s.Considered || met[s.ID] {
			continue
		}
		met[s.ID] = true
		if by[s.Why] == nil {
			whys = append(whys, s.Why)
		}
		by[s.Why] = append(by[s.Why], s.ID)
	}
	for _, why := range whys {
		e.list("for "+why+":", by[why])
	}
}

func (e *explanation) step(s policy.Step, statements int) {
	mark := "no   "
	switch {
	case s.Matched:
		mark = "MATCH"
	case s.Narrows:
		mark = "MAYBE"
	}
	what := s.Effect
	if s.Mode != "enforce" {
		what += " (" + s.Mode + " only)"
	}
	if s.Kind != "" {
		what += " " + s.Kind
	}
	of := ""
	if statements > 1 {
		of = fmt.Sprintf(", statement %d", s.Statement+1)
	}
	e.printf("  %s %s: %s%s (%s)\n        %s\n", mark, s.ID, what, of, s.Position, s.Why)
	if s.Narrows {
		e.printf("        it may be meant all the same, so what it restricts holds\n")
	}
}
