package statement

import (
	"errors"
	"fmt"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"
)

// CarrySource is what a COPY TO 'sluice://...' reads: a relation, or the rows of
// a query. It holds what the client wrote, and is not to be recorded.
type CarrySource struct {
	// Schema and Name are the relation as it was written; Name is empty for a
	// query that is more than the rows of one.
	Schema, Name string
	// Columns are those listed, nil for all.
	Columns []string
	// Filter is the condition of SELECT * FROM relation WHERE condition, as SQL.
	Filter string
	// Only is true for such a query that says FROM ONLY.
	Only bool
	// Query is any other query, as SQL.
	Query string
}

// CarrySources reads what the statements of a text have carried, which have to be
// COPY TO 'sluice://...', all of them. What it returns as SQL parses to the very
// tree that the client's text has. A query that writes, and anything that is not
// understood, is an error in words for people.
func (a *Analyzer) CarrySources(text string) (sources []CarrySource, err error) {
	defer func() {
		if r := recover(); r != nil {
			sources, err = nil, fmt.Errorf("this COPY cannot be carried: reading it failed inside Sluice (%T)", r)
		}
	}()
	if problem := a.bounds(text); problem != nil {
		return nil, errors.New(problem.Message)
	}
	if len(text) > a.opts.InProcessBytes || !crudeCount(text).fits(a.opts) {
		return nil, errors.New("this COPY cannot be carried: it is larger or deeper than what may be parsed in this process; make a view of its query and copy that")
	}
	tokens, err := scan(text)
	if err != nil {
		return nil, errors.New("this COPY cannot be carried: it cannot be read")
	}
	tree, err := pg.Parse(blank(text, tokens))
	if err != nil {
		return nil, errors.New("this COPY cannot be carried: it cannot be read")
	}
	for _, raw := range tree.Stmts {
		source, err := carrySource(raw.GetStmt().GetCopyStmt(), tree.Version)
		if err != nil {
			return nil, fmt.Errorf("this COPY cannot be carried: %w", err)
		}
		sources = append(sources, source)
	}
	return sources, nil
}

func carrySource(s *pg.CopyStmt, version int32) (CarrySource, error) {
	switch {
	case s == nil || s.IsFrom || s.IsProgram || !strings.HasPrefix(s.Filename, carryScheme):
		return CarrySource{}, errors.New("the text holds something else, too")
	case s.Relation != nil:
		return CarrySource{Schema: s.Relation.Schemaname, Name: s.Relation.Relname, Columns: strs(s.Attlist)}, nil
	}
	query := s.Query.GetSelectStmt()
	switch {
	case query == nil:
		return CarrySource{}, errors.New("its query is no SELECT")
	case query.IntoClause != nil:
		return CarrySource{}, errors.New("its query makes a table")
	case len(query.LockingClause) > 0:
		return CarrySource{}, errors.New("its query locks rows")
	case writes(query):
		return CarrySource{}, errors.New("its query writes")
	}
	if source, is, err := rowsOfOne(query, version); is || err != nil {
		return source, err
	}
	sql, err := faithfully(s.Query, version)
	return CarrySource{Query: sql}, err
}

// rowsOfOne reads SELECT * FROM relation WHERE condition, or TABLE relation: the
// copy then has all that the table has, its keys above all.
func rowsOfOne(query *pg.SelectStmt, version int32) (CarrySource, bool, error) {
	if len(query.FromClause) != 1 || len(query.TargetList) != 1 {
		return CarrySource{}, false, nil
	}
	from, fields := query.FromClause[0].GetRangeVar(), query.TargetList[0].GetResTarget().GetVal().GetColumnRef().GetFields()
	plain := &pg.SelectStmt{
		TargetList: query.TargetList, FromClause: query.FromClause, WhereClause: query.WhereClause,
		LimitOption: query.LimitOption, Op: query.Op,
	}
	if from == nil || from.Alias != nil || len(fields) != 1 || fields[0].GetAStar() == nil || !proto.Equal(plain, query) {
		return CarrySource{}, false, nil
	}
	source := CarrySource{Schema: from.Schemaname, Name: from.Relname, Only: !from.Inh}
	if query.WhereClause == nil {
		return source, true, nil
	}
	const begin = "SELECT WHERE "
	condition := &pg.SelectStmt{WhereClause: query.WhereClause, LimitOption: query.LimitOption, Op: query.Op}
	sql, err := faithfully(&pg.Node{Node: &pg.Node_SelectStmt{SelectStmt: condition}}, version)
	if err == nil && !strings.HasPrefix(sql, begin) {
		err = errUnfaithful
	}
	source.Filter = strings.TrimPrefix(sql, begin)
	return source, true, err
}

var errUnfaithful = errors.New("written as SQL, its query would mean something else; make a view of it and copy that")

// faithfully writes a statement as SQL that parses to the same tree. version is that
// of the tree.
func faithfully(n *pg.Node, version int32) (string, error) {
	meant := withoutPlaces(&pg.ParseResult{Version: version, Stmts: []*pg.RawStmt{{Stmt: n}}})
	sql, err := pg.Deparse(meant)
	if err != nil {
		return "", errors.New("its query cannot be written as SQL; make a view of it and copy that")
	}
	again, err := pg.Parse(sql)
	if err != nil || !proto.Equal(withoutPlaces(again), meant) {
		return "", errUnfaithful
	}
	return sql, nil
}
