package policy

import "github.com/sluice-pg/sluice/policy/statement"

const (
	// NameLen is what the server keeps of a name, in bytes (NAMEDATALEN
	// less the terminator). Longer names that begin alike are one name.
	NameLen = maxName
	// maxNesting bounds names that stand for statements that use names.
	// Three is one more than SQL can build: a cursor under a prepared
	// statement.
	maxNesting = 3
	// maxResolved bounds what all the names used in one text may stand for:
	// effects, relations, functions and the like. A short text can use a
	// name that means a lot a thousand times.
	maxResolved = 20000
	// queryParts is how many parts of a statement's query weigh as much as
	// one effect.
	queryParts = 16
)

// Meanings tells what a name may stand for when a text begins. Nothing means
// that nobody saw the name made.
type Meanings func(use statement.NameUse) []*statement.Statement

// resolver replaces the names of prepared statements and cursors by what they
// stand for.
type resolver struct {
	meanings Meanings
	// local holds what the text itself defined so far, by operation and
	// name.
	local map[string]*statement.Statement
	left  int
}

// Resolve replaces the names in a text, in its order: a text may define a
// name and use it. A name that stands for nothing known stands for anything.
func Resolve(statements []statement.Statement, meanings Meanings) []statement.Statement {
	r := &resolver{meanings, map[string]*statement.Statement{}, maxResolved}
	resolved := make([]statement.Statement, len(statements))
	for i := range statements {
		resolved[i] = statements[i]
		if len(statements[i].Names) > 0 {
			r.names(&resolved[i], 0)
		}
		resolved[i].Names = nil
	}
	return resolved
}

func (r *resolver) names(st *statement.Statement, depth int) {
	for _, use := range st.Names {
		key := ShortName(use.Name)
		switch use.Op {
		case statement.Prepare:
			r.local["execute "+key] = use.Inner
		case statement.Declare:
			r.local["fetch "+key] = use.Inner
		case statement.Execute, statement.Fetch:
			inner := r.meanings(use)
			if l := r.local[string(use.Op)+" "+key]; l != nil {
				inner = append(inner, l)
			}
			r.merge(st, use, inner, depth)
		}
	}
}

// merge adds what a name stands for to the statement that uses it.
func (r *resolver) merge(st *statement.Statement, use statement.NameUse, inner []*statement.Statement, depth int) {
	if len(inner) == 0 || depth >= maxNesting {
		unknown := Unseen(string(use.Op) + " of a name that nobody saw made")
		inner = []*statement.Statement{&unknown}
	}
	for _, in := range inner {
		flat := *in
		if len(flat.Names) > 0 && r.left >= 0 {
			r.names(&flat, depth+1)
		}
		if r.left -= Weight(&flat); r.left < 0 {
			flat = Unseen(string(use.Op) + " of more than one text may use by name")
		}
		Merge(st, &flat)
		if st.CopyIn == nil {
			st.CopyIn = flat.CopyIn
		}
	}
}

// Weight counts what a statement does and names: a measure of what it takes to
// keep and to judge it.
func Weight(st *statement.Statement) int {
	weight := len(st.Effects) + len(st.Relations) + len(st.Functions) + len(st.Destinations) + len(st.Settings)
	if st.Query != nil {
		weight += st.Query.Weight / queryParts
	}
	return weight
}

// ShortName is what the server keeps of the name of a prepared statement or a
// cursor.
func ShortName(name string) string {
	if len(name) > NameLen {
		return name[:NameLen]
	}
	return name
}

// Unseen is a statement that stands for anything; what says in words for
// people why.
func Unseen(what string) statement.Statement {
	return statement.Statement{
		Kind: statement.OpaqueCode, Node: "unseen",
		Effects: []statement.Effect{{Kind: statement.OpaqueCode, What: what, Position: -1}},
		Query:   &statement.Query{Open: what},
	}
}
