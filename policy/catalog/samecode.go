package catalog

import (
	"reflect"
	"slices"
)

// SameCode reports whether another snapshot of the database has the same functions,
// with the same bodies and settings, the same operators and the same casts.
func (s *Snapshot) SameCode(other *Snapshot) bool {
	if len(s.functions) != len(other.functions) || !reflect.DeepEqual(s.operators, other.operators) || !slices.Equal(s.Casts, other.Casts) {
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

// SameRelations reports whether it has the same relations, which nobody has written
// since, leaving temporary ones aside: those are seen by their session alone.
func (s *Snapshot) SameRelations(other *Snapshot) bool {
	permanent := 0
	for oid, r := range s.relations {
		if r.Persistence == 't' {
			continue
		}
		permanent++
		o := other.relations[oid]
		if o == nil || o.Schema != r.Schema || o.Name != r.Name || o.Written != r.Written || o.Query != r.Query || o.RowSecurity != r.RowSecurity ||
			!reflect.DeepEqual(o.Triggers, r.Triggers) || !reflect.DeepEqual(o.Code, r.Code) {
			return false
		}
	}
	for _, r := range other.relations {
		if r.Persistence != 't' {
			permanent--
		}
	}
	return permanent == 0
}
