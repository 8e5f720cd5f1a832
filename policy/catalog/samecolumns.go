package catalog

import "slices"

// SameColumns are the columns that hold what a column holds, itself first:
// those of the same name of the relations that it is a partition of or
// inherits from, all the way up, and of those below it. A class that one of
// them has is that of all.
func (s *Snapshot) SameColumns(c ColumnID) []ColumnID {
	out := []ColumnID{c}
	rel := s.Relation(c.Relation)
	if rel == nil || len(rel.Parents) == 0 && len(rel.Children) == 0 {
		return out
	}
	name := rel.columnName(c.Num)
	if name == "" {
		return out
	}
	for _, oid := range append(s.Ancestors(rel.OID), s.Descendants(rel.OID)...) {
		if of := s.Relation(oid); of != nil {
			if num := of.columnNum(name); num != 0 {
				out = append(out, ColumnID{oid, num})
			}
		}
	}
	return out
}

// columnName is the name of a column by its number, "" if there is none.
func (r *Relation) columnName(num int16) string {
	i := slices.IndexFunc(r.Columns, func(c Column) bool { return c.Num == num })
	if i < 0 {
		return ""
	}
	return r.Columns[i].Name
}

// columnNum is the number of a column by its name, 0 if there is none.
func (r *Relation) columnNum(name string) int16 {
	i := slices.IndexFunc(r.Columns, func(c Column) bool { return c.Name == name })
	if i < 0 {
		return 0
	}
	return r.Columns[i].Num
}
