package statement

import (
	"errors"
	"fmt"
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// RewriteCopy puts static masks into a COPY TO STDOUT, so that what they hide
// never leaves the server:
//
//	COPY t TO STDOUT            COPY (SELECT a, NULL::text AS b FROM ONLY s.t) TO STDOUT
//	COPY (query) TO STDOUT      COPY (SELECT q.c1 AS a, NULL::text AS b FROM (query) AS q(c1, c2)) TO STDOUT
//
// The columns are those of the result in its order: for a table without a list
// of columns all that it has but generated ones, in the order of their numbers.
// What is not among them does not leave: a column that was added meanwhile, or
// one of a query with a star.
// source is the relation of a COPY of one, and not looked at for a COPY of a
// query. Options, the order of columns, their names and types stay. So does what
// row security does: the server itself turns COPY of a table with policies into
// the same query, and refuses it where row_security is off. A column whose
// value is not looked at any more needs no SELECT privilege any more.
//
// The result parses to the very tree that was meant, reads nothing that text did
// not, and goes to the client alone. Whatever is not understood is an error in
// words for people, and the stream can still be masked then: several statements,
// a text larger or deeper than what is parsed in this process, a query that
// writes, as many columns as the query has not, or a mask that its column's
// type does not take.
func (a *Analyzer) RewriteCopy(text string, source CopySource, columns []MaskedColumn) (rewritten string, err error) {
	defer func() {
		if r := recover(); r != nil {
			rewritten, err = "", fmt.Errorf("masks cannot be put into this COPY: rewriting failed inside Sluice (%T)", r)
		}
	}()
	rewritten, err = a.rewriteCopy(text, source, columns)
	if err != nil {
		return "", fmt.Errorf("masks cannot be put into this COPY: %w", err)
	}
	return rewritten, nil
}

func (a *Analyzer) rewriteCopy(text string, source CopySource, columns []MaskedColumn) (string, error) {
	before, tree, err := a.copyTree(text)
	if err != nil {
		return "", err
	}
	if len(columns) == 0 {
		return "", errors.New("it has no columns")
	}
	stmt, reads := tree.Stmts[0].Stmt.GetCopyStmt(), relationNames(before.Relations)
	if stmt.Relation != nil {
		reads = []Relation{{Schema: source.Schema, Name: source.Name, Access: Read}}
		err = maskTable(stmt, source, columns)
	} else {
		err = maskQuery(stmt, columns)
	}
	if err != nil {
		return "", err
	}
	spellOut(stmt.Options)
	meant := withoutPlaces(tree)
	rewritten, err := pg.Deparse(meant)
	if err != nil {
		return "", errors.New("the rewritten statement cannot be written as SQL")
	}
	if problem := a.bounds(rewritten); problem != nil {
		return "", errors.New("rewritten, it is " + problem.Message)
	}
	if err := checkRewritten(rewritten, meant, before, reads); err != nil {
		return "", err
	}
	return rewritten, nil
}

// copyTree reads a text that has to be one COPY TO STDOUT.
func (a *Analyzer) copyTree(text string) (*Statement, *pg.ParseResult, error) {
	if problem := a.bounds(text); problem != nil {
		return nil, nil, errors.New(problem.Message)
	}
	if len(text) > a.opts.InProcessBytes || !crudeCount(text).fits(a.opts) {
		return nil, nil, errors.New("it is larger or deeper than what may be parsed in this process")
	}
	analysis := judge(text)
	switch {
	case analysis.Problem != nil:
		return nil, nil, errors.New(analysis.Problem.Message)
	case len(analysis.Statements) != 1:
		return nil, nil, errors.New("the text has not one statement")
	}
	tokens, err := scan(text)
	if err != nil {
		return nil, nil, errors.New("it cannot be read")
	}
	tree, err := pg.Parse(blank(text, tokens))
	if err != nil || len(tree.Stmts) != 1 {
		return nil, nil, errors.New("it cannot be read")
	}
	stmt := tree.Stmts[0].GetStmt().GetCopyStmt()
	if stmt == nil || stmt.IsFrom || stmt.IsProgram || stmt.Filename != "" || stmt.WhereClause != nil || (stmt.Relation == nil) == (stmt.Query == nil) {
		return nil, nil, errors.New("it is no COPY TO STDOUT")
	}
	return &analysis.Statements[0], tree, nil
}

// maskTable turns a COPY of a relation into one of a query.
func maskTable(stmt *pg.CopyStmt, source CopySource, columns []MaskedColumn) error {
	r := stmt.Relation
	if source.Schema == "" || source.Name != r.Relname || r.Schemaname != "" && r.Schemaname != source.Schema {
		return errors.New("it names another relation than the catalog")
	}
	if listed := strs(stmt.Attlist); len(listed) > 0 && !slices.EqualFunc(listed, columns, func(name string, c MaskedColumn) bool { return name == c.Name }) {
		return errors.New("it lists other columns than the catalog")
	}
	var targets []*pg.Node
	for _, c := range columns {
		value, err := maskExpr(c, columnNode(c.Name))
		if err != nil {
			return err
		}
		targets = append(targets, targetNode(targetName(c), value))
	}
	from := &pg.RangeVar{Schemaname: source.Schema, Relname: source.Name, Inh: !source.Only, Relpersistence: "p"}
	stmt.Relation, stmt.Attlist = nil, nil
	stmt.Query = plainSelect(targets, &pg.Node{Node: &pg.Node_RangeVar{RangeVar: from}})
	return nil
}

// spellOut writes the truth values of options as words, as the newer spelling
// has them: the old one's HEADER is not the same tree when it is read again.
func spellOut(options []*pg.Node) {
	for _, n := range options {
		if e := n.GetDefElem(); e != nil {
			if word, made := truthWord(e.Arg); made {
				e.Arg = nameNode(word)
			}
		}
	}
}

// targetName is the name that a column has to be given. One that is not masked
// has it anyway.
func targetName(c MaskedColumn) string {
	if c.Mask.Kind == MaskNone {
		return ""
	}
	return c.Name
}

// maskQuery puts a query around that of a COPY. The columns inside get names of
// their own, since those of a query need not be unique.
func maskQuery(stmt *pg.CopyStmt, columns []MaskedColumn) error {
	query := stmt.Query.GetSelectStmt()
	switch {
	case query == nil:
		return errors.New("its query is no SELECT")
	case query.IntoClause != nil:
		return errors.New("its query makes a table")
	case writes(query):
		return errors.New("its query writes")
	}
	if n := width(query); n >= 0 && n != len(columns) {
		return fmt.Errorf("its query has %d columns, and %d are known", n, len(columns))
	}
	const alias = "q"
	var targets, names []*pg.Node
	for i, c := range columns {
		inner := fmt.Sprintf("c%d", i+1)
		value, err := maskExpr(c, columnNode(alias, inner))
		if err != nil {
			return err
		}
		targets = append(targets, targetNode(c.Name, value))
		names = append(names, nameNode(inner))
	}
	from := &pg.RangeSubselect{Subquery: stmt.Query, Alias: &pg.Alias{Aliasname: alias, Colnames: names}}
	stmt.Query = plainSelect(targets, &pg.Node{Node: &pg.Node_RangeSubselect{RangeSubselect: from}})
	return nil
}

// writes reports whether a query has a WITH part that is no SELECT. The server
// takes those only at the top.
func writes(query *pg.SelectStmt) bool {
	return slices.ContainsFunc(query.GetWithClause().GetCtes(), func(n *pg.Node) bool {
		return n.GetCommonTableExpr().GetCtequery().GetSelectStmt() == nil
	})
}

// width is how many columns a query has, -1 if the text does not tell.
func width(query *pg.SelectStmt) int {
	for query.Larg != nil {
		query = query.Larg
	}
	if len(query.ValuesLists) > 0 {
		return len(query.ValuesLists[0].GetList().GetItems())
	}
	for _, t := range query.TargetList {
		value := t.GetResTarget().GetVal()
		fields := value.GetColumnRef().GetFields()
		if within := value.GetAIndirection().GetIndirection(); len(within) > 0 {
			fields = within
		}
		if len(fields) > 0 && fields[len(fields)-1].GetAStar() != nil {
			return -1
		}
	}
	return len(query.TargetList)
}
