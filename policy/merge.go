package policy

import (
	"slices"

	"github.com/sluice-pg/sluice/policy/statement"
)

// Merge adds to a statement what the statements behind its names do, as
// when an EXECUTE runs what was prepared earlier. What was there already is
// not added twice, and the places of what is added are -1, because they are
// in another text. The inner statements stay as they are; outer's own lists
// are replaced, not written into.
func Merge(outer *statement.Statement, inner ...*statement.Statement) {
	for _, in := range inner {
		if in == nil {
			continue
		}
		outer.Effects = union(outer.Effects, in.Effects, func(e *statement.Effect) *int { return &e.Position })
		outer.Relations = union(outer.Relations, in.Relations, func(r *statement.Relation) *int { return &r.Position })
		outer.Columns = union(outer.Columns, in.Columns, func(c *statement.Column) *int { return &c.Position })
		outer.Operators = union(outer.Operators, in.Operators, func(o *statement.Operator) *int { return &o.Position })
		outer.Options = union(outer.Options, in.Options, func(o *statement.Option) *int { return &o.Position })
		outer.Created = union(outer.Created, in.Created, func(d *statement.Definition) *int { return &d.Position })
		outer.Unresolved = unionWords(outer.Unresolved, in.Unresolved)
		outer.LiteralsMatter = outer.LiteralsMatter || in.LiteralsMatter
		outer.Behind = behind(outer.Behind, in)
		outer.Functions = union(outer.Functions, in.Functions, func(f *statement.Function) *int { return &f.Position })
		outer.Destinations = union(outer.Destinations, in.Destinations, func(d *statement.Destination) *int { return &d.Position })
		outer.Settings = union(outer.Settings, in.Settings, func(s *statement.Setting) *int { return &s.Position })
	}
	// Not in place: without an inner statement the list may be shared.
	outer.Effects = slices.SortedStableFunc(slices.Values(outer.Effects), func(a, b statement.Effect) int { return int(a.Kind) - int(b.Kind) })
	outer.Kind = worstOf(outer.Effects)
}

// behind appends to a copy of a list of queries that of a statement behind a
// name. What itself stands for names is followed one step: more than that the
// name space does not tell apart.
func behind(list []*statement.Query, in *statement.Statement) []*statement.Query {
	list = slices.Clone(list)
	switch {
	case in.Query == nil:
		return append(list, &statement.Query{})
	case in.Query.Named:
		return append(list, in.Behind...)
	case len(in.Behind) > 0:
		return append(list, &statement.Query{Open: "what a name stands for uses names itself"})
	}
	return append(list, in.Query)
}

// union appends to a copy of a list what it does not hold yet, places
// aside.
func union[T comparable](list, more []T, place func(*T) *int) []T {
	out := slices.Clone(list)
	seen := make(map[T]bool, len(list))
	for _, item := range list {
		*place(&item) = -1
		seen[item] = true
	}
	for _, item := range more {
		*place(&item) = -1
		if !seen[item] {
			seen[item] = true
			out = append(out, item)
		}
	}
	return out
}

// unionWords appends to a copy of a list what it does not hold yet.
func unionWords(list, more []string) []string {
	out := slices.Clone(list)
	for _, word := range more {
		if !slices.Contains(out, word) {
			out = append(out, word)
		}
	}
	return out
}

// worstOf is the worst kind of some effects; without effects it is the
// worst of all.
func worstOf(effects []statement.Effect) statement.Kind {
	if len(effects) == 0 {
		return statement.ParseError
	}
	worst := effects[0].Kind
	for _, e := range effects[1:] {
		worst = statement.Worst(worst, e.Kind)
	}
	return worst
}
