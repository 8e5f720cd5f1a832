package policy

import (
	"slices"
	"strings"

	"github.com/sluice-pg/sluice/policy/statement"
)

// secretFamily is the family of classes that never leave: credentials.
const secretFamily = "secret"

// classPattern is a class as a rule writes it: family.name, family.* or *.
type classPattern struct {
	family, name       string
	anyFamily, anyName bool
}

func (p classPattern) has(class string) bool {
	family, name, _ := strings.Cut(class, ".")
	return (p.anyFamily || p.family == family) && (p.anyName || p.name == name)
}

func (p classPattern) covers(other classPattern) bool {
	return (p.anyFamily || !other.anyFamily && p.family == other.family) && (p.anyName || !other.anyName && p.name == other.name)
}

func hasClass(patterns []classPattern, class string) bool {
	return slices.ContainsFunc(patterns, func(p classPattern) bool { return p.has(class) })
}

// columnEntry gives columns a class.
type columnEntry struct {
	relation pattern
	column   part
	class    string
	text     string // as it was written
	position string // file:line:column
}

func (e *columnEntry) secret() bool { return strings.HasPrefix(e.class, secretFamily+".") }

// columnTable finds the entries for a relation without looking at all.
type columnTable struct {
	// entries are those that give a class.
	entries []*columnEntry
	named   map[string][]*columnEntry // by the relation's name
	anyName []*columnEntry
	// cleared are the columns that an entry names in full and says hold
	// nothing; vague are entries with wildcards that say so.
	cleared map[columnName]*columnEntry
	vague   []*columnEntry
}

func newColumnTable(entries []*columnEntry) columnTable {
	t := columnTable{named: map[string][]*columnEntry{}, cleared: map[columnName]*columnEntry{}}
	for _, e := range entries {
		if e.class == NoClass {
			t.clear(e)
			continue
		}
		t.entries = append(t.entries, e)
		if e.relation.anyName {
			t.anyName = append(t.anyName, e)
		} else {
			t.named[e.relation.name] = append(t.named[e.relation.name], e)
		}
	}
	return t
}

// contact is what a statement does with a class, by the first entry for it.
type contact struct {
	entry *columnEntry
	// output is true if values may be in what comes out of the statement.
	output bool
}

// touch is every class that a statement may touch, as far as names tell.
type touch struct {
	contacts []contact
	// unnamed is true if the statement may reach relations that it does
	// not name.
	unnamed bool
	// unclassified is true if it reads columns of which nobody has said what
	// they hold.
	unclassified bool
}

func (t *touch) add(e *columnEntry, output bool) {
	for _, have := range t.contacts {
		if have.entry.class == e.class && have.output == output {
			return
		}
	}
	t.contacts = append(t.contacts, contact{e, output})
}

// outward holds the kinds that move many rows to where the rules of the
// source no longer hold.
var outward = setOf(statement.Replication) | setOf(statement.ExportToProgram) | setOf(statement.ExportRemote) |
	setOf(statement.ExportToServerFile) | setOf(statement.ExportToClient) | setOf(statement.InternalCopy)

func goesOutward(st *statement.Statement) bool {
	return slices.ContainsFunc(st.Effects, func(e statement.Effect) bool { return outward.has(e.Kind) })
}

// columnsTold are the nodes for which the analysis lists every column whose
// values come out.
var columnsTold = map[string]bool{
	"SelectStmt": true, "InsertStmt": true, "UpdateStmt": true, "DeleteStmt": true, "MergeStmt": true, "CopyStmt": true,
	"CreateTableAsStmt": true, "ViewStmt": true, "ExplainStmt": true, "PrepareStmt": true, "ExecuteStmt": true,
	"DeclareCursorStmt": true, "FetchStmt": true,
}

// byName adds the classes that a statement may touch as far as its text
// tells. A name without a schema could be in any, a star is every column, and a
// column of which the text does not tell whose it is could be that of any
// relation of the statement. Where the analysis lists no columns of a relation,
// all of them count.
func (t *columnTable) byName(out *touch, st *statement.Statement) {
	for i := range st.Columns {
		c := &st.Columns[i]
		if c.Relation != "" {
			t.column(out, c, c.Schema, c.Relation)
			continue
		}
		for j := range st.Relations {
			t.column(out, c, st.Relations[j].Schema, st.Relations[j].Name)
		}
	}
	bulk := goesOutward(st)
	if columnsTold[st.Node] && (len(st.Columns) > 0 || !bulk) {
		return
	}
	for i := range st.Relations {
		r := &st.Relations[i]
		if !listsColumns(st, r) {
			t.relation(r.Schema, r.Name, func(e *columnEntry) { out.add(e, bulk) })
		}
	}
}

