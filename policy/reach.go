package policy

import (
	"slices"
	"strings"

	"github.com/sluice-pg/sluice/policy/statement"
)

// The words with which the analysis begins an effect that code has.
const (
	functionEffect = "function "
	operatorEffect = "operator "
)

// causedBy finds the function call that an effect comes from. What the
// statement does not list is returned as far as the words of the effect tell
// it: a function without a schema, an operator without a name.
func causedBy(st *statement.Statement, effect statement.Effect) (statement.Function, bool) {
	for _, f := range st.Functions {
		if effect.Position >= 0 && f.Position == effect.Position {
			return f, true
		}
	}
	words, named := strings.CutPrefix(effect.What, functionEffect)
	if !named {
		return statement.Function{}, strings.HasPrefix(effect.What, operatorEffect)
	}
	named = false
	var called statement.Function
	for _, f := range st.Functions {
		if (isNamed(words, f.Schema+"."+f.Name) || isNamed(words, f.Name)) && (!named || len(f.Name) > len(called.Name)) {
			called, named = f, true
		}
	}
	if !named {
		called.Name, _, _ = strings.Cut(words, " (")
	}
	return called, true
}

// isNamed reports whether the words of an effect are a name, or a name and
// what is known about it in parentheses. A name may have spaces of its own.
func isNamed(words, name string) bool {
	rest, found := strings.CutPrefix(words, name)
	return found && (rest == "" || strings.HasPrefix(rest, " ("))
}

// allowsFunction reports whether an allow rule's functions hold the one an
// effect comes from, under every name by which the statement calls it.
func (r *rule) allowsFunction(st *statement.Statement, called statement.Function) bool {
	for _, f := range st.Functions {
		if f.Name == called.Name && !matchesAny(r.functions, f.Schema, f.Name, pattern.is) {
			return false
		}
	}
	return matchesAny(r.functions, called.Schema, called.Name, pattern.is)
}

// reachesUnnamed reports whether a statement may touch relations that its
// text does not name: code that cannot be judged, functions that take a
// query or a relation as a value, commands about everything at once. Large
// objects are no relations, so their functions do not count.
func reachesUnnamed(st *statement.Statement) bool {
	return slices.ContainsFunc(st.Effects, func(effect statement.Effect) bool {
		switch {
		case everyday.has(effect.Kind), strings.HasPrefix(effect.What, codeEffect):
			return false
		case effect.Kind == statement.OpaqueCode, effect.Kind == statement.Replication && !toldFeed(st):
			return true
		case effect.Kind == statement.Replication:
			return false
		}
		called, byFunction := causedBy(st, effect)
		if byFunction {
			return !isLargeObject(called.Name)
		}
		// COPY names what it reads; one without relations reads none.
		return len(st.Relations) == 0 && st.Node != "CopyStmt"
	})
}

// hasOpaque reports whether a statement runs code that cannot be judged.
func hasOpaque(st *statement.Statement) bool {
	return slices.ContainsFunc(st.Effects, func(e statement.Effect) bool { return e.Kind == statement.OpaqueCode })
}
