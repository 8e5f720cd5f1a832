package statement

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// walker judges one statement. It visits every field of every message of the
// tree, whatever it is called, so that nothing hides in a field nobody thought
// of; the types that mean something are picked out in visit.
type walker struct {
	st *Statement
	// access says what is done to the relations that the statement
	// handlers know more about than "read".
	access map[*pg.RangeVar]Access
	scope  *scope
	// touched counts the relations met, CTE names not included, so that a
	// handler can tell whether a part of the tree met any.
	touched int
	// settingsRow is the constant c inside SELECT ... FROM pg_settings
	// WHERE name = c.
	settingsRow string
	// level is what expressions can name; use is what becomes of the
	// columns they name.
	level *level
	use   ColumnUse
	// result is the row type of the query walked last.
	result *rowType
	// assigned is the column that the expression being walked is assigned
	// to.
	assigned origin
	// unread are names that read no column.
	unread map[*pg.ColumnRef]bool
	// bodies says how bodies are read, and variables are names that a body
	// knows besides columns.
	bodies    *bodies
	variables map[string]bool
	// notifies is where pg_notify sends computed text, -1 if nowhere; what
	// that means is known when all relations have been met.
	notifies int
	problem  *Problem
	seen     seen
}

// seen keeps lists free of duplicates.
type seen struct {
	effects   map[effectKey]bool
	relations map[relationKey]bool
	functions map[functionKey]bool
	columns   map[columnKey]int
	operators map[operatorKey]bool
}

type (
	effectKey struct {
		kind Kind
		what string
	}
	relationKey struct {
		database, schema, name string
		access                 Access
	}
	functionKey struct {
		schema, name string
		args         int
	}
)

func newWalker(start int) *walker {
	return &walker{st: &Statement{Start: start}, use: Output, notifies: -1}
}

// finish completes the statement after the walk.
func (w *walker) finish() (*Statement, *Problem) {
	if w.problem != nil {
		return nil, w.problem
	}
	w.settleNotify()
	if len(w.st.Effects) == 0 {
		return nil, &Problem{SQLSTATE: "42601", Message: "statement has no effect that Sluice knows", Position: w.st.Start}
	}
	slices.SortStableFunc(w.st.Effects, func(a, b Effect) int { return int(a.Kind) - int(b.Kind) })
	w.st.Kind = w.st.Effects[0].Kind
	return w.st, nil
}

// fail makes the whole text a ParseError; the first reason stays.
func (w *walker) fail(format string, args ...any) {
	if w.problem == nil {
		w.problem = &Problem{SQLSTATE: "42601", Message: fmt.Sprintf(format, args...), Hint: grammarHint, Position: w.st.Start}
	}
}

// effect notes an effect once. at is a byte offset; negative means unknown.
func (w *walker) effect(kind Kind, what string, at int) {
	key := effectKey{kind, what}
	if w.seen.effects[key] {
		return
	}
	if w.seen.effects == nil {
		w.seen.effects = map[effectKey]bool{}
	}
	if len(w.st.Effects) >= mostEffects && w.has(kind) {
		return
	}
	w.seen.effects[key] = true
	w.st.Effects = append(w.st.Effects, Effect{Kind: kind, What: what, Position: max(at, -1)})
}

// mostEffects is how many effects one statement keeps; beyond it, only one of
// a kind that is not there yet.
const mostEffects = 200

func (w *walker) has(kind Kind) bool {
	for _, e := range w.st.Effects {
		if e.Kind == kind {
			return true
		}
	}
	return false
}

// mostNamed is how many different relations or functions one statement may
// name; no honest one comes near.
const mostNamed = 10_000

// effectHere notes an effect of the statement as a whole.
func (w *walker) effectHere(kind Kind, what string) { w.effect(kind, what, w.st.Start) }

