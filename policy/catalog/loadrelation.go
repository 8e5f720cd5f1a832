package catalog

import (
	"context"
	"math"
	"slices"
)

// readRelations reads relations and what hangs on them.
func (l *loader) readRelations(ctx context.Context) error {
	columns := columnsReader{loader: l}
	if err := l.ask(ctx, askRelations, l.relation); err != nil {
		return err
	}
	l.placeToast()
	if err := l.ask(ctx, askColumns, columns.read); err != nil {
		return err
	}
	columns.flush()
	if err := l.each(ctx, askWritten, func(r *row) { l.of(r, func(rel *Relation) { rel.Written = r.Number(math.MaxInt64) }) }); err != nil {
		return err
	}
	return l.steps(ctx, []step{
		{askInherits, l.inherit},
		{askTriggers, l.trigger},
		{askConstraints, l.constraint},
		{askUniqueIndexes, l.constraint},
		{askComments, l.comment},
		{askLabels, l.label},
		{askRules, func(r *row) { l.of(r, func(rel *Relation) { rel.Rules = int(r.oid()) }) }},
		{askPolicies, func(r *row) { l.of(r, func(rel *Relation) { rel.Policies = int(r.oid()) }) }},
	})
}

func (l *loader) relation(r *row) {
	rel := &Relation{OID: r.oid(), Schema: l.schema(r), Name: r.Text(), Kind: RelationKind(r.Char()), Persistence: r.Char(), Owner: r.Text()}
	rel.RowSecurity, rel.ForceRowSecurity, rel.Partition = r.Bool(), r.Bool(), r.Bool()
	rel.RowType = r.oid()
	toast, of := r.oid(), r.oid()
	rel.Server = r.Text()
	if toast != 0 {
		l.toast[toast] = rel.OID
	}
	switch rel.Kind {
	case Index, PartitionedIndex, Toast:
		l.snapshot.in(rel.Schema).others[rel.Name] = other{oid: rel.OID, of: of, kind: rel.Kind}
	default:
		l.snapshot.addRelation(rel)
	}
}

// placeToast gives TOAST tables their tables.
func (l *loader) placeToast() {
	for _, in := range l.snapshot.schemas {
		for name, o := range in.others {
			if o.kind == Toast {
				o.of = l.toast[o.oid]
				in.others[name] = o
			}
		}
	}
	l.toast = nil
}

// of reads the OID of a relation and goes on if the snapshot has it: TOAST
// tables and indexes are not there.
func (l *loader) of(r *row, read func(*Relation)) {
	if rel := l.snapshot.relations[r.oid()]; rel != nil {
		read(rel)
	}
}

// columnsReader collects the columns of one relation after the other, so that
// each relation keeps no more room than it needs.
type columnsReader struct {
	*loader
	current *Relation
	columns []Column
}

func (c *columnsReader) read(r *row) {
	oid := r.oid()
	if c.current == nil || c.current.OID != oid {
		c.flush()
		c.current = c.snapshot.relations[oid]
	}
	column := Column{Num: r.small(), Name: r.Text(), Type: r.oid(), TypeName: r.Text(), NotNull: r.Bool(), Generated: r.Char(), Identity: r.Char()}
	column.BaseType = column.Type
	if r.Bool() && oid >= FirstUser {
		c.withDefaults = append(c.withDefaults, oid)
	}
	c.columns = append(c.columns, column)
}

func (c *columnsReader) flush() {
	if c.current != nil {
		c.current.Columns = slices.Clone(c.columns)
	}
	c.columns = c.columns[:0]
}

// Column returns the column of a number, nil if there is none.
func (r *Relation) Column(num int16) *Column {
	at, found := slices.BinarySearchFunc(r.Columns, num, func(c Column, num int16) int { return int(c.Num) - int(num) })
	if !found {
		return nil
	}
	return &r.Columns[at]
}

func (l *loader) inherit(r *row) {
	l.of(r, func(child *Relation) {
		l.of(r, func(parent *Relation) {
			child.Parents = append(child.Parents, parent.OID)
			parent.Children = append(parent.Children, child.OID)
		})
	})
}

func (l *loader) trigger(r *row) {
	l.of(r, func(rel *Relation) {
		rel.Triggers = append(rel.Triggers, Trigger{Name: r.Text(), Function: r.oid(), Enabled: r.Char(), Type: r.small()})
	})
}

func (l *loader) constraint(r *row) {
	l.of(r, func(rel *Relation) {
		rel.Constraints = append(rel.Constraints, Constraint{
			Name: r.Text(), Type: r.Char(), Columns: r.numbers(), Refers: r.oid(), ReferredColumns: r.numbers(),
		})
	})
}

func (l *loader) comment(r *row) {
	l.of(r, func(rel *Relation) {
		num := r.small()
		if c := rel.Column(num); c != nil {
			c.Comment = r.Text()
		} else if num == 0 {
			rel.Comment = r.Text()
		}
	})
}

func (l *loader) label(r *row) {
	l.of(r, func(rel *Relation) {
		num := r.small()
		label := Label{Provider: r.Text(), Text: r.Text()}
		if c := rel.Column(num); c != nil {
			c.Labels = append(c.Labels, label)
		} else if num == 0 {
			rel.Labels = append(rel.Labels, label)
		}
	})
}
