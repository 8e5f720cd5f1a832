package policy

import "slices"

// The strengths of a mask: what it leaves of a value in the question who may read it
// at a place.
const (
	// strengthFull leaves nothing: whoever the place lets read it may.
	strengthFull = "full"
	// strengthPartial leaves something: only who may read the value where it comes
	// from may read what is left of it.
	strengthPartial = "partial"
)

var strengthNames = []string{strengthFull, strengthPartial}

// LeavesSome reports whether so much is left of a value that only those may read it
// who may read the value where it comes from.
func (m Masking) LeavesSome() bool { return m.Strength == strengthPartial }

// strength reads how strong the masks of a place are. What shows a part of a value is
// partial unless the policy says that it is enough.
func (r *reader) strength(entries []maskEntry, masks []maskOf) []maskOf {
	for i := range masks {
		m, given := &masks[i], entries[i].Strength
		switch m.Strength = given.Value; {
		case given.IsZero() && slices.Contains([]string{maskPartial, maskDate, maskBand}, m.Mask):
			m.Strength = strengthPartial
		case given.IsZero() || m.Strength == strengthFull:
			m.Strength = "" // what masks are taken for
		case !slices.Contains(strengthNames, given.Value):
			r.errs.Addf(given.Position, "%q is not a strength%s", given.Value, orKnown(given.Value, strengthNames))
		}
	}
	return masks
}

// noStrength refuses a strength where nothing is copied to.
func (r *reader) noStrength(entries []maskEntry, masks []maskOf) []maskOf {
	for i := range entries {
		if given := entries[i].Strength; !given.IsZero() {
			r.errs.Addf(given.Position, "strength means something in the masks of a destination only")
		}
	}
	return masks
}
