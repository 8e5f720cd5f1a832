package catalog

import (
	"fmt"
	"strings"

	"github.com/sluice-pg/sluice/policy/statement"
)

// value notes that values of a type are handled, and follows what that runs:
// the checks of domains, and the functions of types that are not PostgreSQL's
// own.
func (w *reach) value(oid OID) {
	s := w.code.snapshot
	if element, isArray := s.elements[oid]; isArray {
		oid = element
	}
	if oid < FirstUser || w.types[oid] {
		return
	}
	w.types[oid] = true
	if rel := s.relations[s.rows[oid]]; rel != nil {
		w.valuesOf(rel)
		return
	}
	t := s.types[oid]
	if t == nil {
		return
	}
	w.follow(visit{oid: oid, role: 't'}, w.path, func() { w.typeOf(t) })
}

// typeOf follows what values of a type run.
func (w *reach) typeOf(t *Type) {
	for _, f := range t.Functions {
		w.call(f, w.callers)
	}
	w.value(t.Base)
	w.value(t.Element)
	if rel := w.code.snapshot.relations[t.Relation]; rel != nil {
		w.valuesOf(rel)
	}
	for i, check := range t.Checks {
		if strings.Contains(check, "(") {
			w.frozen(fmt.Sprintf("type %d check %d", t.OID, i), statement.Code{Language: "expression", Text: check}, "domain "+words(t.Schema, t.Name))
		}
	}
}

// valuesOf notes the types of a relation's columns.
func (w *reach) valuesOf(rel *Relation) {
	for i := range rel.Columns {
		w.value(rel.Columns[i].Type)
	}
}

// isRow reports whether values of a type have fields.
func (w *reach) isRow(oid OID) bool {
	s := w.code.snapshot
	if s.relations[s.rows[oid]] != nil {
		return true
	}
	t := s.types[oid]
	return t != nil && (t.Kind == 'c' || t.Schema == systemSchema && t.Name == "record")
}

// unwritten are operators that stand behind words: BETWEEN, DISTINCT, ORDER
// BY, GROUP BY, UNION, CASE x WHEN, NULLIF, IN, JOIN ... USING.
var unwritten = []string{"=", "<>", "<", ">", "<=", ">="}

// typed follows the operators and casts that are not PostgreSQL's own: those
// whose names and types were met, and those of PostgreSQL's own types only.
func (w *reach) typed() {
	s := w.code.snapshot
	for _, o := range s.operators {
		if w.apply(o) && w.met(o.Left, o.Right) {
			w.function(o.Function)
			for _, f := range o.Support {
				w.function(f)
			}
			w.value(o.Result)
		}
	}
	for i := range s.Casts {
		if c := &s.Casts[i]; w.met(c.Source, c.Target) {
			w.function(c.Function)
		}
	}
}

// apply reports whether an operator could be one of those that were named, or
// that stand behind words.
func (w *reach) apply(o *Operator) bool {
	if w.operators[operatorName{"", o.Name}] || w.operators[operatorName{o.Schema, o.Name}] {
		return true
	}
	for _, name := range unwritten {
		if o.Name == name {
			return true
		}
	}
	return false
}

// met reports whether values of these types could be what something applies
// to: all of those that are not PostgreSQL's own were met.
func (w *reach) met(types ...OID) bool {
	for _, t := range types {
		if element, isArray := w.code.snapshot.elements[t]; isArray {
			t = element
		}
		if t >= FirstUser && !w.types[t] {
			return false
		}
	}
	return true
}
