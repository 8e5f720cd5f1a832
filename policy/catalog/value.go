package catalog

import (
	"cmp"
	"slices"
)

// value is what an expression or a column may hold. Its lists are sorted,
// hold each entry once, and are never written to after they are made.
type value struct {
	// from are columns of tables, through those of views.
	from, through []ColumnID
	// calls are functions of users.
	calls []OID
	// types are the types that it may have and that are not PostgreSQL's own.
	types []OID
	// open means that it may hold anything.
	open bool
	// exact means the values of its one origin as they are.
	exact bool
}

// and is what an expression of two values may hold.
func (v value) and(w value) value {
	return value{
		from: merged(v.from, w.from, compareColumns), through: merged(v.through, w.through, compareColumns),
		calls: merged(v.calls, w.calls, compareOIDs), types: merged(v.types, w.types, compareOIDs),
		open: v.open || w.open,
	}
}

func compareColumns(a, b ColumnID) int {
	return cmp.Or(cmp.Compare(a.Relation, b.Relation), cmp.Compare(a.Num, b.Num))
}

func compareOIDs(a, b OID) int { return cmp.Compare(a, b) }

// merged is the union of two sorted lists. It may be one of them.
func merged[T comparable](a, b []T, compare func(a, b T) int) []T {
	switch {
	case len(a) == 0:
		return b
	case len(b) == 0 || slices.Equal(a, b):
		return a
	}
	out := make([]T, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch c := compare(a[0], b[0]); {
		case c < 0:
			out, a = append(out, a[0]), a[1:]
		case c > 0:
			out, b = append(out, b[0]), b[1:]
		default:
			out, a, b = append(out, a[0]), a[1:], b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// output is a value as others see it.
func (v value) output(name string) Output {
	return Output{Name: name, Origins: v.from, Through: v.through, Calls: v.calls, Open: v.open, Exact: v.exact && len(v.from) == 1}
}

func (v value) equal(w value) bool {
	return slices.Equal(v.from, w.from) && slices.Equal(v.through, w.through) && slices.Equal(v.calls, w.calls) &&
		slices.Equal(v.types, w.types) && v.open == w.open
}
