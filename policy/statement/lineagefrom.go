package statement

import (
	pg "github.com/pganalyze/pg_query_go/v6"
)

// relationNamed is a relation or common table expression as it was named.
func relationNamed(rv *pg.RangeVar) Item {
	return Item{
		Database: rv.GetCatalogname(), Schema: rv.GetSchemaname(), Name: rv.GetRelname(),
		Alias: rv.GetAlias().GetAliasname(), Columns: aliasNames(rv.GetAlias()),
	}
}

// items describes a FROM clause.
func (l *lineage) items(nodes []*pg.Node) []Item {
	if len(nodes) == 0 {
		return nil
	}
	all := make([]Item, 0, len(nodes))
	for _, n := range nodes {
		all = append(all, l.item(n))
	}
	return all
}

func (l *lineage) item(n *pg.Node) (i Item) {
	if !l.part() {
		return i
	}
	switch f := n.GetNode().(type) {
	case *pg.Node_RangeVar:
		return relationNamed(f.RangeVar)
	case *pg.Node_RangeSubselect:
		i = aliased(f.RangeSubselect.Alias)
		i.Lateral = f.RangeSubselect.Lateral
		if i.Query = l.statement(f.RangeSubselect.Subquery); i.Query == nil {
			l.giveUp(openUnknown)
		}
	case *pg.Node_JoinExpr:
		i = aliased(f.JoinExpr.Alias)
		i.Join = l.join(f.JoinExpr)
	case *pg.Node_RangeTableSample:
		i = l.item(f.RangeTableSample.Relation)
		looks := l.exprOf(f.RangeTableSample.Args...)
		l.into(&looks, f.RangeTableSample.Repeatable)
		i.Looks = &looks
	case *pg.Node_RangeFunction:
		i = l.function(f.RangeFunction)
	case *pg.Node_RangeTableFunc:
		i = aliased(f.RangeTableFunc.Alias)
		i.Table = l.xmlTable(f.RangeTableFunc)
	case *pg.Node_JsonTable:
		i = aliased(f.JsonTable.Alias)
		i.Table = &Made{From: l.rest(f.JsonTable), Columns: jsonColumns(f.JsonTable.Columns, nil)}
	default:
		l.giveUp(openUnknown)
	}
	return i
}

func aliased(a *pg.Alias) Item {
	return Item{Alias: a.GetAliasname(), Columns: aliasNames(a)}
}

func (l *lineage) join(j *pg.JoinExpr) *Join {
	out := &Join{
		Left: l.item(j.Larg), Right: l.item(j.Rarg),
		Full:      j.Jointype == pg.JoinType_JOIN_FULL,
		LeftOnly:  j.Jointype == pg.JoinType_JOIN_LEFT,
		RightOnly: j.Jointype == pg.JoinType_JOIN_RIGHT,
		Using:     nameList(j.UsingClause), Natural: j.IsNatural,
		UsingAlias: j.GetJoinUsingAlias().GetAliasname(),
	}
	if j.Quals != nil {
		on := l.exprOf(j.Quals)
		out.On = &on
	}
	return out
}

// function describes functions in FROM.
func (l *lineage) function(f *pg.RangeFunction) Item {
	i := aliased(f.Alias)
	i.Lateral, i.Ordinality = true, f.Ordinality
	for _, n := range f.Functions {
		parts := n.GetList().GetItems()
		if len(parts) == 0 {
			l.giveUp(openUnknown)
			continue
		}
		columns := f.Coldeflist
		if len(parts) > 1 && len(parts[1].GetList().GetItems()) > 0 {
			columns = parts[1].GetList().GetItems()
		}
		i.Functions = append(i.Functions, l.rows(parts[0], columns)...)
	}
	return i
}

// rows describes one function in FROM. unnest of several arrays stands for
// several of one.
func (l *lineage) rows(n *pg.Node, columns []*pg.Node) []Rows {
	call := n.GetFuncCall()
	if schema, name := qualified(call.GetFuncname()); name == "unnest" && len(call.Args) > 1 && (schema == "" || schema == "pg_catalog") {
		var all []Rows
		for _, arg := range call.Args {
			one := &pg.FuncCall{Funcname: call.Funcname, Args: []*pg.Node{arg}}
			all = append(all, l.rows(&pg.Node{Node: &pg.Node_FuncCall{FuncCall: one}}, nil)...)
		}
		return all
	}
	r := Rows{Call: l.exprOf(n), Scalar: call == nil}
	r.Name, _ = l.nameOf(n)
	for _, c := range columns {
		r.Columns = append(r.Columns, c.GetColumnDef().GetColname())
	}
	if call != nil {
		r.Schema, r.Function = qualified(call.Funcname)
		r.Args = argumentCount(call)
		if len(call.Args) == 1 {
			r.Plain = plainElements(call.Args[0])
			r.Scalar = r.Function == "unnest" && plainArray(call.Args[0])
		}
	}
	return []Rows{r}
}

// plainArray reports whether an expression is an array of a type of
// PostgreSQL that is no row.
func plainArray(n *pg.Node) bool {
	t := n.GetTypeCast().GetTypeName()
	if t == nil || len(t.ArrayBounds) == 0 {
		return false
	}
	schema, name := qualified(t.Names)
	return arrayTypes[name] && (schema == "" || schema == "pg_catalog")
}

// plainElements reports whether an expression is a column, or an array of
// columns and constants.
func plainElements(n *pg.Node) bool {
	switch v := n.GetNode().(type) {
	case *pg.Node_ColumnRef:
		return !star(v.ColumnRef.Fields)
	case *pg.Node_AArrayExpr:
		for _, e := range v.AArrayExpr.Elements {
			if ref := e.GetColumnRef(); !isConstant(e) && (ref == nil || star(ref.Fields)) {
				return false
			}
		}
		return true
	}
	return false
}

// arrayTypes are types whose arrays are given as parameters.
var arrayTypes = setOf("bool", "int2", "int4", "int8", "float4", "float8", "numeric", "text", "varchar", "bpchar",
	"uuid", "date", "time", "timetz", "timestamp", "timestamptz", "interval", "bytea", "json", "jsonb", "oid", "inet", "name")

func (l *lineage) xmlTable(f *pg.RangeTableFunc) *Made {
	m := &Made{From: l.rest(f)}
	for _, n := range f.Columns {
		m.Columns = append(m.Columns, n.GetRangeTableFuncCol().GetColname())
	}
	return m
}

// jsonColumns are the columns of a JSON_TABLE: those of nested paths come
// behind the others of their level.
func jsonColumns(nodes []*pg.Node, names []string) []string {
	for _, n := range nodes {
		if c := n.GetJsonTableColumn(); c.GetColtype() != pg.JsonTableColumnType_JTC_NESTED {
			names = append(names, c.GetName())
		}
	}
	for _, n := range nodes {
		if c := n.GetJsonTableColumn(); c.GetColtype() == pg.JsonTableColumnType_JTC_NESTED {
			names = jsonColumns(c.Columns, names)
		}
	}
	return names
}

// nameList are the values of a list of names, nil for none: an empty list would
// not survive the way to a worker and back.
func nameList(nodes []*pg.Node) []string {
	if len(nodes) == 0 {
		return nil
	}
	names := strs(nodes)
	if len(names) == 0 {
		return nil
	}
	return names
}

func aliasNames(a *pg.Alias) []string { return nameList(a.GetColnames()) }
