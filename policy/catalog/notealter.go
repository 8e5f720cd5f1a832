package catalog

import (
	"slices"

	"github.com/sluice-pg/sluice/policy/statement"
)

// alter changes a copy of a relation and notes that.
func (n *note) alter(r *Relation, change func(*Relation)) {
	altered := *r
	change(&altered)
	n.set(nameIn(r), &altered)
}

// alterAll changes the relation of a name and all that inherit from it.
func (n *note) alterAll(c statement.Change, change func(*Relation)) {
	r, ok := n.subject(c)
	if !ok {
		return
	}
	for _, oid := range append([]OID{r.OID}, n.descendants(r.OID)...) {
		if child := n.Relation(oid); child != nil {
			n.alter(child, change)
		}
	}
}

// openAncestors: what was said of the rows of a relation holds for those above
// it.
func (n *note) openAncestors(c statement.Change) {
	r, found := n.before.Find(c.Schema, c.Name)
	if found != Known {
		return
	}
	for _, oid := range n.follow(r.OID, func(r *Relation) []OID { return r.Parents }) {
		if parent := n.Relation(oid); parent != nil {
			n.alter(parent, opened)
		}
	}
}

// opened is a relation of which nobody can tell any more what its columns hold.
func opened(r *Relation) {
	r.Open = true
	if r.Made != nil && r.Made.Statement.Query != nil {
		r.Made = nil
	}
}

func (n *note) descendants(oid OID) []OID {
	return n.follow(oid, func(r *Relation) []OID { return r.Children })
}

func (n *note) follow(oid OID, next func(*Relation) []OID) []OID {
	return follow(oid, func(oid OID) []OID {
		if r := n.Relation(oid); r != nil {
			return next(r)
		}
		return nil
	})
}

// subject is the relation that a change is about. If that is not known, the
// name is in doubt from now on; if it is surely not there, the statement fails
// or does nothing.
func (n *note) subject(c statement.Change) (*Relation, bool) {
	r, found := n.Find(c.Schema, c.Name)
	switch found {
	case Known:
		return r, true
	case Unknown:
		n.doubt(c.Schema, c.Name)
	}
	return nil, false
}

// doubt puts a name in doubt, wherever it may be found.
func (n *note) doubt(schema, name string) {
	in, ok := n.schemas(schema)
	if !ok {
		n.set(objectName{everywhere, name}, nil)
		return
	}
	for _, schema := range in {
		if _, found := n.findIn(schema, name); found == Missing || ownSchema(schema) {
			continue
		}
		if isTemporary(schema) {
			schema = temporary
		}
		n.set(objectName{schema, name}, nil)
	}
	if _, changed := n.Overlay.named(temporary, name); changed && schema == "" {
		n.set(objectName{temporary, name}, nil)
	}
}

// drop puts a dropped relation in doubt, with what goes with it: its
// partitions, and with CASCADE what is made of it.
func (n *note) drop(c statement.Change) {
	r, ok := n.subject(c)
	if !ok {
		return
	}
	gone := append([]OID{r.OID}, n.descendants(r.OID)...)
	if c.Cascade {
		gone = append(gone, n.dependents(gone)...)
	}
	for _, oid := range gone {
		if r := n.Relation(oid); r != nil {
			n.Overlay.drop(nameIn(r))
		}
	}
}

func nameIn(r *Relation) objectName {
	if isTemporary(r.Schema) {
		return objectName{temporary, r.Name}
	}
	return objectName{r.Schema, r.Name}
}

// dependents are the views made of relations, in any number of steps; those
// that the session has made itself count all.
func (n *note) dependents(of []OID) []OID {
	var all []OID
	for _, r := range n.Overlay.relations {
		if r != nil && r.Made != nil && (r.Kind == View || r.Kind == MaterializedView) {
			all = append(all, r.OID)
		}
	}
	of = append(slices.Clone(of), all...)
	for again := true; again; {
		again = false
		for r := range n.Snapshot.Relations() {
			uses := slices.ContainsFunc(r.Uses, func(c ColumnID) bool { return slices.Contains(of, c.Relation) })
			if uses && !slices.Contains(of, r.OID) {
				of, all, again = append(of, r.OID), append(all, r.OID), true
			}
		}
	}
	return all
}

// rename gives a relation another name. It stays the same one, with its OID;
// what the old name means is in doubt.
func (n *note) rename(c statement.Change, to func(schema string) objectName) {
	r, ok := n.subject(c)
	if !ok {
		if _, found := n.Find(c.Schema, c.Name); found == Unknown {
			n.renamedUnknown(c)
		}
		return
	}
	from := nameIn(r)
	name := to(from.schema)
	n.set(from, nil)
	if _, found := n.findIn(name.schema, name.name); found != Missing && !n.inDoubt(name) {
		n.set(name, nil)
		return
	}
	renamed := *r
	renamed.Schema, renamed.Name = name.schema, name.name
	n.set(name, &renamed)
	if n.Overlay.dropsOnCommit[from] {
		delete(n.Overlay.dropsOnCommit, from)
		n.Overlay.dropsOnCommit[name] = true
	}
}

// renamedUnknown: nobody knows which relation has the new name now.
func (n *note) renamedUnknown(c statement.Change) {
	name := objectName{everywhere, c.To}
	if c.Op == statement.ChangeMove {
		name = objectName{c.To, c.Name}
	}
	n.set(name, nil)
}

// inDoubt reports whether a name is in doubt because the session has dropped
// or renamed what had it.
func (n *note) inDoubt(name objectName) bool {
	r, changed := n.Overlay.relations[name]
	return changed && r == nil
}

// alterColumn adds, drops or renames a column.
func (n *note) alterColumn(r *Relation, c statement.Change) {
	if r.Made != nil && r.Made.Statement.Query != nil {
		opened(r)
		return
	}
	at := slices.IndexFunc(r.Columns, func(column Column) bool { return column.Name == cut(c.Column) })
	r.Columns = slices.Clone(r.Columns)
	switch c.Op {
	case statement.ChangeAddColumn:
		for _, column := range c.Columns {
			n.addColumn(r, column)
		}
	case statement.ChangeRenameColumn:
		if at < 0 || slices.ContainsFunc(r.Columns, func(column Column) bool { return column.Name == c.To }) {
			r.Open = true
			return
		}
		r.Columns[at].Name = c.To
	default:
		// Whether it is gone or the statement failed, which columns a * has
		// cannot be told.
		r.Open = true
	}
}

func (n *note) addColumn(r *Relation, c statement.NewColumn) {
	name := cut(c.Name)
	if slices.ContainsFunc(r.Columns, func(column Column) bool { return column.Name == name }) {
		return // ADD COLUMN IF NOT EXISTS, or a child has it already
	}
	if n.Overlay.columns > mostChanged/2 {
		r.Open = true
		return
	}
	r.Columns = append(r.Columns, Column{Num: FirstMadeColumn + n.Overlay.columns, Name: name, TypeName: c.Type})
	n.Overlay.columns++
}
