package statement

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// Code is code that a database keeps: the body of a function, the query of a
// view, an expression such as a default.
type Code struct {
	// Language is sql, plpgsql, or expression for text that stands behind
	// SELECT. Any other is one that is not read.
	Language string `json:"language"`
	// Text is the code. A body of SQL statements begins with BEGIN ATOMIC or
	// RETURN, as pg_get_function_sqlbody gives it.
	Text string `json:"text"`
	// Parameters are those of a function, of every mode, that have a name.
	Parameters []Parameter `json:"parameters,omitempty"`
	// Set is true for a function that returns a set, Trigger for one that
	// returns a trigger or an event_trigger.
	Set     bool `json:"set,omitempty"`
	Trigger bool `json:"trigger,omitempty"`
}

// Parameter is a named parameter of a function. Row is true if its values are
// rows, whose fields a body can name; Out is true if it is a part of the
// result.
type Parameter struct {
	Name string `json:"name"`
	Row  bool   `json:"row,omitempty"`
	Out  bool   `json:"out,omitempty"`
}

// CodeAnalysis is what was learned from a Code. Like an Analysis it holds no
// literal, and nobody may write into it.
type CodeAnalysis struct {
	// Statement is everything that the code does, its statements taken
	// together. Its positions mean nothing.
	Statement Statement `json:"statement"`
	// Unread says in constant words why some of the code could not be read;
	// then it may do anything. Empty if all of it was read.
	Unread string `json:"unread,omitempty"`
	// Computed is true if it runs text as SQL that is no constant. Text that
	// is one was read like the rest.
	Computed bool `json:"computed,omitempty"`
	// Variables are names that may mean variables and parameters instead of
	// columns, sorted.
	Variables []string `json:"variables,omitempty"`
	// Operators are all operators written, PostgreSQL's own names included.
	Operators []TypeUse `json:"operators,omitempty"`
	// Types are the types that values are cast to, and those of variables.
	Types []TypeUse `json:"types,omitempty"`
	// Attributes are names behind a value, "(value).name", which are fields of
	// it or functions.
	Attributes []TypeUse `json:"attributes,omitempty"`
	// Prefixes are relations that %TYPE and %ROWTYPE of variables name.
	Prefixes []TypeUse `json:"prefixes,omitempty"`
}

// TypeUse is the name of a type, an operator or a relation, as it was written.
type TypeUse struct {
	Schema string `json:"schema,omitempty"`
	Name   string `json:"name"`
}

// readLanguages are those of Code that can be read.
var readLanguages = setOf("sql", "plpgsql", "expression")

// AnalyzeCode says what a code does. It is read in a worker process only: its
// depth cannot be seen from outside. Whatever goes wrong is said in Unread.
// Nothing is kept for another time.
func (a *Analyzer) AnalyzeCode(ctx context.Context, code Code) *CodeAnalysis {
	if a.bounds(code.Text) != nil {
		return &CodeAnalysis{Unread: untoldDeep}
	}
	if !readLanguages[code.Language] {
		return &CodeAnalysis{Unread: untoldLanguage}
	}
	request, err := json.Marshal(code)
	if err != nil {
		return &CodeAnalysis{Unread: untoldBody}
	}
	answer := new(CodeAnalysis)
	err = a.pool.ask(ctx, uint32(a.opts.MaxOperators)|asksCode, string(request), func(frame []byte) error {
		return json.Unmarshal(frame, answer)
	})
	if err != nil {
		return &CodeAnalysis{Unread: "the code could not be read: " + err.Error()}
	}
	return answer
}

// answerCode is the worker's part of AnalyzeCode.
func answerCode(request []byte, limit int) *CodeAnalysis {
	var code Code
	if err := json.Unmarshal(request, &code); err != nil {
		return &CodeAnalysis{Unread: untoldBody}
	}
	return judgeCode(code, limit)
}

// judgeCode reads a code in this process.
func judgeCode(code Code, limit int) (analysis *CodeAnalysis) {
	defer func() {
		if r := recover(); r != nil {
			analysis = &CodeAnalysis{Unread: fmt.Sprintf("reading the code failed inside Sluice (%T)", r)}
		}
	}()
	if !readLanguages[code.Language] {
		return &CodeAnalysis{Unread: untoldLanguage}
	}
	if !utf8.ValidString(code.Text) || strings.Contains(code.Text, "\x00") {
		return &CodeAnalysis{Unread: untoldBody}
	}
	w := newWalker(-1)
	w.bodies = &bodies{limit: limit, mentioned: &mentions{}}
	w.variables = map[string]bool{}
	for _, p := range code.Parameters {
		w.variables[p.Name] = true
	}
	if why := w.bodies.unreadable(code.Text); why != "" {
		return &CodeAnalysis{Unread: why}
	}
	w.bodies.depth++
	w.codeText(code)
	return w.codeFinish()
}