func listsColumns(st *statement.Statement, r *statement.Relation) bool {
	return slices.ContainsFunc(st.Columns, func(c statement.Column) bool { return c.Schema == r.Schema && c.Relation == r.Name })
}

func (t *columnTable) column(out *touch, c *statement.Column, schema, relation string) {
	t.relation(schema, relation, func(e *columnEntry) {
		if c.Star || e.column.name == c.Name || e.column.any && !t.isCleared(schema, relation, c.Name) {
			out.add(e, c.Use == statement.Output)
		}
	})
}

// relation calls a function for every entry about a relation, but for those
// about one column that hold nothing there.
func (t *columnTable) relation(schema, name string, found func(*columnEntry)) {
	for _, list := range [][]*columnEntry{t.named[name], t.anyName} {
		for _, e := range list {
			if e.relation.couldBe(schema, name) && (e.column.any || !t.isCleared(schema, name, e.column.name)) {
				found(e)
			}
		}
	}
}

// keepsToItself are nodes whose code reads for itself: nothing that it reads
// comes out of the statement. What the code may do needs leave for code.
var keepsToItself = map[string]bool{"DoStmt": true, "CreateFunctionStmt": true}

// carried lists the entries of which values may come out of a statement.
// What moves many rows may carry whatever it can reach.
func (c *ruling) carried() []*columnEntry {
	t := c.touch()
	if keepsToItself[c.st.Node] && !goesOutward(c.st) {
		return nil
	}
	if t.unnamed && goesOutward(c.st) {
		return c.judge.everyEntry()
	}
	return c.brought()
}

// brought lists the entries of which values are in what comes out.
func (c *ruling) brought() (out []*columnEntry) {
	for _, contact := range c.touch().contacts {
		if contact.output {
			out = append(out, contact.entry)
		}
	}
	return out
}

// touch is touched, computed once.
func (c *ruling) touch() *touch {
	if c.touches == nil {
		t := c.touched()
		c.touches = &t
	}
	return c.touches
}

// classes notes what the statement may touch for the decision. What is masked
// does not come out.
func (c *ruling) classes(someMasked bool) {
	t := c.touch()
	masked := func(e *columnEntry) bool {
		return someMasked && (c.maskedFor == nil || len(c.maskedFor.masked([]*columnEntry{e})) > 0)
	}
	if t.unnamed {
		for _, e := range c.judge.everyEntry() {
			c.judge.output, c.judge.used = addWord(c.judge.output, e.class), addWord(c.judge.used, e.class)
		}
	}
	for _, contact := range t.contacts {
		if contact.output && !masked(contact.entry) {
			c.judge.output = addWord(c.judge.output, contact.entry.class)
		} else {
			c.judge.used = addWord(c.judge.used, contact.entry.class)
		}
	}
	comesOut := slices.ContainsFunc(t.contacts, func(one contact) bool { return one.output && !masked(one.entry) })
	c.judge.plain = c.judge.plain || !t.unnamed && !comesOut && givesRows(c.st)
}

// addWord adds a word to a sorted list.
func addWord(list []string, word string) []string {
	at, found := slices.BinarySearch(list, word)
	if found {
		return list
	}
	return slices.Insert(list, at, word)
}

// meetsClasses reports whether a statement might touch a class that a rule
// names, and the entry it met.
func (r *rule) meetsClasses(t *touch) (*columnEntry, bool) {
	if len(r.classes) == 0 {
		return nil, true
	}
	for _, contact := range t.contacts {
		if hasClass(r.classes, contact.entry.class) {
			return contact.entry, true
		}
	}
	return nil, t.unnamed
}

// onlyClasses reports whether a statement touches classes and surely none
// but those that a rule names. A relation without its schema could be one
// whose columns have other classes, or none.
func (r *rule) onlyClasses(st *statement.Statement, t *touch) bool {
	if len(r.classes) == 0 {
		return true
	}
	other := func(one contact) bool { return !hasClass(r.classes, one.entry.class) }
	bare := func(one statement.Relation) bool { return one.Schema == "" }
	return len(t.contacts) > 0 && !t.unnamed && !slices.ContainsFunc(t.contacts, other) && !slices.ContainsFunc(st.Relations, bare)
}
