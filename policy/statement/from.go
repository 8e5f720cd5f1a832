package statement

import (
	pg "github.com/pganalyze/pg_query_go/v6"
)

// level is what one query can name in its expressions: the items of its FROM,
// and behind them those of the queries around it.
type level struct {
	outer *level
	items []*item
	// target is what RETURNING calls old and new, as PostgreSQL 18 does,
	// and what rules and triggers call so.
	target *item
}

// item is one thing in a FROM clause, or the target of a statement that
// writes.
type item struct {
	// alias is the name it goes by, schema what was written before it.
	alias, schema string
	// plain is true for a relation without an alias: only that one goes by
	// a name with a schema too.
	plain bool
	// relation is the relation it is, with an empty name if it is not one.
	relation origin
	// renamed are column names given by the alias of a relation or join.
	renamed map[string]bool
	// output is what a sub-select, a common table expression or a function
	// returns; nil for a relation.
	output *rowType
	// parts are the items of a join with an alias.
	parts []*item
	// merged are the columns that USING joined, when the item stands for
	// them.
	merged map[string]bool
	// hidden items are only found by their name: a join that has an alias,
	// and excluded.
	hidden bool
	// known is true for excluded: its values are the client's own.
	known bool
}

// rowType is what the text tells of the columns of a query.
type rowType struct {
	columns []field
	// open is true if it may have columns of other names.
	open bool
	// stars are the relations all columns of which are among them.
	stars []origin
}

// field is a column of a row type and where its values come from as they are.
// What is computed from other columns has no origins; those are recorded
// where they are computed.
type field struct {
	name string
	from []origin
}

func (r *rowType) field(name string) (field, bool) {
	for _, f := range r.columns {
		if f.name == name {
			return f, true
		}
	}
	return field{}, false
}

func (r *rowType) mayHave(name string) bool {
	_, has := r.field(name)
	return has || r.open
}

// rename gives the first columns the names of an alias.
func (r *rowType) rename(names []string) *rowType {
	if len(names) == 0 {
		return r
	}
	out := &rowType{open: r.open, stars: r.stars}
	if !r.open {
		out.columns = append(out.columns, r.columns...)
	}
	for i, name := range names {
		if i < len(out.columns) {
			out.columns[i].name = name
		} else {
			out.columns = append(out.columns, field{name: name})
		}
	}
	return out
}

// nested walks a query of its own.
func (w *walker) nested(body func()) {
	before := w.level
	w.level = &level{outer: before}
	body()
	w.level = before
}

// in adds an item to the query being walked.
func (w *walker) in(i *item) *item {
	w.level.items = append(w.level.items, i)
	return i
}

// from walks the items of a FROM clause, from left to right.
func (w *walker) from(nodes []*pg.Node) {
	for _, n := range nodes {
		w.fromItem(n)
	}
}

func (w *walker) fromItem(n *pg.Node) {
	switch f := n.GetNode().(type) {
	case *pg.Node_RangeVar:
		w.visit(f.RangeVar)
		w.in(w.relationItem(f.RangeVar))
	case *pg.Node_RangeSubselect:
		w.fromQuery(f.RangeSubselect)
	case *pg.Node_JoinExpr:
		w.join(f.JoinExpr)
	case *pg.Node_RangeTableSample:
		w.fromItem(f.RangeTableSample.Relation)
		w.visit(f.RangeTableSample)
		w.except(f.RangeTableSample, "Relation")
	case *pg.Node_RangeFunction:
		w.children(f.RangeFunction)
		w.in(functionItem(f.RangeFunction))
	case *pg.Node_RangeTableFunc:
		w.children(f.RangeTableFunc)
		w.in(&item{alias: f.RangeTableFunc.GetAlias().GetAliasname(), output: (&rowType{open: true}).rename(aliasColumns(f.RangeTableFunc.Alias))})
	case *pg.Node_JsonTable:
		w.children(f.JsonTable)
		w.in(&item{alias: f.JsonTable.GetAlias().GetAliasname(), output: (&rowType{open: true}).rename(aliasColumns(f.JsonTable.Alias))})
	default:
		w.walkNode(n)
	}
}

