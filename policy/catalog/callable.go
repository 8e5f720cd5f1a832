package catalog

import "slices"

// Functions are the functions that a name may mean and that are not
// PostgreSQL's own, in the order of the path. Which of them a call runs, or
// whether it runs one of PostgreSQL's own, depends on the types of what it is
// given. Known means that there are some; OwnFunction tells of the others.
func (s Sight) Functions(schema, name string) ([]*Function, Found) {
	name = cut(name)
	if s.Overlay.callableInDoubt(name) {
		return nil, Unknown
	}
	var out []*Function
	ok := s.eachCallable(schema, func(in *namespace) {
		for _, oid := range in.functions[name] {
			out = append(out, s.Snapshot.functions[oid])
		}
	})
	return out, foundIf(ok, len(out) > 0)
}

// Operators are the operators that a name may mean and that are not
// PostgreSQL's own, as Functions are.
func (s Sight) Operators(schema, name string) ([]*Operator, Found) {
	if s.Overlay.callableInDoubt(name) {
		return nil, Unknown
	}
	var out []*Operator
	ok := s.eachCallable(schema, func(in *namespace) {
		for _, oid := range in.operators[name] {
			out = append(out, s.Snapshot.operators[oid])
		}
	})
	return out, foundIf(ok, len(out) > 0)
}

// OwnFunction tells if the name may mean a function of PostgreSQL's own.
func (s Sight) OwnFunction(schema, name string) Found {
	name, is := cut(name), false
	ok := s.eachCallable(schema, func(in *namespace) { is = is || in.ownFunctions[name] })
	return foundIf(ok, is)
}

// OwnOperator tells if the name may mean an operator of PostgreSQL's own.
func (s Sight) OwnOperator(schema, name string) Found {
	is := false
	ok := s.eachCallable(schema, func(in *namespace) { is = is || in.ownOperators[name] })
	return foundIf(ok, is)
}

// FindType looks up a type by its name: one that has a name of its own, so no
// array and no row type of a table.
func (s Sight) FindType(schema, name string) (*Type, Found) {
	in, ok := s.schemas(schema)
	name = cut(name)
	if !ok || s.Overlay.callableInDoubt(name) {
		return nil, Unknown
	}
	for _, schema := range in {
		if n := s.Snapshot.schemas[schema]; n != nil {
			if oid, ok := n.types[name]; ok {
				return s.Snapshot.types[oid], Known
			}
			// The row type of a table hides types further back.
			if _, ok := n.relations[name]; ok {
				return nil, Unknown
			}
		}
	}
	return nil, Missing
}

// eachCallable goes through the schemas in which functions and operators are
// looked for: never that of temporary objects unless the name says so. It is
// false if they are not known.
func (s Sight) eachCallable(schema string, look func(*namespace)) bool {
	in, ok := s.schemas(schema)
	for _, name := range in {
		if n := s.Snapshot.schemas[name]; n != nil && (schema != "" || !isTemporary(name)) {
			look(n)
		}
	}
	return ok
}

func foundIf(sure, is bool) Found {
	switch {
	case !sure:
		return Unknown
	case is:
		return Known
	}
	return Missing
}

// FunctionsNamed are the functions of a name in all schemas that are not
// PostgreSQL's own, by OID: what a call may mean when the path is not known.
func (s *Snapshot) FunctionsNamed(name string) []*Function {
	var oids []OID
	if s != nil {
		for _, in := range s.schemas {
			oids = append(oids, in.functions[cut(name)]...)
		}
	}
	slices.Sort(oids)
	out := make([]*Function, 0, len(oids))
	for _, oid := range oids {
		out = append(out, s.functions[oid])
	}
	return out
}
