package catalog

import "iter"

// Snapshot is a database's catalog at one time. It never changes after Load,
// so any number of goroutines may use it.
type Snapshot struct {
	// Version is the lower-case hex SHA-256 of all that was read: equal for
	// equal content.
	Version string
	// Server is server_version_num, such as 150018.
	Server int
	// Fingerprint is the one of the moment that the snapshot shows.
	Fingerprint Fingerprint
	// Incomplete is true if the texts of some views, defaults, checks or
	// bodies could not be read, since somebody held a lock on what they name:
	// load again soon.
	Incomplete bool
	// Publications, Extensions, Servers and EventTriggers are sorted by name,
	// Casts by OID.
	Publications  []Publication
	Extensions    []Extension
	Servers       []Server
	EventTriggers []EventTrigger
	Casts         []Cast

	relations map[OID]*Relation
	functions map[OID]*Function
	operators map[OID]*Operator
	types     map[OID]*Type
	schemas   map[string]*namespace
	// shapes are worked out of the rest when they are asked for.
	shapes *shapes
	// elements has the element of each array type, rows the relation of each
	// row type.
	elements map[OID]OID
	rows     map[OID]OID
	// unread are objects of whose code some was locked.
	unread map[OID]bool
}

// namespace is what the names of one schema stand for.
type namespace struct {
	relations map[string]OID
	// others are indexes and TOAST tables, which share the names of relations.
	others    map[string]other
	functions map[string][]OID
	operators map[string][]OID
	types     map[string]OID
	// ownFunctions and ownOperators are the names of PostgreSQL's own.
	ownFunctions, ownOperators map[string]bool
}

// other is an index or a TOAST table.
type other struct {
	oid, of OID
	kind    RelationKind
}

// Relation returns a relation by its OID, nil if there is none. Indexes and
// TOAST tables are known by name only.
func (s *Snapshot) Relation(oid OID) *Relation {
	if s == nil {
		return nil
	}
	return s.relations[oid]
}

// Relations goes through all relations, in no order.
func (s *Snapshot) Relations() iter.Seq[*Relation] {
	return func(yield func(*Relation) bool) {
		if s == nil {
			return
		}
		for _, r := range s.relations {
			if !yield(r) {
				return
			}
		}
	}
}

// Function returns a function by its OID, nil if there is none or it is
// PostgreSQL's own.
func (s *Snapshot) Function(oid OID) *Function {
	if s == nil {
		return nil
	}
	return s.functions[oid]
}

// Functions goes through all functions that are not PostgreSQL's own, in no
// order.
func (s *Snapshot) Functions() iter.Seq[*Function] {
	return func(yield func(*Function) bool) {
		if s == nil {
			return
		}
		for _, f := range s.functions {
			if !yield(f) {
				return
			}
		}
	}
}

// Operator returns an operator by its OID, nil if there is none or it is
// PostgreSQL's own.
func (s *Snapshot) Operator(oid OID) *Operator {
	if s == nil {
		return nil
	}
	return s.operators[oid]
}

// Type returns a type by its OID, nil if there is none, or it is an array or
// the row type of a table.
func (s *Snapshot) Type(oid OID) *Type {
	if s == nil {
		return nil
	}
	return s.types[oid]
}
