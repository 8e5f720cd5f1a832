package catalog

import (
	"maps"
	"slices"
)

// Doubts reports whether a name without a schema could mean something that the
// snapshot does not have, or has as something else: an object that the session
// has made or changed.
func (s Sight) Doubts(name string) bool {
	o := s.Overlay
	if o == nil {
		return false
	}
	name = cut(name)
	return o.callableInDoubt(name) || o.PathInDoubt() || slices.ContainsFunc(slices.Collect(maps.Keys(o.relations)), func(n objectName) bool { return n.name == name })
}

// Moved says in words why what code reaches may be something else in this
// session than in the snapshot, "" if it is not: the session has made or
// changed something that the code leads to.
func (s Sight) Moved(r *Reached) string {
	if s.Overlay == nil {
		return ""
	}
	if slices.ContainsFunc(r.Names, s.Doubts) {
		return "it names something without a schema that this session has made or changed in its open transaction"
	}
	for _, oid := range r.Calls {
		if f := s.Snapshot.Function(oid); f != nil && s.Overlay.callableInDoubt(f.Name) {
			return "this session may have changed " + f.Signature + " in its open transaction"
		}
	}
	for _, oid := range r.Relations {
		if rel := s.Snapshot.Relation(oid); rel != nil && s.recoded(rel) {
			return "this session has changed " + words(rel.Schema, rel.Name) + " in its open transaction"
		}
	}
	return ""
}

// recoded reports whether the session has changed what a relation of the
// snapshot is or runs. More columns run nothing, nor does another name.
func (s Sight) recoded(rel *Relation) bool {
	now, changed := s.Overlay.named(rel.Schema, rel.Name)
	if !changed {
		return false
	}
	return now == nil || now.OID != rel.OID || now.Open || now.Recoded || !slices.Equal(now.Children, rel.Children)
}

// Unwritten reports whether statements may run a function without its name: by
// an operator, a cast, or the values of a type.
func (s *Snapshot) Unwritten(function OID) bool {
	for _, o := range s.operators {
		if o.Function == function || slices.Contains(o.Support, function) {
			return true
		}
	}
	for _, t := range s.types {
		if slices.Contains(t.Functions, function) {
			return true
		}
	}
	return slices.ContainsFunc(s.Casts, func(c Cast) bool { return c.Function == function })
}
