package statement

import (
	pg "github.com/pganalyze/pg_query_go/v6"
)

func (l *lineage) insert(s *pg.InsertStmt) *Query {
	q := &Query{Writes: &Writing{Op: Inserts, Target: relationNamed(s.Relation)}}
	if !l.part() {
		return q
	}
	l.with(q, s.WithClause)
	for _, n := range s.Cols {
		q.Writes.Columns = append(q.Writes.Columns, n.GetResTarget().GetName())
		l.subscripts(q, n.GetResTarget())
	}
	if s.SelectStmt != nil {
		q.Writes.Source = l.statement(s.SelectStmt)
	}
	if c := s.OnConflictClause; c != nil {
		l.sets(q, c.TargetList)
		q.look(l.exprOf(c.WhereClause))
		q.look(l.rest(c.Infer))
	}
	q.Targets = l.targets(s.ReturningList)
	return q
}

func (l *lineage) update(s *pg.UpdateStmt) *Query {
	q := &Query{Writes: &Writing{Op: Updates, Target: relationNamed(s.Relation)}}
	if !l.part() {
		return q
	}
	l.with(q, s.WithClause)
	q.From = l.items(s.FromClause)
	l.sets(q, s.TargetList)
	q.look(l.exprOf(s.WhereClause))
	q.Targets = l.targets(s.ReturningList)
	return q
}

func (l *lineage) delete(s *pg.DeleteStmt) *Query {
	q := &Query{Writes: &Writing{Op: Deletes, Target: relationNamed(s.Relation)}}
	if !l.part() {
		return q
	}
	l.with(q, s.WithClause)
	q.From = l.items(s.UsingClause)
	q.look(l.exprOf(s.WhereClause))
	q.Targets = l.targets(s.ReturningList)
	return q
}

func (l *lineage) merge(s *pg.MergeStmt) *Query {
	q := &Query{Writes: &Writing{Op: Merges, Target: relationNamed(s.Relation)}}
	if !l.part() {
		return q
	}
	l.with(q, s.WithClause)
	q.From = l.items([]*pg.Node{s.SourceRelation})
	q.look(l.exprOf(s.JoinCondition))
	for _, n := range s.MergeWhenClauses {
		c := n.GetMergeWhenClause()
		q.look(l.exprOf(c.GetCondition()))
		if c.GetCommandType() != pg.CmdType_CMD_INSERT {
			l.sets(q, c.GetTargetList())
			continue
		}
		for i, v := range c.GetValues() {
			set := Set{Num: i + 1, Value: l.exprOf(v)}
			if i < len(c.TargetList) {
				set.Column = c.TargetList[i].GetResTarget().GetName()
			}
			q.Writes.Sets = append(q.Writes.Sets, set)
		}
	}
	q.Targets = l.targets(s.ReturningList)
	return q
}

// sets describes SET column = value.
func (l *lineage) sets(q *Query, targets []*pg.Node) {
	for _, n := range targets {
		t := n.GetResTarget()
		q.Writes.Sets = append(q.Writes.Sets, Set{Column: t.GetName(), Value: l.exprOf(t.GetVal())})
		l.subscripts(q, t)
	}
}

// subscripts describes what chooses the part of a column that is written.
func (l *lineage) subscripts(q *Query, t *pg.ResTarget) { q.look(l.exprOf(t.GetIndirection()...)) }

// copy describes COPY. That of a relation takes neither its children nor its
// generated columns.
func (l *lineage) copy(s *pg.CopyStmt) *Query {
	if s.Query != nil {
		q := l.statement(s.Query)
		if q == nil {
			l.giveUp(openUnknown)
			return &Query{}
		}
		return q
	}
	if s.IsFrom {
		q := &Query{Writes: &Writing{Op: Copies, Target: relationNamed(s.Relation), Columns: nameList(s.Attlist)}}
		q.look(l.exprOf(s.WhereClause))
		return q
	}
	q := &Query{From: []Item{relationNamed(s.Relation)}, Stored: true}
	for _, name := range nameList(s.Attlist) {
		l.part()
		q.Targets = append(q.Targets, Target{Name: name, Plain: true, Value: Expr{Refs: []Ref{{Names: []string{name}}}}})
	}
	if len(q.Targets) == 0 {
		q.Targets = []Target{{Star: true, Value: Expr{Refs: []Ref{{Star: true}}}}}
	}
	return q
}
