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
	// output is its row type, nil while it is being walked.
	output *rowType
}

// find returns the common table expression a bare name means, or nil.
func (s *scope) find(name string) *scope {
	for ; s != nil; s = s.outer {
		if s.name == name {
			return s
		}
	}
	return nil
}

func (s *scope) has(name string) bool { return s.find(name) != nil }

// with walks the common table expressions of a WITH clause and returns the
// scope of the statement it belongs to. Without RECURSIVE each sees only the
// ones before it; with it, each sees all, itself included.
func (w *walker) with(clause *pg.WithClause) {
	if clause == nil {
		return
	}
	entries := make([]*scope, len(clause.Ctes))
	for i, n := range clause.Ctes {
		entries[i] = &scope{name: n.GetCommonTableExpr().GetCtename()}
		if clause.Recursive {
			w.see(entries[i])
		}
	}
	for i, n := range clause.Ctes {
		w.result = nil
		w.children(n)
		if w.result != nil {
			cte := n.GetCommonTableExpr()
			out := *w.result.rename(strs(cte.GetAliascolnames()))
			out.open = out.open || cte.GetSearchClause() != nil || cte.GetCycleClause() != nil
			entries[i].output = &out
		}
		if !clause.Recursive {
			w.see(entries[i])
		}
	}
}

// see puts a common table expression in sight.
func (w *walker) see(s *scope) {
	s.outer = w.scope
	w.scope = s
}

// scoped runs body with the names of a WITH clause in sight and forgets them
// afterwards.
func (w *walker) scoped(clause *pg.WithClause, body func()) {
	before := w.scope
	w.with(clause)
	body()
	w.scope = before
}
