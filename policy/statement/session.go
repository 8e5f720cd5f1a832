package statement

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// sessionStatement judges statements that change the session: settings, names
// and transactions.
func (w *walker) sessionStatement(node *pg.Node) bool {
	switch n := node.Node.(type) {
	case *pg.Node_VariableSetStmt:
		w.variableSet(w.keepRole(n.VariableSetStmt))
	case *pg.Node_VariableShowStmt:
		w.st.Show = strings.ToLower(n.VariableShowStmt.Name)
		w.effectHere(OrdinaryRead, "SHOW")
	case *pg.Node_TransactionStmt:
		w.transaction(n.TransactionStmt)
	case *pg.Node_DiscardStmt:
		w.discard(n.DiscardStmt)
	case *pg.Node_PrepareStmt:
		w.effectHere(OrdinaryRead, "PREPARE")
		w.inner(NameUse{Op: Prepare, Name: n.PrepareStmt.Name}, n.PrepareStmt.Query)
	case *pg.Node_DeclareCursorStmt:
		const hold = 0x20 // CURSOR_OPT_HOLD
		w.effectHere(OrdinaryRead, "DECLARE CURSOR")
		s := n.DeclareCursorStmt
		w.inner(NameUse{Op: Declare, Name: s.Portalname, Hold: s.Options&hold != 0}, s.Query)
	case *pg.Node_ExecuteStmt:
		w.name(NameUse{Op: Execute, Name: n.ExecuteStmt.Name})
		w.effectHere(OrdinaryRead, "EXECUTE")
		w.children(n.ExecuteStmt)
	case *pg.Node_DeallocateStmt:
		w.deallocate(n.DeallocateStmt)
	case *pg.Node_FetchStmt:
		w.name(NameUse{Op: Fetch, Name: n.FetchStmt.Portalname})
		w.effectHere(OrdinaryRead, "FETCH")
	case *pg.Node_ClosePortalStmt:
		w.closeCursor(n.ClosePortalStmt.Portalname)
	case *pg.Node_LockStmt:
		w.lock(n.LockStmt)
	default:
		return false
	}
	return true
}

// name notes the use of a prepared statement's or cursor's name.
func (w *walker) name(use NameUse) {
	const most = 1000
	if len(w.st.Names) >= most {
		w.fail("statement uses more than %d names", most)
		return
	}
	w.st.Names = append(w.st.Names, use)
}

// inner judges the statement behind a name. Its effects count for the outer
// statement too, so that preparing what is denied is refused at once; the
// settings it would change do not, except forbidden ones.
func (w *walker) inner(use NameUse, query *pg.Node) {
	in := newWalker(w.st.Start)
	in.bodies, in.variables = w.bodies, w.variables
	in.st.End = w.st.End
	in.statement(query)
	st, problem := in.finish()
	if problem != nil {
		w.problem = problem
		return
	}
	st.Query = lineageOf(query)
	use.Inner = st
	if st.LiteralsMatter {
		w.literalsMatter()
	}
	w.name(use)
	w.absorb(st)
	for _, s := range st.Settings {
		if s.Breaks {
			w.setting(s)
		}
	}
	for _, n := range st.Names {
		w.name(n)
	}
}

func (w *walker) deallocate(s *pg.DeallocateStmt) {
	if s.Isall || s.Name == "" {
		w.name(NameUse{Op: DeallocateAll})
	} else {
		w.name(NameUse{Op: Deallocate, Name: s.Name})
	}
	w.effectHere(OrdinaryRead, "DEALLOCATE")
}

func (w *walker) closeCursor(name string) {
	if name == "" {
		w.name(NameUse{Op: CloseAll})
	} else {
		w.name(NameUse{Op: CloseCursor, Name: name})
	}
	w.effectHere(OrdinaryRead, "CLOSE")
}

func (w *walker) discard(s *pg.DiscardStmt) {
	switch s.Target {
	case pg.DiscardMode_DISCARD_ALL:
		w.name(NameUse{Op: CloseAll})
		w.name(NameUse{Op: DeallocateAll})
		w.setting(Setting{Name: "*", Reset: true, Position: w.st.Start})
	case pg.DiscardMode_DISCARD_PLANS, pg.DiscardMode_DISCARD_SEQUENCES, pg.DiscardMode_DISCARD_TEMP:
	default:
		w.fail("form of DISCARD is not known")
	}
	w.effectHere(OrdinaryRead, "DISCARD")
}

func (w *walker) transaction(s *pg.TransactionStmt) {
	switch s.Kind {
	case pg.TransactionStmtKind_TRANS_STMT_PREPARE, pg.TransactionStmtKind_TRANS_STMT_COMMIT_PREPARED,
		pg.TransactionStmtKind_TRANS_STMT_ROLLBACK_PREPARED:
		w.effectHere(OrdinaryWrite, "two-phase commit")
	case pg.TransactionStmtKind_TRANSACTION_STMT_KIND_UNDEFINED:
		w.fail("form of transaction statement is not known")
	default:
		w.effectHere(OrdinaryRead, "transaction control")
	}
}

// lock judges LOCK TABLE. The weakest mode is what any SELECT takes, and what
// pg_dump asks for.
func (w *walker) lock(s *pg.LockStmt) {
	const accessShare = 1
	kind := OrdinaryWrite
	if s.Mode == accessShare {
		kind = OrdinaryRead
	}
	w.effectHere(kind, "LOCK TABLE")
	w.children(s)
}
