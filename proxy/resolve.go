package proxy

import (
	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
)

const (
	// maxNesting bounds names that stand for statements that use names.
	// Three is one more than SQL can build: a cursor under a prepared
	// statement.
	maxNesting = 3
	// maxResolved bounds what all the names used in one text may stand for:
	// effects, relations, functions and the like. A short text can use a
	// name that means a lot a thousand times.
	maxResolved = 20000
)

// resolver replaces the names of prepared statements and cursors by what they
// stand for.
type resolver struct {
	pending *pending
	// local holds what the text itself defined so far, by operation and
	// name.
	local map[string]*statement.Statement
	left  int
}

// resolve replaces the names in a text, in its order: a text may define a
// name and use it.
func (s *session) resolve(statements []statement.Statement) []statement.Statement {
	r := &resolver{s.pending, map[string]*statement.Statement{}, maxResolved}
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
		key := shortName(use.Name)
		switch use.Op {
		case statement.Prepare:
			r.local["execute "+key] = use.Inner
		case statement.Declare:
			r.local["fetch "+key] = use.Inner
		case statement.Execute, statement.Fetch:
			inner := r.pending.meaningsOf(use)
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
		unknown := unseen(string(use.Op) + " of a name that nobody saw made")
		inner = []*statement.Statement{&unknown}
	}
	for _, in := range inner {
		flat := *in
		if len(flat.Names) > 0 && r.left >= 0 {
			r.names(&flat, depth+1)
		}
		if r.left -= size(&flat); r.left < 0 {
			flat = unseen(string(use.Op) + " of more than one text may use by name")
		}
		policy.Merge(st, &flat)
		if st.CopyIn == nil {
			st.CopyIn = flat.CopyIn
		}
	}
}

func size(st *statement.Statement) int {
	return len(st.Effects) + len(st.Relations) + len(st.Functions) + len(st.Destinations) + len(st.Settings)
}

// meaningsOf returns what a name may stand for at this moment.
func (p *pending) meaningsOf(use statement.NameUse) []*statement.Statement {
	p.mu.Lock()
	defer p.mu.Unlock()
	space := p.statements
	if use.Op == statement.Fetch {
		space = p.portals
	}
	var found []*statement.Statement
	for _, m := range space.lookup(use.Name) {
		found = append(found, m.statement)
	}
	return found
}

// unseen is a statement that stands for anything.
func unseen(what string) statement.Statement {
	return statement.Statement{
		Kind: statement.OpaqueCode, Node: "unseen",
		Effects: []statement.Effect{{Kind: statement.OpaqueCode, What: what, Position: -1}},
	}
}
