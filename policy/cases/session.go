package cases

import (
	"maps"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
)

const (
	// maxNesting bounds names that stand for statements that use names.
	maxNesting = 3
	// nameLen is what the server keeps of a name, in bytes.
	nameLen = 63
)

// session is what a session knows by name: prepared statements and cursors,
// which a live session keeps in the same way.
type session struct {
	known map[string]*statement.Statement
}

// resolve returns statements with the names they use replaced by what they
// stand for, and what the session knows if the text runs. A text may define
// a name and use it. A name that nobody made stands for anything.
func (s *session) resolve(statements []statement.Statement) ([]statement.Statement, map[string]*statement.Statement) {
	known := maps.Clone(s.known)
	if known == nil {
		known = map[string]*statement.Statement{}
	}
	resolved := make([]statement.Statement, len(statements))
	for i := range statements {
		resolved[i] = statements[i]
		names(&resolved[i], known, 0)
		resolved[i].Names = nil
	}
	return resolved, known
}

func names(st *statement.Statement, known map[string]*statement.Statement, depth int) {
	for _, use := range st.Names {
		key := keyOf(use)
		switch use.Op {
		case statement.Prepare, statement.Declare:
			known[key] = use.Inner
		case statement.Execute, statement.Fetch:
			merge(st, use, known, depth)
		case statement.Deallocate, statement.CloseCursor:
			delete(known, key)
		case statement.DeallocateAll, statement.CloseAll:
			maps.DeleteFunc(known, func(k string, _ *statement.Statement) bool { return k[:1] == key[:1] })
		}
	}
}

// merge adds what a name stands for to the statement that uses it.
func merge(st *statement.Statement, use statement.NameUse, known map[string]*statement.Statement, depth int) {
	inner := known[keyOf(use)]
	if inner == nil || depth >= maxNesting {
		inner = unseen(use)
	}
	flat := *inner
	if len(flat.Names) > 0 {
		names(&flat, known, depth+1)
	}
	policy.Merge(st, &flat)
}

// keyOf is a name with a letter before it for its name space.
func keyOf(use statement.NameUse) string {
	name := use.Name
	if len(name) > nameLen {
		name = name[:nameLen]
	}
	switch use.Op {
	case statement.Declare, statement.Fetch, statement.CloseCursor, statement.CloseAll:
		return "c" + name
	}
	return "p" + name
}

// unseen is a statement that stands for anything.
func unseen(use statement.NameUse) *statement.Statement {
	what := string(use.Op) + " of a name that nobody saw made"
	return &statement.Statement{
		Kind: statement.OpaqueCode, Node: "unseen",
		Effects: []statement.Effect{{Kind: statement.OpaqueCode, What: what, Position: -1}},
	}
}
