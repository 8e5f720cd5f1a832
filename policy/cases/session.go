package cases

import (
	"maps"
	"strings"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
)

// session is what a session knows by name: prepared statements under
// "execute NAME", cursors under "fetch NAME".
type session struct {
	known map[string]*statement.Statement
}

// resolve returns the statements of a text with the names they use replaced
// by what they stand for, as the live proxy does.
func (s *session) resolve(statements []statement.Statement) []statement.Statement {
	return policy.Resolve(statements, func(use statement.NameUse) []*statement.Statement {
		if st := s.known[keyOf(use.Op, use.Name)]; st != nil {
			return []*statement.Statement{st}
		}
		return nil
	})
}

// ran notes the names that the statements of a text make and drop, once the
// text is known to run.
func (s *session) ran(statements []statement.Statement) {
	if s.known == nil {
		s.known = map[string]*statement.Statement{}
	}
	for i := range statements {
		for _, use := range statements[i].Names {
			s.note(use)
		}
	}
}

func (s *session) note(use statement.NameUse) {
	dropAll := func(op statement.NameOp) {
		maps.DeleteFunc(s.known, func(key string, _ *statement.Statement) bool { return strings.HasPrefix(key, keyOf(op, "")) })
	}
	switch use.Op {
	case statement.Prepare:
		s.known[keyOf(statement.Execute, use.Name)] = use.Inner
	case statement.Declare:
		s.known[keyOf(statement.Fetch, use.Name)] = use.Inner
	case statement.Deallocate:
		delete(s.known, keyOf(statement.Execute, use.Name))
	case statement.CloseCursor:
		delete(s.known, keyOf(statement.Fetch, use.Name))
	case statement.DeallocateAll:
		dropAll(statement.Execute)
	case statement.CloseAll:
		dropAll(statement.Fetch)
	}
}

func keyOf(op statement.NameOp, name string) string { return string(op) + " " + policy.ShortName(name) }