// statement judges a top-level statement, or one inside another.
func (w *walker) statement(node *pg.Node) {
	if node == nil || node.Node == nil {
		w.fail("statement is empty in the parse tree")
		return
	}
	name := nodeName(node)
	if w.st.Node == "" {
		w.st.Node = name
	}
	if !literalFree[name] {
		w.literalsMatter()
	}
	if simple, ok := simpleStatements[name]; ok {
		w.effectHere(simple.kind, simple.what)
		w.children(node)
		return
	}
	if !w.dispatch(node) {
		w.fail("statement type %s is not known", name)
	}
}

// dispatch hands a statement to the family that knows its type.
func (w *walker) dispatch(node *pg.Node) bool {
	return w.queryStatement(node) || w.sessionStatement(node) || w.rightsStatement(node) ||
		w.remoteStatement(node) || w.definitionStatement(node) || w.alterStatement(node)
}

// nodeName is the parser's name of the message in a node, such as CopyStmt.
func nodeName(node *pg.Node) string {
	return reflect.TypeOf(node.Node).Elem().Field(0).Type.Elem().Name()
}

// isStatement reports whether a node inside a tree is judged as a statement
// of its own.
func isStatement(node *pg.Node) bool {
	switch node.Node.(type) {
	case *pg.Node_ReturnStmt, *pg.Node_RawStmt, *pg.Node_PlassignStmt, *pg.Node_SetOperationStmt, *pg.Node_ReplicaIdentityStmt:
		return false
	}
	return strings.HasSuffix(nodeNameCached(reflect.TypeOf(node.Node)), "Stmt")
}

var nodeNames sync.Map // reflect.Type of the oneof wrapper -> string

func nodeNameCached(wrapper reflect.Type) string {
	if name, ok := nodeNames.Load(wrapper); ok {
		return name.(string)
	}
	name := wrapper.Elem().Field(0).Type.Elem().Name()
	nodeNames.Store(wrapper, name)
	return name
}

// visit handles the messages that mean something by themselves. It returns
// true if it has dealt with the fields too.
func (w *walker) visit(message any) bool {
	switch m := message.(type) {
	case *pg.Node:
		if m.Node != nil && isStatement(m) {
			w.statement(m)
			return true
		}
	case *pg.SelectStmt: // an arm of a set operation
		w.selectStmt(m)
		return true
	case *pg.RangeVar:
		w.rangeVar(m)
		return true
	case *pg.FuncCall:
		return w.funcCall(m)
	case *pg.A_Expr:
		return w.operands(m.Name, int(m.Location), m)
	case *pg.SubLink:
		w.existence(m)
		return w.operands(m.OperName, int(m.Location), m)
	case *pg.ColumnRef:
		w.columnRef(m)
		return true
	case *pg.TypeCast:
		w.cast(m.TypeName)
	case *pg.A_Indirection:
		return w.indirection(m)
	case *pg.AlterTableCmd:
		return w.retyped(m)
	case *pg.Constraint:
		return w.constraint(m)
	case *pg.IndexElem:
		w.indexColumn(m.Name)
	case *pg.PublicationTable:
		w.published(m)
		return true
	case *pg.SortBy:
		return w.operands(m.UseOp, int(m.Location), m)
	case *pg.RangeTableSample:
		w.sampleMethod(m)
	case *pg.ClusterStmt:
		w.options(m.Params)
	case *pg.ReindexStmt:
		w.options(m.Params)
	case *pg.VacuumStmt:
		w.options(m.Options)
	case *pg.CurrentOfExpr:
		w.name(NameUse{Op: Fetch, Name: m.CursorName})
	case *pg.WithClause:
		return true // its owner has walked it, in its scope
	case *pg.LockingClause:
		return true // names aliases, not relations
	}
	return false
}

// untold notes what the text cannot tell, in constant words.
func (w *walker) untold(what string) {
	if !slices.Contains(w.st.Unresolved, what) {
		w.st.Unresolved = append(w.st.Unresolved, what)
	}
}
