package statement

import (
	"strconv"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// lineage builds Queries. It asks what each name could mean nowhere, but
// keeps every name with its place.
type lineage struct {
	parts int
	// open is the first reason why the query cannot be described.
	open string
	// naming is the sub-select that lends its name to the target being
	// built, and named its number there.
	naming *pg.SubLink
	named  int
	// tells is true once there is something that a catalog could tell of.
	tells bool
}

// lineageOf describes a statement that yields or writes rows; nil for others.
func lineageOf(node *pg.Node) *Query {
	l := &lineage{}
	q := l.statement(node)
	switch {
	case q == nil:
		return nil
	case l.open != "":
		q = &Query{Open: l.open}
	}
	q.Weight, q.Bare = l.parts+1, q.Open == "" && !l.tells
	return q
}

// part counts a part, and gives up at too many.
func (l *lineage) part() bool {
	l.parts++
	if l.parts > mostParts {
		l.giveUp(openLarge)
	}
	return l.open == ""
}

func (l *lineage) giveUp(why string) {
	if l.open == "" {
		l.open = why
	}
}

// statement describes a statement, or nil if it has no rows of its own.
func (l *lineage) statement(node *pg.Node) *Query {
	switch n := node.GetNode().(type) {
	case *pg.Node_SelectStmt:
		return l.query(n.SelectStmt)
	case *pg.Node_InsertStmt:
		return l.insert(n.InsertStmt)
	case *pg.Node_UpdateStmt:
		return l.update(n.UpdateStmt)
	case *pg.Node_DeleteStmt:
		return l.delete(n.DeleteStmt)
	case *pg.Node_MergeStmt:
		return l.merge(n.MergeStmt)
	case *pg.Node_CopyStmt:
		return l.copy(n.CopyStmt)
	case *pg.Node_CreateTableAsStmt:
		return l.made(n.CreateTableAsStmt.Query, n.CreateTableAsStmt.GetInto().GetRel(), n.CreateTableAsStmt.GetInto().GetColNames())
	case *pg.Node_ViewStmt:
		return l.made(n.ViewStmt.Query, n.ViewStmt.View, n.ViewStmt.Aliases)
	case *pg.Node_PrepareStmt:
		return l.statement(n.PrepareStmt.Query)
	case *pg.Node_DeclareCursorStmt:
		return l.statement(n.DeclareCursorStmt.Query)
	case *pg.Node_ExplainStmt:
		q := &Query{Explained: l.statement(n.ExplainStmt.Query), Targets: []Target{{Name: "QUERY PLAN"}}}
		if q.Explained == nil {
			q.Explained = &Query{Open: openUnknown}
		}
		return q
	case *pg.Node_ExecuteStmt:
		q := &Query{Named: true}
		q.look(l.exprOf(n.ExecuteStmt.Params...))
		return q
	case *pg.Node_FetchStmt:
		return &Query{Named: true}
	case *pg.Node_CallStmt:
		return &Query{Open: openCall}
	}
	return nil
}

// made is a query whose rows become a relation.
func (l *lineage) made(query *pg.Node, rel *pg.RangeVar, columns []*pg.Node) *Query {
	q := l.statement(query)
	if q == nil {
		q = &Query{Open: openUnknown}
	}
	q.Into = into(rel, columns)
	return q
}

func into(rel *pg.RangeVar, columns []*pg.Node) *Into {
	return &Into{Schema: rel.GetSchemaname(), Name: rel.GetRelname(), Columns: nameList(columns)}
}

// query describes a SELECT, VALUES, TABLE or set operation.
func (l *lineage) query(s *pg.SelectStmt) *Query {
	q := &Query{}
	if s == nil {
		l.giveUp(openUnknown)
	}
	if !l.part() {
		return q
	}
	l.with(q, s.WithClause)
	if s.IntoClause != nil {
		q.Into = into(s.IntoClause.Rel, s.IntoClause.ColNames)
	}
	switch {
	case s.Op != pg.SetOperation_SETOP_NONE:
		q.Left, q.Right = l.query(s.Larg), l.query(s.Rarg)
		if q.Into == nil { // the grammar has INTO in the first arm
			q.Into, q.Left.Into = q.Left.Into, nil
		}
	case len(s.ValuesLists) > 0:
		l.values(q, s.ValuesLists)
	default:
		q.From = l.items(s.FromClause)
		q.Targets = l.targets(s.TargetList)
	}
	l.looks(q, s)
	return q
}

// looks describes what decides which rows of a query come.
func (l *lineage) looks(q *Query, s *pg.SelectStmt) {
	q.look(l.exprOf(s.WhereClause))
	q.look(l.exprOf(s.HavingClause))
	q.look(l.exprOf(s.WindowClause...))
	q.look(l.exprOf(s.LimitOffset, s.LimitCount))
	q.look(l.labels(s.GroupClause))
	q.look(l.labels(s.DistinctClause))
	q.look(l.labels(s.SortClause))
}

// look keeps an expression that is not empty.
func (q *Query) look(e Expr) {
	if !e.empty() {
		q.Looks = append(q.Looks, e)
	}
}

func (e *Expr) empty() bool {
	return e == nil || len(e.Refs) == 0 && len(e.Queries) == 0 && len(e.Calls) == 0 && e.Looks.empty()
}

// labels describes a list in which a bare name may be that of a column of the
// result.
func (l *lineage) labels(nodes []*pg.Node) (all Expr) {
	for _, n := range nodes {
		expr := n
		if by := n.GetSortBy(); by != nil {
			l.operator(&all, by.UseOp)
			expr = by.Node
		}
		if ref := expr.GetColumnRef(); ref != nil && len(ref.Fields) == 1 && !star(ref.Fields) {
			l.part()
			all.Refs = append(all.Refs, Ref{Names: nameList(ref.Fields), Label: true})
			continue
		}
		l.into(&all, expr)
	}
	return all
}

// values describes VALUES: a column is made of what any row has there.
func (l *lineage) values(q *Query, rows []*pg.Node) {
	for i, row := range rows {
		items := row.GetList().GetItems()
		if i == 0 {
			q.Targets = make([]Target, len(items))
		}
		if len(items) != len(q.Targets) {
			l.giveUp(openUnknown)
			return
		}
		for k, n := range items {
			if ref := n.GetColumnRef(); ref != nil && star(ref.Fields) {
				l.giveUp(openUnknown)
				return
			}
			l.into(&q.Targets[k].Value, n)
		}
	}
	for k := range q.Targets {
		q.Targets[k].Name = "column" + strconv.Itoa(k+1)
	}
}

// with describes the common table expressions of a WITH.
func (l *lineage) with(q *Query, clause *pg.WithClause) {
	q.Recursive = clause.GetRecursive()
	for _, n := range clause.GetCtes() {
		c := n.GetCommonTableExpr()
		inner := l.statement(c.GetCtequery())
		if inner == nil {
			l.giveUp(openUnknown)
		}
		cte := CTE{Name: c.GetCtename(), Columns: nameList(c.GetAliascolnames()), Query: inner}
		if s := c.GetSearchClause(); s != nil {
			cte.Added = append(cte.Added, Added{s.SearchSeqColumn, nameList(s.SearchColList)})
		}
		if s := c.GetCycleClause(); s != nil {
			cte.Added = append(cte.Added, Added{s.CycleMarkColumn, nameList(s.CycleColList)}, Added{s.CyclePathColumn, nameList(s.CycleColList)})
		}
		q.With = append(q.With, cte)
	}
}

// queryOf is the query of a statement that was judged. What stands behind a
// name that it gives was described for that name.
func queryOf(node *pg.Node, st *Statement) *Query {
	for i := range st.Names {
		if inner := st.Names[i].Inner; inner != nil && len(st.Names) == 1 {
			return inner.Query
		}
	}
	return lineageOf(node)
}
