package catalog

import "slices"

// Ancestors are the relations that one inherits from or is a partition of, in
// any number of steps, sorted, without itself.
func (s *Snapshot) Ancestors(oid OID) []OID {
	return s.closure(oid, func(r *Relation) []OID { return r.Parents })
}

// Descendants are the relations that inherit from one or are partitions of it,
// in any number of steps, sorted, without itself. Reading it reads them.
func (s *Snapshot) Descendants(oid OID) []OID {
	return s.closure(oid, func(r *Relation) []OID { return r.Children })
}

// Roots are those of a relation and its ancestors that have no parent: one for
// a partition, perhaps several for a table that inherits.
func (s *Snapshot) Roots(oid OID) []OID {
	return s.ends(oid, s.Ancestors(oid), func(r *Relation) []OID { return r.Parents })
}

// Leaves are those of a relation and its descendants that have no child.
func (s *Snapshot) Leaves(oid OID) []OID {
	return s.ends(oid, s.Descendants(oid), func(r *Relation) []OID { return r.Children })
}

func (s *Snapshot) closure(from OID, next func(*Relation) []OID) []OID {
	return follow(from, func(oid OID) []OID {
		if r := s.Relation(oid); r != nil {
			return next(r)
		}
		return nil
	})
}

// follow takes steps for as long as they lead to something new, and returns
// all that was met but the beginning, sorted.
func follow(from OID, next func(OID) []OID) []OID {
	seen := map[OID]bool{from: true}
	var out []OID
	for todo := []OID{from}; len(todo) > 0; todo = todo[1:] {
		for _, oid := range next(todo[0]) {
			if !seen[oid] {
				seen[oid] = true
				out, todo = append(out, oid), append(todo, oid)
			}
		}
	}
	slices.Sort(out)
	return out
}

func (s *Snapshot) ends(oid OID, others []OID, next func(*Relation) []OID) []OID {
	var out []OID
	for _, o := range append([]OID{oid}, others...) {
		if r := s.Relation(o); r != nil && len(next(r)) == 0 {
			out = append(out, o)
		}
	}
	slices.Sort(out)
	return out
}
