package statement

import (
	"reflect"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// targets describes a select list or RETURNING.
func (l *lineage) targets(nodes []*pg.Node) []Target {
	if len(nodes) == 0 {
		return nil
	}
	all := make([]Target, 0, len(nodes))
	for _, n := range nodes {
		all = append(all, l.target(n.GetResTarget()))
	}
	return all
}

func (l *lineage) target(t *pg.ResTarget) (out Target) {
	outer, outerNamed := l.naming, l.named
	l.naming, l.named = nil, 0
	out.Name = t.GetName()
	if out.Name == "" {
		out.Name, l.naming = l.nameOf(t.GetVal())
	}
	l.into(&out.Value, t.GetVal())
	out.NameOf = l.named
	l.naming, l.named = outer, outerNamed
	switch v := t.GetVal().GetNode().(type) {
	case *pg.Node_ColumnRef:
		out.Star = star(v.ColumnRef.Fields)
		out.Plain = !out.Star
	case *pg.Node_AIndirection:
		last := v.AIndirection.Indirection
		out.Star = len(last) > 0 && last[len(last)-1].GetAStar() != nil
		out.Plain = len(last) == 1 && len(out.Value.Refs) == 1 && out.Value.Refs[0].Field != ""
	}
	return out
}

// exprOf describes expressions together.
func (l *lineage) exprOf(nodes ...*pg.Node) (e Expr) {
	for _, n := range nodes {
		l.into(&e, n)
	}
	return e
}

// rest describes whatever a message holds.
func (l *lineage) rest(message any) (e Expr) {
	l.fields(&e, reflect.ValueOf(message))
	return e
}

// into adds to an expression what a part of it is made of.
func (l *lineage) into(e *Expr, n *pg.Node) {
	if n == nil || n.Node == nil || !l.part() || isConstant(n) {
		return
	}
	switch v := n.Node.(type) {
	case *pg.Node_ParamRef, *pg.Node_SetToDefault, *pg.Node_AStar, *pg.Node_String_, *pg.Node_TypeName:
	case *pg.Node_ColumnRef:
		l.ref(e, Ref{Names: nameList(v.ColumnRef.Fields), Star: star(v.ColumnRef.Fields)})
	case *pg.Node_AExpr:
		l.operator(e, v.AExpr.Name)
		l.into(e, v.AExpr.Lexpr)
		l.into(e, v.AExpr.Rexpr)
	case *pg.Node_BoolExpr:
		l.all(e, v.BoolExpr.Args)
	case *pg.Node_List:
		l.all(e, v.List.Items)
	case *pg.Node_TypeCast:
		l.cast(e, v.TypeCast.TypeName)
		l.into(e, v.TypeCast.Arg)
	case *pg.Node_FuncCall:
		l.call(e, v.FuncCall)
	case *pg.Node_SubLink:
		l.subLink(e, v.SubLink)
	case *pg.Node_CaseExpr:
		if v.CaseExpr.Arg != nil {
			l.implied(e, "=")
		}
		l.fields(e, reflect.ValueOf(v.CaseExpr))
	case *pg.Node_AIndirection:
		l.indirection(e, v.AIndirection)
	case *pg.Node_SelectStmt:
		e.Queries = append(e.Queries, l.query(v.SelectStmt))
	case *pg.Node_WindowDef:
		l.fields(e, reflect.ValueOf(v.WindowDef))
	default:
		if isStatement(n) {
			l.giveUp(openUnknown)
			return
		}
		l.fields(e, reflect.ValueOf(n.Node).Elem().Field(0))
	}
}

func (l *lineage) all(e *Expr, nodes []*pg.Node) {
	for _, n := range nodes {
		l.into(e, n)
	}
}

// fields adds what the fields of a message are made of.
func (l *lineage) fields(e *Expr, message reflect.Value) {
	if message.Kind() != reflect.Pointer || message.IsNil() || l.open != "" {
		return
	}
	for _, part := range plan(message.Elem().Type()) {
		l.value(e, message.Elem().Field(part.index))
	}
}

func (l *lineage) value(e *Expr, v reflect.Value) {
	switch v.Kind() {
	case reflect.Slice:
		for i := range v.Len() {
			l.value(e, v.Index(i))
		}
	case reflect.Pointer:
		switch m := v.Interface().(type) {
		case *pg.Node:
			l.into(e, m)
		case *pg.TypeName:
			l.cast(e, m)
		case *pg.FuncCall:
			l.call(e, m)
		case *pg.SelectStmt:
			e.Queries = append(e.Queries, l.query(m))
		case *pg.WindowDef:
			l.fields(e.looks(), v)
		default:
			l.fields(e, v)
		}
	case reflect.Interface:
		l.giveUp(openUnknown)
	}
}

// looks is the part of an expression that it only looks at.
func (e *Expr) looks() *Expr {
	if e.Looks == nil {
		e.Looks = &Expr{}
	}
	return e.Looks
}

// ref notes a name.
func (l *lineage) ref(e *Expr, ref Ref) {
	l.tells = true
	e.Refs = append(e.Refs, ref)
}

// operator notes an operator that is not PostgreSQL's own.
func (l *lineage) operator(e *Expr, names []*pg.Node) {
	if len(names) == 0 {
		return
	}
	schema, name := qualified(names)
	if operatorWords[name] {
		l.implied(e, "<=", ">=", "<", ">")
		return
	}
	known := builtinOperators[name] && (schema == "" || schema == "pg_catalog")
	l.add(e, Call{Schema: schema, Name: name, Known: known, Passes: !known, Operator: true})
}

// implied notes operators of PostgreSQL's that are meant without being
// written.
func (l *lineage) implied(e *Expr, names ...string) {
	for _, name := range names {
		l.add(e, Call{Name: name, Known: true, Operator: true})
	}
}

// cast notes a cast to a type that is not PostgreSQL's own.
func (l *lineage) cast(e *Expr, t *pg.TypeName) {
	schema, name := qualified(t.GetNames())
	if name != "" && schema != "pg_catalog" {
		l.add(e, Call{Schema: schema, Name: name, Args: 1, Known: true, Cast: true})
	}
}

// add notes a call once.
func (l *lineage) add(e *Expr, c Call) {
	l.tells = true
	for _, have := range e.Calls {
		if have == c {
			return
		}
	}
	e.Calls = append(e.Calls, c)
}

// counting are the functions whose result tells of their arguments only how
// many there are, or where a row stands among them.
var counting = setOf("count", "row_number", "rank", "dense_rank", "percent_rank", "cume_dist")

// keeping are the functions that put a number where other sessions can see it:
// the value of a sequence, a lock in pg_locks.
var keeping = setOf("setval",
	"pg_advisory_lock", "pg_advisory_lock_shared", "pg_advisory_xact_lock", "pg_advisory_xact_lock_shared",
	"pg_try_advisory_lock", "pg_try_advisory_lock_shared", "pg_try_advisory_xact_lock", "pg_try_advisory_xact_lock_shared")

// call describes a function call.
func (l *lineage) call(e *Expr, call *pg.FuncCall) {
	schema, name := qualified(call.Funcname)
	own := schema == "" || schema == "pg_catalog"
	m := functionMeaning(schema, name, argumentCount(call))
	c := Call{
		Schema: schema, Name: name, Args: argumentCount(call),
		Known: m.kind >= OrdinaryWrite, Passes: m.kind < OrdinaryRead || specialFunctions[name] != nil,
	}
	if own && keeping[name] {
		c.Keeps = &Expr{}
		l.all(c.Keeps, call.Args)
	}
	l.add(e, c)
	args, order := e, func() *Expr { return e }
	if own && counting[name] {
		args = e.looks()
	}
	if !call.AggWithinGroup || own && hypothetical[name] {
		order = e.looks
	}
	l.all(args, call.Args)
	if len(call.AggOrder) > 0 {
		l.all(order(), call.AggOrder)
	}
	if call.AggFilter != nil {
		l.into(e.looks(), call.AggFilter)
	}
	if call.Over != nil {
		l.fields(e.looks(), reflect.ValueOf(call.Over))
	}
}

// subLink describes a sub-select in an expression.
func (l *lineage) subLink(e *Expr, s *pg.SubLink) {
	l.operator(e, s.OperName)
	if s.Testexpr != nil && len(s.OperName) == 0 {
		l.implied(e, "=") // IN
	}
	l.into(e, s.Testexpr)
	if s.SubLinkType == pg.SubLinkType_EXISTS_SUBLINK {
		l.into(e.looks(), s.Subselect)
		return
	}
	l.into(e, s.Subselect)
	if s == l.naming {
		l.named = len(e.Queries)
	}
}

// indirection describes (row).attribute, (row).* and subscripts.
func (l *lineage) indirection(e *Expr, a *pg.A_Indirection) {
	rest := a.Indirection
	ref := a.Arg.GetColumnRef()
	if name := first(rest).GetString_().GetSval(); ref != nil && !star(ref.Fields) && name != "" {
		l.ref(e, Ref{Names: nameList(ref.Fields), Field: name})
		rest = rest[1:]
	} else if ref != nil && first(rest).GetAStar() != nil {
		l.ref(e, Ref{Names: nameList(ref.Fields), Star: true, Field: "*"})
		rest = rest[1:]
	} else {
		l.into(e, a.Arg)
	}
	for _, n := range rest {
		if name := n.GetString_().GetSval(); name != "" {
			l.add(e, Call{Name: name, Args: 1, Known: true, Attribute: true})
		}
		l.into(e, n)
	}
}

func first(nodes []*pg.Node) *pg.Node {
	if len(nodes) == 0 {
		return nil
	}
	return nodes[0]
}

// Computes reports whether a call of a function by this name, with so many
// arguments, means one of PostgreSQL's own that returns what it computes from
// its arguments and nothing else of anybody's.
func Computes(schema, name string, args int) bool {
	return functionMeaning(schema, name, args).kind >= OrdinaryWrite
}
