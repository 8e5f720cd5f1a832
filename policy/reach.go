package policy

import (
	"slices"
	"strings"

	"github.com/sluice-pg/sluice/policy/statement"
)

// functionEffect begins the words of an effect that a function call has.
const functionEffect = "function "

// causedBy finds the function call that an effect comes from. If the words
// of the effect name a function that the statement does not list, that name
// is returned without a schema.
func causedBy(st *statement.Statement, effect statement.Effect) (statement.Function, bool) {
	name, named := strings.CutPrefix(effect.What, functionEffect)
	for _, f := range st.Functions {
		if effect.Position >= 0 && f.Position == effect.Position {
			return f, true
		}
	}
	if !named {
		return statement.Function{}, false
	}
	for _, f := range st.Functions {
		if f.Schema+"."+f.Name == name || f.Name == name {
			return f, true
		}
	}
	return statement.Function{Name: name}, true
}

// reachesUnnamed reports whether a statement may touch relations that its
// text does not name: code that cannot be judged, functions that take a
// query or a relation as a value, commands about everything at once. Large
// objects are no relations, so their functions do not count.
func reachesUnnamed(st *statement.Statement) bool {
	return slices.ContainsFunc(st.Effects, func(effect statement.Effect) bool {
		switch {
		case everyday.has(effect.Kind):
			return false
		case effect.Kind == statement.OpaqueCode, effect.Kind == statement.Replication:
			return true
		}
		called, byFunction := causedBy(st, effect)
		if byFunction {
			return !isLargeObject(called.Name)
		}
		return len(st.Relations) == 0
	})
}

// hasOpaque reports whether a statement runs code that cannot be judged.
func hasOpaque(st *statement.Statement) bool {
	return slices.ContainsFunc(st.Effects, func(e statement.Effect) bool { return e.Kind == statement.OpaqueCode })
}
