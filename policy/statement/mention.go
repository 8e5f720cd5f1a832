package statement

import (
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// mentions gathers what only the catalog can give a meaning, from all
// statements of a code. A statement's own lists leave out what PostgreSQL
// brings along; a catalog may have more of that name.
type mentions struct {
	operators, types, prefixes []TypeUse
	variables                  map[string]bool
	// attributes are names behind a value, which could be functions of it.
	attributes []TypeUse
	// computed is true if text that is no constant runs as SQL.
	computed bool
}

// mentionOperator notes an operator by its name.
func (w *walker) mentionOperator(schema, name string) {
	if m := w.mentions(); m != nil {
		m.operators = added(m.operators, TypeUse{schema, name})
	}
}

// mentionType notes a type by its name.
func (w *walker) mentionType(t *pg.TypeName) {
	m := w.mentions()
	if m == nil || t == nil {
		return
	}
	names := strs(t.GetNames())
	if t.PctType && len(names) > 1 {
		names = names[:len(names)-1]
		m.prefixes = added(m.prefixes, typeUse(names))
		return
	}
	if schema, name := qualified(t.GetNames()); !BuiltinType(schema, name) {
		m.types = added(m.types, TypeUse{schema, name})
	}
}

func (w *walker) mentions() *mentions {
	if w.bodies == nil {
		return nil
	}
	return w.bodies.mentioned
}

func typeUse(names []string) TypeUse {
	if len(names) > 1 {
		return TypeUse{names[len(names)-2], names[len(names)-1]}
	}
	return TypeUse{"", names[0]}
}

// added appends what is not there yet.
func added(list []TypeUse, one TypeUse) []TypeUse {
	if slices.Contains(list, one) {
		return list
	}
	return append(list, one)
}

// mentionAttribute notes the name behind a value.
func (w *walker) mentionAttribute(name string) {
	if m := w.mentions(); m != nil {
		m.attributes = added(m.attributes, TypeUse{"", name})
	}
}

// mentionVariables keeps the names of variables for the answer.
func (w *walker) mentionVariables() {
	m := w.mentions()
	if m == nil {
		return
	}
	if m.variables == nil {
		m.variables = map[string]bool{}
	}
	for name := range w.variables {
		m.variables[name] = true
	}
}

// mentionComputed notes that text which is no constant runs as SQL.
func (w *walker) mentionComputed() {
	if m := w.mentions(); m != nil {
		m.computed = true
	}
}

// mentionDeclared notes the type of a variable, as it stands in a body.
func (w *walker) mentionDeclared(text string) {
	if w.mentions() == nil {
		return
	}
	words := strings.TrimSpace(text)
	row := strings.HasSuffix(strings.ToUpper(words), "%ROWTYPE")
	if row {
		words = words[:len(words)-len("%ROWTYPE")]
	}
	tree, err := pg.Parse("SELECT NULL::" + words)
	targets := []*pg.Node(nil)
	if err == nil && len(tree.GetStmts()) == 1 {
		targets = tree.Stmts[0].GetStmt().GetSelectStmt().GetTargetList()
	}
	if len(targets) != 1 || targets[0].GetResTarget().GetVal().GetTypeCast() == nil {
		return // the parser's own words, such as UNKNOWN
	}
	name := targets[0].GetResTarget().GetVal().GetTypeCast().GetTypeName()
	if row {
		w.mentions().prefixes = added(w.mentions().prefixes, typeUse(strs(name.GetNames())))
		return
	}
	w.mentionType(name)
}
