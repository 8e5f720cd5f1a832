package statement

import (
	"errors"
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"
)

// checkRewritten reads a rewritten COPY again and refuses it if it is not what
// was meant: PostgreSQL's trees are written as SQL by code that knows not all of
// them. before is the analysis of what the client sent, reads the relations that
// the rewritten text may name.
func checkRewritten(rewritten string, meant *pg.ParseResult, before *Statement, reads []Relation) error {
	again, err := pg.Parse(rewritten)
	if err != nil || !proto.Equal(withoutPlaces(again), meant) {
		return errors.New("written as SQL, it would mean something else")
	}
	analysis := judge(rewritten)
	if analysis.Problem != nil || len(analysis.Statements) != 1 {
		return errors.New("rewritten, it cannot be read")
	}
	after := &analysis.Statements[0]
	if !slices.Equal(relationNames(after.Relations), reads) || !doesTheSame(before, after) {
		return errors.New("rewritten, it would do something else")
	}
	return nil
}

// doesTheSame compares two statements in everything but relations and columns.
func doesTheSame(before, after *Statement) bool {
	return after.Kind == before.Kind &&
		slices.Equal(effectsOf(after), effectsOf(before)) &&
		slices.EqualFunc(after.Destinations, before.Destinations, func(a, b Destination) bool {
			a.Position, b.Position = 0, 0
			return a == b
		}) &&
		slices.EqualFunc(after.Options, before.Options, func(a, b Option) bool { return a.Name == b.Name && a.Value == b.Value }) &&
		slices.EqualFunc(after.Operators, before.Operators, func(a, b Operator) bool { return a.Schema == b.Schema && a.Name == b.Name }) &&
		slices.Equal(functionsOf(after), functionsOf(before)) &&
		slices.Equal(untoldOf(after), untoldOf(before)) &&
		len(after.Settings) == len(before.Settings) && len(after.Names) == len(before.Names)
}

// untoldOf is what the text cannot tell of a statement. Beside it may be casts:
// a masked column is cast to its own type.
func untoldOf(st *Statement) []string {
	return slices.DeleteFunc(slices.Clone(st.Unresolved), func(s string) bool { return s == untoldCast })
}

// effectsOf are the effects of a statement beside that it reads.
func effectsOf(st *Statement) []Effect {
	var out []Effect
	for _, e := range st.Effects {
		if e.Kind != OrdinaryRead {
			out = append(out, Effect{Kind: e.Kind, What: e.What})
		}
	}
	return out
}

// functionsOf are the functions of a statement beside those of pg_catalog by
// their full name: what masks call of them computes, as every other effect
// would be one.
func functionsOf(st *Statement) []Function {
	var out []Function
	for _, f := range st.Functions {
		if f.Schema != "pg_catalog" {
			f.Position = 0
			out = append(out, f)
		}
	}
	return out
}

// relationNames are relations without where they were named.
func relationNames(list []Relation) []Relation {
	out := slices.Clone(list)
	for i := range out {
		out[i].Position = 0
	}
	return out
}
