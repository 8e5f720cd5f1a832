package statement

import (
	pg "github.com/pganalyze/pg_query_go/v6"
)

// queryStatement judges statements that read and write rows.
func (w *walker) queryStatement(node *pg.Node) bool {
	switch n := node.Node.(type) {
	case *pg.Node_SelectStmt:
		w.effectHere(OrdinaryRead, "SELECT")
		w.selectStmt(n.SelectStmt)
	case *pg.Node_InsertStmt:
		w.insert(n.InsertStmt)
	case *pg.Node_UpdateStmt:
		w.modify("UPDATE", n.UpdateStmt.Relation, n.UpdateStmt.WithClause, n.UpdateStmt)
	case *pg.Node_DeleteStmt:
		w.modify("DELETE", n.DeleteStmt.Relation, n.DeleteStmt.WithClause, n.DeleteStmt)
	case *pg.Node_MergeStmt:
		w.merge(n.MergeStmt)
	case *pg.Node_TruncateStmt:
		w.markAll(n.TruncateStmt.Relations, Write)
		w.effectHere(OrdinaryWrite, "TRUNCATE")
		w.children(n.TruncateStmt)
	case *pg.Node_CopyStmt:
		w.copyStmt(n.CopyStmt)
	case *pg.Node_CreateTableAsStmt:
		w.tableAs(n.CreateTableAsStmt)
	case *pg.Node_RefreshMatViewStmt:
		w.mark(n.RefreshMatViewStmt.Relation, Write)
		w.effectHere(InternalCopy, "REFRESH MATERIALIZED VIEW")
		w.children(n.RefreshMatViewStmt)
	case *pg.Node_ExplainStmt:
		w.effectHere(OrdinaryRead, "EXPLAIN")
		w.children(n.ExplainStmt)
	default:
		return false
	}
	return true
}

func (w *walker) markAll(nodes []*pg.Node, access Access) {
	for _, n := range nodes {
		w.mark(n.GetRangeVar(), access)
	}
}

// selectStmt walks a SELECT, VALUES or TABLE, or one arm of a set operation.
func (w *walker) selectStmt(s *pg.SelectStmt) {
	if s.IntoClause != nil {
		w.mark(s.IntoClause.Rel, Create)
		w.effect(InternalCopy, "SELECT INTO", int(s.IntoClause.GetRel().GetLocation()))
	}
	before := w.settingsRow
	w.settingsRow = w.settingsRowOf(s)
	w.body(s.WithClause, s)
	w.settingsRow = before
}

// body walks a statement that may begin with WITH.
func (w *walker) body(clause *pg.WithClause, message any) {
	w.scoped(clause, func() { w.children(message) })
}

// modify walks an UPDATE or DELETE.
func (w *walker) modify(what string, target *pg.RangeVar, clause *pg.WithClause, message any) {
	w.mark(target, Write)
	w.effectHere(OrdinaryWrite, what)
	w.body(clause, message)
}

// insert judges INSERT: with a SELECT that meets a relation it duplicates
// data. Look-ups in VALUES are single rows and stay ordinary.
func (w *walker) insert(s *pg.InsertStmt) {
	w.mark(s.Relation, Write)
	w.effectHere(OrdinaryWrite, "INSERT")
	values := len(s.GetSelectStmt().GetSelectStmt().GetValuesLists()) > 0
	before := w.touched
	w.scoped(s.WithClause, func() {
		w.walkNode(s.SelectStmt)
		if w.touched > before && !values {
			w.effectHere(InternalCopy, "INSERT ... SELECT")
		}
		w.children(&pg.InsertStmt{
			Relation: s.Relation, Cols: s.Cols,
			OnConflictClause: s.OnConflictClause, ReturningList: s.ReturningList,
		})
	})
}

// merge judges MERGE: one that inserts from a relation duplicates data.
func (w *walker) merge(s *pg.MergeStmt) {
	w.mark(s.Relation, Write)
	w.effectHere(OrdinaryWrite, "MERGE")
	before := w.touched
	w.scoped(s.WithClause, func() {
		w.walkNode(s.SourceRelation)
		if w.touched > before && inserts(s.MergeWhenClauses) {
			w.effectHere(InternalCopy, "MERGE ... INSERT")
		}
		w.children(s)
	})
}

func inserts(clauses []*pg.Node) bool {
	for _, c := range clauses {
		if c.GetMergeWhenClause().GetCommandType() == pg.CmdType_CMD_INSERT {
			return true
		}
	}
	return false
}

// tableAs judges CREATE TABLE AS, CREATE MATERIALIZED VIEW and SELECT INTO.
func (w *walker) tableAs(s *pg.CreateTableAsStmt) {
	w.mark(s.GetInto().GetRel(), Create)
	what := "CREATE TABLE AS"
	if s.Objtype == pg.ObjectType_OBJECT_MATVIEW {
		what = "CREATE MATERIALIZED VIEW"
	}
	w.effectHere(InternalCopy, what)
	w.children(s)
}