// codeText reads the text of a code in its language.
func (w *walker) codeText(code Code) {
	switch {
	case code.Language == "expression":
		w.sqlBody("SELECT "+code.Text, -1, true)
	case code.Language == "plpgsql":
		w.plpgsqlBody(codeHeader(code), code.Text, -1, true)
	case keptAsTree(code.Text):
		w.treeBody(code.Text)
	default:
		w.sqlBody(code.Text, -1, true)
	}
}

// keptAsTree reports whether a body is one of SQL statements.
func keptAsTree(text string) bool {
	tokens, err := scan(text)
	if err != nil {
		return false
	}
	tokens = slices.DeleteFunc(tokens, token.comment)
	return len(tokens) > 0 && tokens[0].kind == pg.Token_RETURN ||
		len(tokens) > 1 && tokens[0].kind == pg.Token_BEGIN_P && tokens[1].kind == pg.Token_ATOMIC
}

// treeBody judges a body of SQL statements.
func (w *walker) treeBody(text string) {
	tree, err := pg.Parse("CREATE FUNCTION f() RETURNS void LANGUAGE sql " + text)
	if err != nil || len(tree.GetStmts()) != 1 {
		w.untold(untoldBody)
		return
	}
	w.bodyParts(tree.Stmts[0].GetStmt().GetCreateFunctionStmt().GetSqlBody())
}

// bodyParts judges the statements of a tree of lists.
func (w *walker) bodyParts(node *pg.Node) {
	switch n := node.GetNode().(type) {
	case nil:
		w.untold(untoldBody)
	case *pg.Node_List:
		for _, item := range n.List.GetItems() {
			w.bodyParts(item)
		}
	case *pg.Node_ReturnStmt:
		w.bodyPart(selectOf(n.ReturnStmt.GetReturnval()), -1, true)
	default:
		w.bodyPart(node, -1, true)
	}
}

// codeHeader is plpgsqlHeader for a function of the catalog. The parser takes
// a type that it does not know for that of a scalar.
func codeHeader(code Code) string {
	var parameters []string
	for _, p := range code.Parameters {
		kind := "text"
		if p.Row {
			kind = "record"
		}
		mode := ""
		if p.Out {
			mode = "OUT "
		}
		parameters = append(parameters, mode+`"`+strings.ReplaceAll(p.Name, `"`, `""`)+`" `+kind)
	}
	header := "CREATE FUNCTION f(" + strings.Join(parameters, ", ") + ") RETURNS "
	switch {
	case code.Trigger:
		return header + "trigger"
	case code.Set:
		return header + "SETOF record"
	}
	return header + "void"
}

// codeFinish completes the answer after the walk.
func (w *walker) codeFinish() *CodeAnalysis {
	analysis := &CodeAnalysis{}
	for _, why := range w.st.Unresolved {
		if unreadWords[why] {
			analysis.Unread = why
		}
	}
	w.settleNotify()
	if w.problem != nil {
		return &CodeAnalysis{Unread: w.problem.Message}
	}
	w.effect(OrdinaryRead, "code", -1)
	st, problem := w.finish()
	if problem != nil {
		return &CodeAnalysis{Unread: problem.Message}
	}
	st.Node = "Code"
	m := w.bodies.mentioned
	analysis.Statement = *st
	analysis.Variables = sortedNames(m.variables, w.variables)
	analysis.Computed, analysis.Attributes = m.computed, m.attributes
	analysis.Operators, analysis.Types, analysis.Prefixes = m.operators, m.types, m.prefixes
	return analysis
}

var unreadWords = setOf(untoldLanguage, untoldBody, untoldPart, untoldDeep, untoldUnread)

func sortedNames(sets ...map[string]bool) []string {
	var names []string
	for _, set := range sets {
		for name := range set {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// BuiltinFunction says what PostgreSQL's own function of a name does, called
// without a schema or with pg_catalog, and what any function of a dangerous
// name is taken to do. Known is false if the name means nothing by itself.
func BuiltinFunction(schema, name string, args int) (kind Kind, known bool) {
	m := functionMeaning(schema, name, args)
	if m == outsideKnown {
		return OpaqueCode, false
	}
	return m.kind, true
}

// BuiltinType reports whether a type is one of PostgreSQL's own.
func BuiltinType(schema, name string) bool {
	return (schema == "" || schema == "pg_catalog") && builtinTypes[name]
}

// HarmlessExtension reports whether an extension brings functions that only
// compute.
func HarmlessExtension(name string) bool { return harmlessExtensions[name] }
