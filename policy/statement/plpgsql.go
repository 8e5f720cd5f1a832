package statement

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// plpgsqlBody judges the SQL in a PL/pgSQL body: its statements, and its
// expressions, which the language runs as SELECT. header is what stands in
// front of the body in a CREATE FUNCTION of ours: the parser wants one, and
// aborts the process if what it gets has no body.
func (w *walker) plpgsqlBody(header, body string, at int, runs bool) {
	answer, err := pg.ParsePlPgSqlToJSON(header + " LANGUAGE plpgsql AS '" + strings.ReplaceAll(body, "'", "''") + "'")
	if err != nil {
		w.untold(untoldBody)
		return
	}
	var functions []any
	if err := json.Unmarshal([]byte(answer), &functions); err != nil {
		w.untold(untoldBody)
		return
	}
	before := w.variables
	w.variables = map[string]bool{}
	for name := range before {
		w.variables[name] = true
	}
	b := plpgsql{w, at, runs}
	for _, f := range functions {
		b.variables(f)
	}
	w.mentionVariables()
	for _, f := range functions {
		b.walk(f)
	}
	w.variables = before
}

// doHeader is the header of a DO.
const doHeader = "CREATE FUNCTION f() RETURNS void"

// plpgsqlHeader is the header of a function with its arguments. The parser
// asks of the result only whether it is a set or a trigger's.
func plpgsqlHeader(s *pg.CreateFunctionStmt) string {
	set := s.GetReturnType().GetSetof()
	var parameters []string
	for _, n := range s.Parameters {
		p := n.GetFunctionParameter()
		set = set || p.GetMode() == pg.FunctionParameterMode_FUNC_PARAM_TABLE
		name := ""
		switch p.GetMode() {
		case pg.FunctionParameterMode_FUNC_PARAM_OUT, pg.FunctionParameterMode_FUNC_PARAM_TABLE:
			name = "OUT " // RETURN takes no value then
		}
		if p.GetName() != "" {
			name += `"` + strings.ReplaceAll(p.GetName(), `"`, `""`) + `" `
		}
		parameters = append(parameters, name+typeName(p.GetArgType()))
	}
	header := "CREATE FUNCTION f(" + strings.Join(parameters, ", ") + ") RETURNS "
	_, result := qualified(s.GetReturnType().GetNames())
	switch {
	case result == "trigger":
		return header + "trigger"
	case set:
		return header + "SETOF record"
	}
	return header + "void"
}

// plpgsql walks the parser's answer, a tree of JSON objects in which every
// piece of SQL is a PLpgSQL_expr, wherever it stands.
type plpgsql struct {
	w    *walker
	at   int
	runs bool
}

// variables collects the names of variables; new and old are rows of a table
// that the body does not name.
func (b plpgsql) variables(node any) {
	switch n := node.(type) {
	case map[string]any:
		if name, ok := n["refname"].(string); ok && name != "new" && name != "old" {
			b.w.variables[name] = true
		}
		for _, child := range n {
			b.variables(child)
		}
	case []any:
		for _, child := range n {
			b.variables(child)
		}
	}
}

func (b plpgsql) walk(node any) {
	switch n := node.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(n)) {
			b.field(name, n[name])
		}
	case []any:
		for _, child := range n {
			b.walk(child)
		}
	}
}

// field walks one field. EXECUTE and its like run what an expression gives.
func (b plpgsql) field(name string, node any) {
	switch name {
	case "PLpgSQL_expr":
		e, _ := node.(map[string]any)
		query, _ := e["query"].(string)
		mode, _ := e["parseMode"].(float64)
		b.expression(query, int(mode))
		return
	case "PLpgSQL_stmt_dynexecute", "PLpgSQL_stmt_dynfors":
		n, _ := node.(map[string]any)
		b.dynamic(n["query"])
	case "dynquery":
		b.dynamic(node)
	case "typname":
		text, _ := node.(string)
		b.w.mentionDeclared(text)
	}
	b.walk(node)
}

// The modes in which the language parses a piece of SQL: raw_parser's
// RawParseMode.
const (
	modeStatement = iota
	modeType
	modeExpression
	modeAssign1
	modeAssign2
	modeAssign3
)

// expression judges one piece of SQL.
func (b plpgsql) expression(query string, mode int) {
	switch mode {
	case modeStatement:
		b.sql(query)
	case modeType:
	case modeExpression:
		b.sql("SELECT " + query)
	case modeAssign1, modeAssign2, modeAssign3:
		target, value, ok := splitAssignment(query)
		if !ok {
			b.w.untold(untoldPart)
			return
		}
		if strings.Contains(target, "[") {
			b.sql("SELECT " + target) // subscripts are expressions
		}
		b.sql("SELECT " + value)
	default:
		b.w.untold(untoldPart)
	}
}

// splitAssignment splits at the first := or = outside brackets.
func splitAssignment(query string) (target, value string, ok bool) {
	tokens, err := scan(query)
	if err != nil {
		return "", "", false
	}
	depth := 0
	for _, t := range tokens {
		switch t.kind {
		case '[', '(':
			depth++
		case ']', ')':
			depth--
		case '=', pg.Token_COLON_EQUALS:
			if depth == 0 {
				return query[:t.start], query[t.end:], true
			}
		}
	}
	return "", "", false
}

// sql judges a piece of SQL that the body runs as it is. Its tokens are those
// of the body, which has passed the limits.
func (b plpgsql) sql(text string) {
	tree, err := pg.Parse(text)
	if err != nil {
		b.w.untold(untoldPart)
		return
	}
	for _, raw := range tree.GetStmts() {
		b.w.bodyPart(raw.GetStmt(), b.at, b.runs)
	}
}

// dynamic judges EXECUTE: what it runs is not told, unless it is a constant.
func (b plpgsql) dynamic(node any) {
	b.w.effect(OpaqueCode, "dynamic SQL", b.at)
	n, _ := node.(map[string]any)
	e, _ := n["PLpgSQL_expr"].(map[string]any)
	query, _ := e["query"].(string)
	if text, ok := b.constant(query); ok {
		b.w.code("sql", "", text, b.at, b.runs)
		return
	}
	b.w.mentionComputed()
}

// constant is the text that an expression always gives. What cannot be read
// is noted when the expression itself is judged.
func (b plpgsql) constant(expression string) (text string, ok bool) {
	tree, err := pg.Parse("SELECT " + expression)
	if err != nil || len(tree.GetStmts()) != 1 {
		return "", false
	}
	targets := tree.Stmts[0].GetStmt().GetSelectStmt().GetTargetList()
	if len(targets) != 1 {
		return "", false
	}
	return b.w.constant(targets[0].GetResTarget().GetVal())
}
