package catalog

import (
	"fmt"
	"slices"

	"github.com/sluice-pg/sluice/policy/quote"
	"github.com/sluice-pg/sluice/policy/statement"
)

// write follows what writing rows of a relation runs.
func (w *reach) write(oid OID, ops WriteOps) {
	rel := w.code.snapshot.relations[oid]
	if rel == nil {
		w.unseen("a relation that it writes is not in the catalog")
		return
	}
	w.follow(visit{oid: oid, role: 'w', ops: ops}, w.path, func() { w.writing(rel, ops) })
}

func (w *reach) writing(rel *Relation, ops WriteOps) {
	w.relations[rel.OID], w.writes[rel.OID] = true, true
	w.valuesOf(rel)
	if rel.Kind == ForeignTable {
		w.foreign(rel, true)
	}
	w.triggers(rel, ops)
	if rel.Rules > 0 {
		w.rules(rel)
	}
	switch rel.Kind {
	case View:
		w.through(rel, ops)
		return
	case MaterializedView: // REFRESH
		w.query(rel, false)
		return
	}
	if ops&(Inserts|Updates) != 0 {
		w.expressions(rel)
	}
	if rel.Policies > 0 && rel.RowSecurity {
		w.hung(rel, PolicyCode, rel.Policies)
	}
	for _, child := range rel.Children {
		w.write(child, ops)
	}
	if rel.Partition && ops&Updates != 0 { // a row may move to another one
		for _, parent := range rel.Parents {
			w.write(parent, ops|Inserts|Deletes)
		}
	}
	w.referred(rel, ops)
}

// triggers follows the triggers that fire. They see whole rows.
func (w *reach) triggers(rel *Relation, ops WriteOps) {
	for i, t := range rel.Triggers {
		if t.Enabled == 'D' || t.Type != 0 && WriteOps(t.Type)&ops == 0 {
			continue
		}
		w.row(rel, true)
		w.function(t.Function)
		if t.When != "" {
			w.frozen(fmt.Sprintf("relation %d trigger %d", rel.OID, i), statement.Code{Language: "sql", Text: t.When}, "trigger "+quote.Name(t.Name)+" of "+words(rel.Schema, rel.Name))
		}
	}
}

// rules follows rewrite rules. What they write is among what they refer to.
func (w *reach) rules(rel *Relation) {
	w.row(rel, true)
	w.hung(rel, RuleCode, rel.Rules)
}

// through follows a write to a view down to its tables, unless a trigger or a
// rule takes its place; that it may do both only adds to it.
func (w *reach) through(rel *Relation, ops WriteOps) {
	var below []OID
	for _, used := range rel.Uses {
		if !slices.Contains(below, used.Relation) {
			below = append(below, used.Relation)
		}
	}
	instead := slices.ContainsFunc(rel.Triggers, func(t Trigger) bool { return t.Type&insteadOf != 0 })
	w.read(rel.OID, false)
	if instead || rel.OID < FirstUser {
		return
	}
	for _, oid := range below {
		w.write(oid, ops)
	}
}

// insteadOf is the bit of pg_trigger.tgtype for INSTEAD OF.
const insteadOf = 64

// referred follows foreign keys: those that change rows of their own when the
// row they point to changes, and those of the relation, which look up whether
// there is such a row.
func (w *reach) referred(rel *Relation, ops WriteOps) {
	for _, k := range w.code.referring[rel.OID] {
		var then WriteOps
		if ops&Updates != 0 && acts(k.onUpdate) {
			then |= Updates
		}
		if ops&Deletes != 0 && acts(k.onDelete) {
			then |= Updates | Deletes
		}
		if ops&Truncates != 0 {
			then |= Truncates // CASCADE
		}
		if then != 0 {
			w.write(k.from, then)
		}
	}
	for _, k := range rel.Constraints {
		if k.Type != 'f' {
			continue
		}
		w.relations[k.Refers] = true
		for _, num := range k.ReferredColumns {
			w.readColumn(ColumnID{k.Refers, num}, false)
		}
	}
}

// acts reports whether a foreign key changes rows of its own: it does not with
// NO ACTION and RESTRICT.
func acts(action byte) bool { return action != 'a' && action != 'r' && action != 0 }
