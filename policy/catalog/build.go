package catalog

// NewSnapshot makes a snapshot of relations and functions that the caller has,
// as a test does. The values become the snapshot's. Load makes those of
// servers.
func NewSnapshot(relations []*Relation, functions []*Function) *Snapshot {
	s := newSnapshot()
	for _, r := range relations {
		s.addRelation(r)
	}
	for _, f := range functions {
		s.addFunction(f)
	}
	return s
}

func newSnapshot() *Snapshot {
	return &Snapshot{
		relations: map[OID]*Relation{}, functions: map[OID]*Function{}, operators: map[OID]*Operator{},
		types: map[OID]*Type{}, schemas: map[string]*namespace{}, shapes: &shapes{},
		elements: map[OID]OID{}, rows: map[OID]OID{}, unread: map[OID]bool{},
	}
}

// in returns the schema of a name, made if it is new.
func (s *Snapshot) in(name string) *namespace {
	in := s.schemas[name]
	if in == nil {
		in = &namespace{
			relations: map[string]OID{}, others: map[string]other{}, functions: map[string][]OID{}, operators: map[string][]OID{},
			types: map[string]OID{}, ownFunctions: map[string]bool{}, ownOperators: map[string]bool{},
		}
		s.schemas[name] = in
	}
	return in
}

func (s *Snapshot) addRelation(r *Relation) {
	s.relations[r.OID] = r
	if r.RowType != 0 {
		s.rows[r.RowType] = r.OID
	}
	s.in(r.Schema).relations[r.Name] = r.OID
}

func (s *Snapshot) addFunction(f *Function) {
	s.functions[f.OID] = f
	in := s.in(f.Schema)
	in.functions[f.Name] = append(in.functions[f.Name], f.OID)
}

func (s *Snapshot) addOperator(o *Operator) {
	s.operators[o.OID] = o
	in := s.in(o.Schema)
	in.operators[o.Name] = append(in.operators[o.Name], o.OID)
}

func (s *Snapshot) addType(t *Type) {
	s.types[t.OID] = t
	s.in(t.Schema).types[t.Name] = t.OID
}
