package policy

import (
	"errors"

	"github.com/sluice-pg/sluice/policy/condition"
	"github.com/sluice-pg/sluice/policy/strictyaml"
)

// condition compiles a rule's condition; what is wrong with it is shown
// where it stands.
func (r *reader) condition(text strictyaml.Text) *condition.Condition {
	if text.IsZero() {
		return nil
	}
	if same, known := r.conditions[text.Value]; known {
		return same
	}
	compiled, err := condition.Compile(text.Value)
	if err == nil {
		r.conditions[text.Value] = compiled
		return compiled
	}
	for _, one := range flatten(err) {
		at := text.Position
		var mistake *condition.Mistake
		if errors.As(one, &mistake) && mistake.Line > 0 {
			at = r.source.Inside(text, mistake.Line, mistake.Column)
		}
		r.errs.Addf(at, "in the condition: %v", one)
	}
	return nil
}

// flatten lists the errors that were joined into one.
func flatten(err error) []error {
	var several interface{ Unwrap() []error }
	if errors.As(err, &several) {
		return several.Unwrap()
	}
	return []error{err}
}
