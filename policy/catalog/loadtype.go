package catalog

import "context"

// readTypes reads types, operators and casts.
func (l *loader) readTypes(ctx context.Context) error {
	err := l.steps(ctx, []step{
		{askTypes, func(r *row) {
			l.snapshot.addType(&Type{OID: r.oid(), Schema: l.schema(r), Name: r.Text(), Kind: r.Char(), Base: r.oid(), Element: r.oid(), Relation: r.oid()})
		}},
		{askTypeFunctions, func(r *row) {
			if t := l.snapshot.types[r.oid()]; t != nil {
				t.Functions = append(t.Functions, r.oid())
			}
		}},
		{askOwnOperators, func(r *row) { l.snapshot.in(l.schema(r)).ownOperators[r.Text()] = true }},
		{askOperators, l.operator},
		{askCasts, func(r *row) {
			l.snapshot.Casts = append(l.snapshot.Casts, Cast{OID: r.oid(), Source: r.oid(), Target: r.oid(), Function: r.oid(), Context: r.Char()})
		}},
	})
	if err == nil {
		l.settleBases()
	}
	return err
}

// operator reads an operator, or one more support function of it.
func (l *loader) operator(r *row) {
	o := &Operator{OID: r.oid(), Schema: l.schema(r), Name: r.Text(), Left: r.oid(), Right: r.oid(), Result: r.oid(), Function: r.oid()}
	support := r.oid()
	if known := l.snapshot.operators[o.OID]; known != nil {
		o = known
	} else {
		l.snapshot.addOperator(o)
	}
	if support != 0 && support != o.Function {
		o.Support = append(o.Support, support)
	}
}

// settleBases looks below the domains that columns have as types.
func (l *loader) settleBases() {
	for _, rel := range l.snapshot.relations {
		for i := range rel.Columns {
			rel.Columns[i].BaseType = l.snapshot.base(rel.Columns[i].Type)
		}
	}
}

// base is the type below a domain, or below domains over domains.
func (s *Snapshot) base(oid OID) OID {
	for t := s.types[oid]; t != nil && t.Kind == 'd' && t.Base != 0; t = s.types[oid] {
		oid = t.Base
	}
	return oid
}
