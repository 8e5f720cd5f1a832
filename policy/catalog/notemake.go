package catalog

import (
	"math"
	"slices"

	"github.com/sluice-pg/sluice/policy/statement"
)

// create notes a relation that is made. Where there is already one of the
// name, the statement fails or, with IF NOT EXISTS, leaves it alone; or the
// snapshot is old, and then the name is in doubt.
func (n *note) create(c statement.Change) {
	name := n.target(c)
	if name.schema == everywhere {
		n.set(name, nil)
		return
	}
	there, found := n.findIn(name.schema, name.name)
	switch {
	case found == Known && c.IfExists:
		return
	case found == Known && c.Replace && there.Kind == View:
		n.set(name, n.replaced(there, c))
		return
	case found == Known, found == Unknown && (c.IfExists || c.Replace):
		n.set(name, nil)
		return
	}
	r := &Relation{OID: n.number(), Schema: name.schema, Name: name.name, Kind: kindOf(c.Kind), Persistence: 'p', Open: c.Open}
	r.Made = &Making{Statement: n.statement, Sight: n.before}
	if name.schema == temporary {
		r.Persistence = 't'
	}
	n.inherit(r, c)
	n.like(r, c)
	for _, column := range c.Columns {
		addColumn(r, Column{Name: cut(column.Name), TypeName: column.Type})
	}
	n.set(name, r)
	if c.DropsOnCommit {
		n.Overlay.dropsOnCommit[name] = true
	}
}

// replaced is a view whose query is another one now. It keeps its OID, which
// is what policies know it by.
func (n *note) replaced(view *Relation, c statement.Change) *Relation {
	r := *view
	r.Query, r.Uses, r.Open, r.Recoded = "", nil, true, true
	r.Made = &Making{Statement: n.statement, Sight: n.before}
	return &r
}

// target is where a relation is made: the first schema of the path that is
// not PostgreSQL's own, unless the text says more.
func (n *note) target(c statement.Change) objectName {
	switch {
	case c.Temporary:
		return objectName{temporary, c.Name}
	case c.Schema != "":
		return objectName{c.Schema, c.Name}
	}
	for _, schema := range n.Path {
		if !isTemporary(schema) && !ownSchema(schema) {
			return objectName{schema, c.Name}
		}
	}
	return objectName{everywhere, c.Name}
}

func kindOf(words string) RelationKind {
	switch words {
	case "partitioned table":
		return PartitionedTable
	case "view":
		return View
	case "materialized view":
		return MaterializedView
	case "foreign table":
		return ForeignTable
	case "sequence":
		return Sequence
	}
	return Table
}

// number is the OID of one more relation: from the end of the numbers, where a
// server gets after four thousand million objects.
func (n *note) number() OID {
	o := n.Overlay
	if o.next == 0 {
		o.next = math.MaxUint32
	}
	for n.Snapshot.Relation(o.next) != nil {
		o.next--
	}
	o.next--
	return o.next + 1
}

// inherit gives a new relation the columns of those it inherits from, each
// name once, and makes it their child.
func (n *note) inherit(r *Relation, c statement.Change) {
	for _, parent := range c.Parents {
		p, found := n.before.Find(parent.Schema, parent.Name)
		if found != Known {
			r.Open = true
			continue
		}
		r.Parents = append(r.Parents, p.OID)
		r.Partition = r.Partition || p.Kind == PartitionedTable
		r.Open = r.Open || p.Open
		for _, column := range p.Columns {
			if !slices.ContainsFunc(r.Columns, func(c Column) bool { return c.Name == column.Name }) {
				addColumn(r, column)
			}
		}
		child := r.OID
		n.alter(p, func(p *Relation) { p.Children = append(slices.Clone(p.Children), child) })
	}
}

// like gives a new relation the columns of those whose columns it copies.
func (n *note) like(r *Relation, c statement.Change) {
	for _, other := range c.Likes {
		o, found := n.before.Find(other.Schema, other.Name)
		if found != Known {
			r.Open = true
			continue
		}
		// Columns of its own may stand before the copied ones.
		r.Open = r.Open || o.Open || len(c.Columns) > 0 || len(c.Likes) > 1
		for _, column := range o.Columns {
			addColumn(r, column)
		}
	}
}

// addColumn gives a new relation one more column. Comments stay behind.
func addColumn(r *Relation, c Column) {
	if slices.ContainsFunc(r.Columns, func(other Column) bool { return other.Name == c.Name }) {
		return
	}
	c.Num = int16(len(r.Columns) + 1)
	c.Comment, c.Labels = "", nil
	r.Columns = append(r.Columns, c)
}