func aliasColumns(a *pg.Alias) []string { return strs(a.GetColnames()) }

// relationItem is a relation or common table expression under its name.
func (w *walker) relationItem(rv *pg.RangeVar) *item {
	names := aliasColumns(rv.Alias)
	i := &item{alias: rv.Relname, schema: rv.Schemaname}
	if a := rv.GetAlias().GetAliasname(); a != "" {
		i.alias, i.schema = a, ""
	}
	if _, marked := w.access[rv]; !marked && rv.Schemaname == "" {
		if cte := w.scope.find(rv.Relname); cte != nil {
			i.output = (&rowType{open: true}).rename(names)
			if cte.output != nil {
				i.output = cte.output.rename(names)
			}
			return i
		}
	}
	i.plain = rv.GetAlias().GetAliasname() == ""
	i.relation = origin{schema: rv.Schemaname, relation: rv.Relname}
	i.renamed = nameSet(names)
	return i
}

// functionItem: the columns of a function are known if they are listed. A
// function of one column gives it the name of the alias or its own.
func functionItem(f *pg.RangeFunction) *item {
	out := &rowType{open: true}
	for _, n := range f.Coldeflist {
		out.columns = append(out.columns, field{name: n.GetColumnDef().GetColname()})
		out.open = f.Ordinality || f.IsRowsfrom
	}
	i := &item{alias: f.GetAlias().GetAliasname()}
	if i.alias == "" && len(f.Functions) > 0 {
		if parts := f.Functions[0].GetList().GetItems(); len(parts) > 0 {
			_, i.alias = qualified(parts[0].GetFuncCall().GetFuncname())
		}
	}
	i.output = out.rename(aliasColumns(f.Alias))
	return i
}

// fromQuery walks a sub-select in FROM. Without LATERAL it does not see the
// items beside it.
func (w *walker) fromQuery(q *pg.RangeSubselect) {
	here := w.level
	if !q.Lateral {
		w.level = here.outer
	}
	w.result = nil
	w.walkNode(q.Subquery)
	out := w.result
	w.level = here
	if out == nil {
		out = &rowType{open: true}
	}
	w.in(&item{alias: q.GetAlias().GetAliasname(), output: out.rename(aliasColumns(q.Alias))})
}

// join walks a join: its sides, then its condition. USING and NATURAL compare
// columns of both sides. An alias hides the names of the sides, but not their
// columns.
func (w *walker) join(j *pg.JoinExpr) {
	start := len(w.level.items)
	w.fromItem(j.Larg)
	w.fromItem(j.Rarg)
	sides := append([]*item(nil), w.level.items[start:]...)
	w.using(Used, func() {
		for _, name := range strs(j.UsingClause) {
			w.mergeSides(sides, name)
		}
		if j.IsNatural {
			for _, i := range sides {
				w.whole(i, -1)
			}
		}
	})
	w.except(j, "Larg", "Rarg", "UsingClause")
	if a := j.GetJoinUsingAlias().GetAliasname(); a != "" {
		w.in(&item{alias: a, parts: sides, hidden: true})
	}
	if a := j.GetAlias().GetAliasname(); a != "" {
		renamed := nameSet(aliasColumns(j.Alias))
		for _, i := range sides {
			i.alias, i.plain = "", false
			if i.renamed == nil {
				i.renamed = renamed
			}
		}
		w.in(&item{alias: a, parts: sides, renamed: renamed, hidden: true})
	}
}

// mergeSides notes a column of a USING clause, which from now on means that
// of either side.
func (w *walker) mergeSides(sides []*item, name string) {
	for _, i := range sides {
		if i.hidden || i.output != nil && !i.output.mayHave(name) {
			continue
		}
		w.note(w.columnOf(i, name), -1)
		if i.merged == nil {
			i.merged = map[string]bool{}
		}
		i.merged[name] = true
	}
}

func nameSet(names []string) map[string]bool {
	if len(names) == 0 {
		return nil
	}
	return setOf(names...)
}
