package catalog

import (
	"slices"

	"github.com/sluice-pg/sluice/policy/statement"
)

// Note is what the session sees once a statement has run that was sent in this
// sight. understood is true if all code that the statement runs (functions,
// triggers) is known to leave names as they are; otherwise a statement of
// opaque code puts everything in doubt.
//
// The statement may fail, and then everything it was noted for is undone by
// End, or, after a ROLLBACK TO SAVEPOINT, in doubt. In a sight without a
// snapshot there is nothing to note.
func (s Sight) Note(st *statement.Statement, understood bool) Sight {
	changes := st.Changes
	if !understood && runsOpaqueCode(st) {
		changes = append(slices.Clone(changes), statement.Change{Op: statement.ChangeAny})
	}
	if len(changes) == 0 || s.Snapshot == nil || onlyEnds(changes) && s.Overlay == nil {
		return s
	}
	n := note{Sight: s, before: s, statement: st}
	n.Overlay = s.Overlay.edit()
	for _, c := range changes {
		n.change(c)
		if len(n.Overlay.relations) > mostChanged {
			n.everything()
		}
	}
	return n.Sight
}

// runsOpaqueCode: what defines a function, a trigger, a table or a view may have
// opaque code in it, but runs nothing of it. What alters a table or a domain may run
// it on the rows that are there.
func runsOpaqueCode(st *statement.Statement) bool {
	alters := st.Node == "AlterTableStmt" || st.Node == "AlterDomainStmt"
	defines := st.Node == "ViewStmt" || st.Node == "CreateStmt" || slices.ContainsFunc(st.Changes, func(c statement.Change) bool {
		return c.Op == statement.ChangeCallable || c.Op == statement.ChangeCode
	})
	return (alters || !defines) && slices.ContainsFunc(st.Effects, func(e statement.Effect) bool { return e.Kind == statement.OpaqueCode })
}

// onlyEnds reports whether changes are ends of transactions, before which there
// may have been nothing.
func onlyEnds(changes []statement.Change) bool {
	return !slices.ContainsFunc(changes, func(c statement.Change) bool {
		return c.Op != statement.ChangeCommit && c.Op != statement.ChangeRestore && c.Op != statement.ChangeDiscard
	})
}

// note changes the overlay of a sight for one statement.
type note struct {
	Sight
	before    Sight
	statement *statement.Statement
}

func (n *note) set(name objectName, r *Relation) { n.Overlay.set(name, r) }

func (n *note) change(c statement.Change) {
	c.Schema, c.Name, c.To = cut(c.Schema), cut(c.Name), cut(c.To)
	switch c.Op {
	case statement.ChangeCreate:
		n.create(c)
	case statement.ChangeDoubt:
		n.set(n.target(c), nil)
	case statement.ChangeDrop:
		n.drop(c)
	case statement.ChangeRename:
		n.rename(c, func(in string) objectName { return objectName{in, c.To} })
	case statement.ChangeMove:
		n.rename(c, func(string) objectName { return objectName{c.To, c.Name} })
	case statement.ChangeAddColumn, statement.ChangeDropColumn, statement.ChangeRenameColumn:
		n.alterAll(c, func(r *Relation) { n.alterColumn(r, c) })
	case statement.ChangeMakeup:
		n.alterAll(c, opened)
		n.openAncestors(c)
	case statement.ChangeCode:
		n.alterAll(c, func(r *Relation) { r.Recoded = true })
	case statement.ChangeCallable:
		if c.Name == "" {
			n.Overlay.anyCallable = true
			return
		}
		n.Overlay.callables[c.Name] = true
	case statement.ChangeSchema:
		n.schema(c)
	case statement.ChangeDiscard:
		n.discard()
	case statement.ChangeRestore:
		n.restore()
	case statement.ChangeCommit:
		// If something fails behind it in the same text, the caller hears of
		// a transaction that did not commit, and does not know which.
		doubted := note{Sight: n.Sight, statement: n.statement}
		doubted.Overlay = n.Overlay.edit()
		doubted.restore()
		doubted.Overlay.before, doubted.Overlay.open = nil, false
		n.Overlay.before = doubted.Overlay
	default:
		n.everything()
	}
}

// everything puts all names in doubt.
func (n *note) everything() {
	n.Overlay.any = true
	clear(n.Overlay.relations)
	clear(n.Overlay.gone)
	clear(n.Overlay.dropsOnCommit)
}

// restore puts in doubt what the transaction has changed so far: the text does
// not tell what was changed before the savepoint.
func (n *note) restore() {
	was := map[objectName]*Relation{}
	if b := n.Overlay.before; b != nil {
		was = b.relations
	}
	for name, r := range n.Overlay.relations {
		if before, ok := was[name]; !ok || before != r || n.Overlay.gone[name] {
			n.set(name, nil)
		}
	}
	for name := range was {
		if _, ok := n.Overlay.relations[name]; !ok {
			n.set(name, nil)
		}
	}
	for schema := range n.Overlay.schemas {
		n.Overlay.schemas[schema] = true
	}
}

// discard takes temporary relations away.
func (n *note) discard() {
	for name := range n.Overlay.relations {
		if name.schema == temporary {
			delete(n.Overlay.relations, name)
		}
	}
	clear(n.Overlay.dropsOnCommit)
}

// schema notes one that is made, dropped or renamed.
func (n *note) schema(c statement.Change) {
	_, exists := n.Snapshot.schemas[c.Name]
	_, changed := n.Overlay.schemas[c.Name]
	if c.To != "" {
		n.Overlay.schemas[c.To] = true
	}
	switch {
	case c.IfExists && exists && !changed && c.To == "" && n.makes():
	case !exists && !changed:
		n.Overlay.schemas[c.Name] = false
	default:
		n.Overlay.schemas[c.Name] = true
	}
	if n.Overlay.schemas[c.Name] {
		for name := range n.Overlay.relations {
			if name.schema == c.Name {
				n.set(name, nil)
			}
		}
	}
}

func (n *note) makes() bool { return n.statement.Node == "CreateSchemaStmt" }
