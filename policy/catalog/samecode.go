package catalog

import "slices"

// SameFunctions reports whether another snapshot of the database has the same
// functions, with the same bodies and settings, and as many operators.
func (s *Snapshot) SameFunctions(other *Snapshot) bool {
	if len(s.functions) != len(other.functions) || len(s.operators) != len(other.operators) {
		return false
	}
	for oid, f := range s.functions {
		o := other.functions[oid]
		if o == nil || o.Signature != f.Signature || o.Digest != f.Digest || o.Body != f.Body || o.Language != f.Language || !slices.Equal(o.Settings, f.Settings) {
			return false
		}
	}
	return true
}
