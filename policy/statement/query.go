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
		w.update(n.UpdateStmt)
	case *pg.Node_DeleteStmt:
		w.delete(n.DeleteStmt)
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
		w.options(n.ExplainStmt.Options)
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
	if s == nil {
		w.fail("an arm of a set operation is missing")
		return
	}
	if s.IntoClause != nil {
		w.mark(s.IntoClause.Rel, Create)
		w.effect(InternalCopy, "SELECT INTO", int(s.IntoClause.GetRel().GetLocation()))
	}
	before := w.settingsRow
	w.settingsRow = w.settingsRowOf(s)
	w.scoped(s.WithClause, func() { w.nested(func() { w.selectBody(s) }) })
	w.settingsRow = before
}

// selectBody walks FROM first, since everything else names what is in it.
func (w *walker) selectBody(s *pg.SelectStmt) {
	w.from(s.FromClause)
	if s.Op != pg.SetOperation_SETOP_NONE {
		w.selectStmt(s.Larg)
		out := w.result // the left arm names the columns
		w.selectStmt(s.Rarg)
		w.outputNames(s, out)
		w.except(s, "FromClause", "Larg", "Rarg")
		w.result = out
		return
	}
	out := w.rowTypeOf(s.TargetList)
	if len(s.ValuesLists) > 0 {
		out = valuesType(s.ValuesLists)
	}
	w.outputNames(s, out)
	w.except(s, "FromClause")
	w.result = out
}

// target walks the relation a statement writes and puts it in sight.
func (w *walker) target(rv *pg.RangeVar) *item {
	if rv == nil {
		w.fail("statement names no relation to write")
		rv = &pg.RangeVar{}
	}
	w.mark(rv, Write)
	w.visit(rv)
	i := w.relationItem(rv)
	w.level.target = i
	return w.in(i)
}

// written notes the columns that are given a value, and walks the values.
func (w *walker) written(i *item, targets []*pg.Node) {
	for _, n := range targets {
		t := n.GetResTarget()
		if t == nil {
			continue
		}
		o := origin{i.relation.schema, i.relation.relation, t.Name}
		w.column(o, Written, int(t.Location))
		w.assigned = o
		w.children(t)
		w.assigned = origin{}
	}
}

func (w *walker) update(s *pg.UpdateStmt) {
	w.effectHere(OrdinaryWrite, "UPDATE")
	w.scoped(s.WithClause, func() {
		w.nested(func() {
			i := w.target(s.Relation)
			w.from(s.FromClause)
			w.written(i, s.TargetList)
			w.except(s, "Relation", "FromClause", "TargetList")
			w.result = w.rowTypeOf(s.ReturningList)
		})
	})
}

func (w *walker) delete(s *pg.DeleteStmt) {
	w.effectHere(OrdinaryWrite, "DELETE")
	w.scoped(s.WithClause, func() {
		w.nested(func() {
			w.target(s.Relation)
			w.from(s.UsingClause)
			w.except(s, "Relation", "UsingClause")
			w.result = w.rowTypeOf(s.ReturningList)
		})
	})
}

// insert judges INSERT: with a SELECT that meets a relation it duplicates
// data. Look-ups in VALUES are single rows and stay ordinary.
func (w *walker) insert(s *pg.InsertStmt) {
	w.effectHere(OrdinaryWrite, "INSERT")
	values := len(s.GetSelectStmt().GetSelectStmt().GetValuesLists()) > 0
	before := w.touched
	w.scoped(s.WithClause, func() {
		w.walkNode(s.SelectStmt)
		if w.touched > before && !values {
			w.effectHere(InternalCopy, "INSERT ... SELECT")
		}
		w.nested(func() { w.inserted(s) })
	})
}

// inserted walks the target of an INSERT, with ON CONFLICT and RETURNING.
func (w *walker) inserted(s *pg.InsertStmt) {
	i := w.target(s.Relation)
	w.written(i, s.Cols)
	if len(s.Cols) == 0 && s.SelectStmt != nil {
		w.column(origin{schema: i.relation.schema, relation: i.relation.relation}, Written, int(s.GetRelation().GetLocation()))
	}
	if c := s.OnConflictClause; c != nil {
		items := w.level.items
		w.in(&item{alias: "excluded", relation: i.relation, hidden: true, known: true})
		if c.Action != pg.OnConflictAction_ONCONFLICT_NOTHING {
			w.effectHere(OrdinaryWrite, "ON CONFLICT DO UPDATE")
		}
		w.written(i, c.TargetList)
		w.except(c, "TargetList")
		w.level.items = items
	}
	w.except(s, "Relation", "Cols", "SelectStmt", "OnConflictClause")
	w.result = w.rowTypeOf(s.ReturningList)
}

// merge judges MERGE: one that inserts from a relation duplicates data.
func (w *walker) merge(s *pg.MergeStmt) {
	w.mark(s.Relation, Write)
	w.effectHere(OrdinaryWrite, "MERGE")
	before := w.touched
	w.scoped(s.WithClause, func() {
		w.nested(func() {
			w.fromItem(s.SourceRelation)
			if w.touched > before && inserts(s.MergeWhenClauses) {
				w.effectHere(InternalCopy, "MERGE ... INSERT")
			}
			i := w.target(s.Relation)
			for _, n := range s.MergeWhenClauses {
				c := n.GetMergeWhenClause()
				w.written(i, c.GetTargetList())
				if c != nil {
					w.except(c, "TargetList")
				}
			}
			w.except(s, "Relation", "SourceRelation", "MergeWhenClauses")
			w.result = w.rowTypeOf(s.ReturningList)
		})
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
