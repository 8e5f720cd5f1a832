package statement

import (
	_ "embed"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

//go:embed data/harmless_extensions.txt
var harmlessExtensionsText string

// harmlessExtensions bring functions that only compute.
var harmlessExtensions = readNames(harmlessExtensionsText)

// definitionStatement judges statements that make objects.
func (w *walker) definitionStatement(node *pg.Node) bool {
	switch n := node.Node.(type) {
	case *pg.Node_CreateStmt:
		w.mark(n.CreateStmt.Relation, Create)
		w.effectHere(DDL, "CREATE TABLE")
		w.over(n.CreateStmt.Relation, func() { w.children(n.CreateStmt) })
	case *pg.Node_ViewStmt:
		w.mark(n.ViewStmt.View, Create)
		w.effectHere(DDL, "CREATE VIEW")
		w.children(n.ViewStmt)
		w.overSettings("CREATE VIEW")
	case *pg.Node_RuleStmt:
		w.rule(n.RuleStmt)
	case *pg.Node_IndexStmt:
		w.mark(n.IndexStmt.Relation, Alter)
		w.effectHere(DDL, "CREATE INDEX")
		w.over(n.IndexStmt.Relation, func() { w.children(n.IndexStmt) })
	case *pg.Node_CreateSeqStmt:
		w.mark(n.CreateSeqStmt.Sequence, Create)
		w.effectHere(DDL, "CREATE SEQUENCE")
		w.children(n.CreateSeqStmt)
	case *pg.Node_CreateTrigStmt:
		w.mark(n.CreateTrigStmt.Relation, Alter)
		w.effectHere(OpaqueCode, "CREATE TRIGGER")
		schema, name := qualified(n.CreateTrigStmt.Funcname)
		w.function(Function{Schema: schema, Name: name, Position: w.st.Start})
		w.columnsOf(n.CreateTrigStmt.Relation, strs(n.CreateTrigStmt.Columns), Used)
		w.over(n.CreateTrigStmt.Relation, func() { w.children(n.CreateTrigStmt) })
	case *pg.Node_CreateSchemaStmt:
		w.createSchema(n.CreateSchemaStmt)
	case *pg.Node_DoStmt:
		w.doStmt(n.DoStmt)
	case *pg.Node_CreateFunctionStmt:
		w.createFunction(n.CreateFunctionStmt)
	case *pg.Node_DefineStmt:
		w.define(n.DefineStmt)
	case *pg.Node_CreateRangeStmt:
		w.createRange(n.CreateRangeStmt)
	case *pg.Node_CreatedbStmt:
		w.createDatabase(n.CreatedbStmt)
	case *pg.Node_CreateTableSpaceStmt:
		s := n.CreateTableSpaceStmt
		w.effectHere(ExportToServerFile, "CREATE TABLESPACE")
		w.destination(fileDestination(s.Location, w.st.Start))
		w.children(s)
	case *pg.Node_CreateExtensionStmt:
		w.extension("CREATE EXTENSION", n.CreateExtensionStmt.Extname)
	case *pg.Node_AlterExtensionStmt:
		w.extension("ALTER EXTENSION", n.AlterExtensionStmt.Extname)
	default:
		return false
	}
	return true
}

// overSettings: pg_settings can be updated, and so can a view over it, which
// would change settings under a name that nobody knows.
func (w *walker) overSettings(what string) {
	for _, r := range w.st.Relations {
		if r.Name == "pg_settings" && systemRelation(r) {
			w.effect(WeakenProtection, what+" over pg_settings, which can change settings", r.Position)
			w.setting(Setting{Name: "*", Unknown: true, Breaks: true, Position: r.Position})
			return
		}
	}
}

// rule judges CREATE RULE by what its actions do. One that does nothing
// instead, or makes a relation a view, takes what was there away.
func (w *walker) rule(s *pg.RuleStmt) {
	w.mark(s.Relation, Alter)
	w.effectHere(DDL, "CREATE RULE")
	switch {
	case s.Event == pg.CmdType_CMD_SELECT:
		w.effectHere(WeakenProtection, "CREATE RULE ON SELECT")
	case s.Instead && len(s.Actions) == 0:
		w.effectHere(WeakenProtection, "CREATE RULE ... DO INSTEAD NOTHING")
	}
	for _, action := range s.Actions {
		if action.GetInsertStmt() != nil || action.GetUpdateStmt() != nil || action.GetMergeStmt() != nil {
			w.effectHere(InternalCopy, "CREATE RULE that writes")
		}
	}
	w.nested(func() {
		if s.Relation != nil {
			w.level.target = w.relationItem(s.Relation) // old and new
		}
		w.children(s)
	})
	w.overSettings("CREATE RULE")
}

// define judges CREATE AGGREGATE, OPERATOR, TYPE, COLLATION and TEXT SEARCH.
func (w *walker) define(s *pg.DefineStmt) {
	what := "CREATE " + strings.ToUpper(objectWords(s.Kind))
	switch s.Kind {
	case pg.ObjectType_OBJECT_COLLATION, pg.ObjectType_OBJECT_TSDICTIONARY, pg.ObjectType_OBJECT_TSCONFIGURATION:
		w.effectHere(DDL, what)
	case pg.ObjectType_OBJECT_TYPE:
		if len(s.Definition) == 0 { // a shell
			w.effectHere(DDL, what)
		} else {
			w.effectHere(OpaqueCode, what)
		}
	case pg.ObjectType_OBJECT_AGGREGATE, pg.ObjectType_OBJECT_OPERATOR,
		pg.ObjectType_OBJECT_TSPARSER, pg.ObjectType_OBJECT_TSTEMPLATE:
		w.effectHere(OpaqueCode, what)
	default:
		w.fail("form of CREATE is not known")
	}
	w.children(s)
}

// createRange: a range type may name functions of its own.
func (w *walker) createRange(s *pg.CreateRangeStmt) {
	w.effectHere(DDL, "CREATE TYPE")
	for _, p := range s.Params {
		switch strings.ToLower(p.GetDefElem().GetDefname()) {
		case "canonical", "subtype_diff", "subtype_opclass":
			w.effectHere(OpaqueCode, "CREATE TYPE with functions of its own")
		}
	}
	w.children(s)
}

// createDatabase: a template is copied whole.
func (w *walker) createDatabase(s *pg.CreatedbStmt) {
	w.effectHere(DDL, "CREATE DATABASE")
	for _, o := range s.Options {
		e := o.GetDefElem()
		if !strings.EqualFold(e.GetDefname(), "template") {
			continue
		}
		switch template := e.GetArg().GetString_().GetSval(); {
		case e.GetArg() == nil, template == "template0", template == "template1":
		default:
			w.effectHere(InternalCopy, "CREATE DATABASE ... TEMPLATE")
		}
	}
}

func (w *walker) extension(what, name string) {
	if harmlessExtensions[name] {
		w.effectHere(DDL, what)
		return
	}
	w.effectHere(WeakenProtection, what+" of one that is not on the list of harmless ones")
}

func allKnownExtensions(objects []*pg.Node) bool {
	for _, o := range objects {
		if !harmlessExtensions[o.GetString_().GetSval()] {
			return false
		}
	}
	return true
}
