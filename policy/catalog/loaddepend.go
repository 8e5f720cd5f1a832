package catalog

import (
	"context"
	"slices"
)

// The OIDs of system tables that pg_depend names.
const (
	classType     OID = 1247
	classFunction OID = 1255
	classRelation OID = 1259
)

// readDepends reads what code refers to.
func (l *loader) readDepends(ctx context.Context) error {
	return l.ask(ctx, askDepends, func(r *row) {
		class, owner, isQuery := r.oid(), r.oid(), r.Bool()
		refClass, ref := r.oid(), r.oid()
		num := r.small()
		if refClass == classRelation {
			l.uses(class, owner, isQuery, ColumnID{Relation: ref, Num: num})
			return
		}
		l.calls(class, owner, refClass, ref)
	})
}

func (l *loader) uses(class, owner OID, isQuery bool, c ColumnID) {
	switch class {
	case classFunction:
		if f := l.snapshot.functions[owner]; f != nil {
			f.Uses = append(f.Uses, c)
		}
	case classRelation:
		rel := l.snapshot.relations[owner]
		switch {
		case rel == nil:
		case isQuery:
			rel.Uses = append(rel.Uses, c)
		default:
			rel.Beside = append(rel.Beside, c)
		}
	}
}

// calls notes that code calls a function, or an operator with all that goes
// with it.
func (l *loader) calls(class, owner, refClass, ref OID) {
	called := []OID{ref}
	if refClass != classFunction {
		o := l.snapshot.operators[ref]
		if o == nil {
			return
		}
		called = o.Support
		if o.Function >= FirstUser {
			called = append([]OID{o.Function}, called...)
		}
	}
	var list *[]OID
	switch class {
	case classFunction:
		if f := l.snapshot.functions[owner]; f != nil {
			list = &f.Calls
		}
	case classRelation:
		if rel := l.snapshot.relations[owner]; rel != nil {
			list = &rel.Calls
		}
	case classType:
		if t := l.snapshot.types[owner]; t != nil {
			list = &t.Functions
		}
	}
	if list == nil {
		return
	}
	for _, f := range called {
		if !slices.Contains(*list, f) {
			*list = append(*list, f)
		}
	}
}
