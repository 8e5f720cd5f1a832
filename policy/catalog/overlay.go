package catalog

import (
	"maps"
	"sync/atomic"
)

// Overlay is what a session has changed since the snapshot it sees, as far as
// the texts of its statements tell. An overlay never changes; each statement
// makes the next one. What it does not understand is in doubt, so that a name
// is found to be unknown. A nil Overlay is that of a session that has changed
// nothing.
//
// Relations that a session made and nobody else sees, temporary ones, stay for
// as long as the session lasts; everything else goes when a snapshot has it.
type Overlay struct {
	// relations has what names mean; nil is that this is in doubt, or that
	// nothing has the name any more.
	relations map[objectName]*Relation
	// gone are the temporary names of relations that have nothing any more, as
	// far as the transaction commits.
	gone map[objectName]bool
	// names has the present name of each relation of relations.
	names map[OID]objectName
	// callables are names of functions, operators and types in doubt.
	callables map[string]bool
	// schemas are those that were made, false, or dropped or renamed, true: all
	// that is in those is in doubt.
	schemas map[string]bool
	// any says that everything is in doubt but what relations has, anyCallable
	// every function, operator and type.
	any, anyCallable bool
	// dropsOnCommit are temporary relations that a commit drops.
	dropsOnCommit map[objectName]bool
	// before is the overlay as it was when the transaction began.
	before *Overlay
	// open is true from the first change in a transaction to its end.
	open bool

	generation uint64
	// next is the OID of the next relation that is made.
	next OID
	// columns counts columns that were added.
	columns int16
}

// objectName is a name in a schema; that of temporary relations is pg_temp.
type objectName struct{ schema, name string }

// mostChanged is how many relations an overlay tells apart; beyond it
// everything is in doubt.
const mostChanged = 10000

// generations numbers all overlays of the process, so that none has the number
// of another.
var generations atomic.Uint64

// Generation is a number that no overlay with another content has, 0 for a nil
// one: a decision that was taken with an overlay holds for its generation.
func (o *Overlay) Generation() uint64 {
	if o == nil {
		return 0
	}
	return o.generation
}

// edit makes a copy to be changed, the first of a transaction with what was
// before it.
func (o *Overlay) edit() *Overlay {
	n := &Overlay{}
	if o != nil {
		*n = *o
	}
	if !n.open {
		n.open, n.before = true, o
	}
	n.copyMaps()
	n.generation = generations.Add(1)
	return n
}

func (o *Overlay) copyMaps() {
	o.relations = cloned(o.relations)
	o.gone = cloned(o.gone)
	o.names = cloned(o.names)
	o.callables = cloned(o.callables)
	o.schemas = cloned(o.schemas)
	o.dropsOnCommit = cloned(o.dropsOnCommit)
}

// set says what a name means from now on, nil for what is in doubt.
func (o *Overlay) set(name objectName, r *Relation) {
	o.relations[name] = r
	delete(o.gone, name)
	if r != nil {
		o.names[r.OID] = name
	}
}

// drop says that a relation is not there any more. Until the transaction
// commits that is in doubt, as is for good what its name means outside of the
// session's own schema: a snapshot tells.
func (o *Overlay) drop(name objectName) {
	ours := o.relations[name] != nil && name.schema == temporary
	o.set(name, nil)
	if ours {
		o.gone[name] = true
	}
}

func cloned[K comparable, V any](m map[K]V) map[K]V {
	if m == nil {
		return map[K]V{}
	}
	return maps.Clone(m)
}

// End is what is left of an overlay after the end of the transaction:
// everything if it committed, otherwise what was there before it.
func (o *Overlay) End(committed bool) *Overlay {
	switch {
	case o == nil || !o.open:
		return o
	case !committed:
		return o.before
	}
	n := &Overlay{}
	*n = *o
	n.copyMaps()
	for name := range n.dropsOnCommit {
		delete(n.relations, name)
	}
	n.dropsOnCommit, n.before, n.open = nil, nil, false
	n.generation = generations.Add(1)
	return n
}

// Renew is what is left of an overlay beside a snapshot that was begun after
// the last commit of the session: temporary relations, since their names are
// the session's alone and a snapshot does not say what they were made of, and
// what belongs to an open transaction.
func (o *Overlay) Renew() *Overlay {
	if o == nil {
		return nil
	}
	if o.open {
		n := &Overlay{}
		*n = *o
		n.before = o.before.Renew()
		n.generation = generations.Add(1)
		return n
	}
	n := &Overlay{relations: map[objectName]*Relation{}, names: map[OID]objectName{}, next: o.next, columns: o.columns}
	for name, r := range o.relations {
		if name.schema == temporary && !o.gone[name] {
			n.set(name, r)
		}
	}
	if len(n.relations) == 0 {
		return nil
	}
	n.generation = generations.Add(1)
	return n
}

// DoubtTemporary is an overlay in which the names of another's temporary
// relations are in doubt as well: nobody can tell whether they are there, if it
// is not known which of several transactions failed.
func (o *Overlay) DoubtTemporary(of *Overlay) *Overlay {
	if of == nil {
		return o
	}
	n := &Overlay{}
	if o != nil {
		*n = *o
	}
	n.copyMaps()
	n.generation = generations.Add(1)
	for _, names := range []map[objectName]*Relation{of.relations, cloned(n.relations)} {
		for name := range names {
			is, has := n.relations[name]
			was, had := of.relations[name]
			if name.schema == temporary && (has != had || is != was) {
				n.set(name, nil)
			}
		}
	}
	return n
}

// named tells what a schema has by a name, if that may have changed: nil for
// what is in doubt.
func (o *Overlay) named(schema, name string) (r *Relation, changed bool) {
	if o == nil {
		return nil, false
	}
	if isTemporary(schema) {
		schema = temporary
	}
	if r, ok := o.relations[objectName{schema, name}]; ok {
		return r, true
	}
	if _, ok := o.relations[objectName{everywhere, name}]; ok {
		return nil, true
	}
	return nil, (o.any || o.schemas[schema]) && !ownSchema(schema)
}

// everywhere stands for the schema of something that was made or changed when
// the session's path was not known.
const everywhere = ""

// ownSchema reports whether a schema is PostgreSQL's own, where sessions cannot
// make anything.
func ownSchema(schema string) bool { return schema == "pg_catalog" || schema == "information_schema" }

// PathInDoubt reports whether schemas were made, renamed or dropped, so that
// the session's path may have others in it.
func (o *Overlay) PathInDoubt() bool { return o != nil && (o.any || len(o.schemas) > 0) }

// AnyInDoubt reports whether every name is in doubt.
func (o *Overlay) AnyInDoubt() bool { return o != nil && o.any }

// callableInDoubt reports whether what a function, operator or type of a name
// is may have changed.
func (o *Overlay) callableInDoubt(name string) bool {
	return o != nil && (o.any || o.anyCallable || o.callables[name])
}

// CallablesInDoubt reports whether any function, operator, cast or type may
// have changed.
func (o *Overlay) CallablesInDoubt() bool {
	return o != nil && (o.any || o.anyCallable || len(o.callables) > 0)
}
