package statement

import (
	pg "github.com/pganalyze/pg_query_go/v6"
)

// scope holds the names of common table expressions a part of a statement can
// see. Scopes are linked from the inside out; a qualified name never means a
// CTE.
type scope struct {
	outer *scope
	name  string
}

func (s *scope) has(name string) bool {
	for ; s != nil; s = s.outer {
		if s.name == name {
			return true
		}
	}
	return false
}

// with walks the common table expressions of a WITH clause and returns the
// scope of the statement it belongs to. Without RECURSIVE each sees only the
// ones before it; with it, each sees all, itself included.
func (w *walker) with(clause *pg.WithClause) {
	if clause == nil {
		return
	}
	if clause.Recursive {
		for _, n := range clause.Ctes {
			w.scope = &scope{w.scope, n.GetCommonTableExpr().GetCtename()}
		}
	}
	for _, n := range clause.Ctes {
		w.children(n)
		if !clause.Recursive {
			w.scope = &scope{w.scope, n.GetCommonTableExpr().GetCtename()}
		}
	}
}

// scoped runs body with the names of a WITH clause in sight and forgets them
// afterwards.
func (w *walker) scoped(clause *pg.WithClause, body func()) {
	before := w.scope
	w.with(clause)
	body()
	w.scope = before
}
