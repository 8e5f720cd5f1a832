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

// masks reads masks of what is read through Sluice, which have no strength.
func (r *reader) masks(entries []maskEntry) []maskOf {
	for i := range entries {
		if given := entries[i].Strength; !given.IsZero() {
			r.errs.Addf(given.Position, "strength means something in the masks of a destination only")
		}
	}
	return r.masksOf(entries)
}

// placeMasks reads the masks of a place. What shows a part of a value is partial unless
// the policy says that it is enough.
func (r *reader) placeMasks(entries []maskEntry) []maskOf {
	masks := r.masksOf(entries)
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
