package catalog

import (
	"strings"

	"github.com/sluice-pg/sluice/policy/statement"
)

// lookup finds a relation by its name, nil if it is not known what it means.
func (r *resolver) lookup(schema, name string) *Relation {
	if rel, found := r.sight.Find(schema, name); found == Known {
		return rel
	}
	return nil
}

// functionsNamed are the functions of users that a name may mean; doubt is
// true if there may be others.
func (r *resolver) functionsNamed(schema, name string) (list []*Function, doubt bool) {
	list, found := r.sight.Functions(schema, name)
	if found != Unknown {
		return list, false
	}
	return r.sight.Snapshot.FunctionsNamed(name), r.sight.Overlay.callableInDoubt(cut(name)) || r.sight.Snapshot == nil
}

func (r *resolver) operatorsNamed(schema, name string) (list []*Operator, doubt bool) {
	list, found := r.sight.Operators(schema, name)
	s := r.sight.Snapshot
	if found != Unknown || s == nil {
		return list, found == Unknown
	}
	for _, in := range s.schemas {
		for _, oid := range in.operators[name] {
			list = append(list, s.operators[oid])
		}
	}
	return list, r.sight.Overlay.callableInDoubt(name)
}

// own reports whether a name can mean a function of PostgreSQL's own.
func (r *resolver) own(schema, name string) bool {
	if r.sight.Path == nil && schema == "" {
		schema = "pg_catalog"
	}
	return r.sight.OwnFunction(schema, name) == Known
}

// typeNamed is the type of a name, nil if it is not known. Without a path it
// is any of that name.
func (r *resolver) typeNamed(schema, name string) *Type {
	t, found := r.sight.FindType(schema, name)
	if found != Unknown || r.sight.Snapshot == nil || r.sight.Path != nil || schema != "" {
		return t
	}
	for _, in := range r.sight.Snapshot.schemas {
		if oid, has := in.types[cut(name)]; has {
			return r.sight.Snapshot.types[oid]
		}
	}
	return nil
}

// typeSpelled is the type of a name as a signature has it. What cannot be
// found is taken for one of PostgreSQL's, which fits anything.
func (r *resolver) typeSpelled(name string) OID {
	schema, bare, qualified := strings.Cut(name, ".")
	if !qualified {
		schema, bare = "", name
	}
	if t := r.typeNamed(schema, bare); t != nil {
		return t.OID
	}
	return 0
}

// inDoubt is what a call of a name may return that the session has given a
// meaning which is not known.
func (r *resolver) inDoubt(what, schema, name string) value {
	r.note("%s %s was changed in this transaction", what, statement.Relation{Schema: schema, Name: name})
	return value{open: true}
}
