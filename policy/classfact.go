package policy

import (
	"slices"

	"github.com/sluice-pg/sluice/policy/statement"
)

// labelled stands for a class that the database itself gives a column, so that
// it counts like an entry of the document.
func labelled(class ColumnClass, name string) *columnEntry {
	return &columnEntry{class: class.Class, text: name + " (" + class.Text + " in its " + class.Source + ")"}
}

// ClassesOfFact lists the classes of a column of the catalog, under all its names,
// sorted.
func (p *Policy) ClassesOfFact(col *ColumnFact) (classes []string) {
	if p == nil {
		return nil
	}
	entries, _ := p.classesOf(col)
	for _, e := range entries {
		classes = addWord(classes, e.class)
	}
	return classes
}

// classesOf lists the classes of a column of the catalog, under all its names,
// and tells whether anybody has looked at it.
func (p *Policy) classesOf(col *ColumnFact) (entries []*columnEntry, looked bool) {
	t := &p.columns
	add := func(schema, relation string) {
		if t.isCleared(schema, relation, col.Name) {
			looked = true
			return
		}
		name := columnName{schema, relation, col.Name}
		t.relation(schema, relation, func(e *columnEntry) {
			if e.matches(name) {
				entries = append(entries, e)
			}
		})
		if len(t.vague) > 0 {
			_, vague := p.ClassesOf(schema, relation, col.Name)
			looked = looked || vague
		}
	}
	add(col.Schema, col.Relation)
	for _, also := range col.As {
		add(also.Schema, also.Name)
	}
	if len(entries) > 0 || t.isCleared(col.Schema, col.Relation, col.Name) {
		return entries, true
	}
	for _, class := range col.Labels {
		if class == NoClass {
			looked = true
			continue
		}
		said := ColumnClass{Class: class, Source: col.LabelFrom, Text: classWord + class}
		entries = append(entries, labelled(said, col.Schema+"."+col.Relation+"."+col.Name))
	}
	if len(entries) == 0 && !looked {
		entries = p.linkedClasses(col)
	}
	return entries, looked || len(entries) > 0
}

// linkedClasses are the classes of the columns that hold the same values as one
// of which nobody has said anything, because a foreign key says so.
func (p *Policy) linkedClasses(col *ColumnFact) (entries []*columnEntry) {
	for _, l := range col.Linked {
		more, _ := p.classesOf(&ColumnFact{Schema: l.Schema, Relation: l.Relation, Name: l.Name, Labels: l.Labels, LabelFrom: l.LabelFrom})
		entries = append(entries, more...)
	}
	return entries
}

// touchedInFact adds the classes of the columns that the catalog says the
// statement reads. One that gives no rows, such as LOCK, brings nothing out of
// the relations that it names, unless it sends them elsewhere.
func (p *Policy) touchedInFact(out *touch, f *StatementFact, st *statement.Statement) {
	gives := bringsOut(st)
	for i := range f.Columns {
		col := &f.Columns[i]
		entries, looked := p.classesOf(col)
		for _, e := range entries {
			out.add(e, col.Output && gives)
		}
		if len(entries) == 0 && !looked && !col.View {
			out.unclassified = true
		}
	}
}

// bringsOut reports whether values of columns can come out of a statement.
// A procedure gives back what its parameters hold at its end.
func bringsOut(st *statement.Statement) bool {
	return columnsTold[st.Node] || st.Node == "CallStmt" || goesOutward(st)
}

// everyEntry lists the entries that stand for whatever a statement may reach:
// those of the document, and the classes that the database gives.
func (j *judge) everyEntry() []*columnEntry {
	all := j.policy.columns.entries
	f := j.req.Facts.Catalog
	if f == nil {
		return all
	}
	all = all[:len(all):len(all)]
	for _, class := range f.Labels {
		all = append(all, &columnEntry{class: class, text: "a column that the database gives this class"})
	}
	return append(all, j.untold()...)
}

// untold are the classes that only the database can give to columns, where its
// catalog could not be read.
func (j *judge) untold() (entries []*columnEntry) {
	if f := j.req.Facts.Catalog; f == nil || f.Problem == "" {
		return nil
	}
	for _, class := range j.policy.classNames {
		if !slices.ContainsFunc(j.policy.columns.entries, func(e *columnEntry) bool { return e.class == class }) {
			entries = append(entries, &columnEntry{class: class, text: "a column of a database whose catalog could not be read"})
		}
	}
	return entries
}

// namesRelations reports whether a statement names a relation that is not surely
// one of PostgreSQL's own.
func namesRelations(st *statement.Statement) bool {
	return slices.ContainsFunc(st.Relations, func(r statement.Relation) bool {
		return r.Schema != "pg_catalog" && r.Schema != "information_schema"
	})
}

// touched says which classes the statement may touch: by the catalog if it
// tells all, and else by names as well.
func (c *ruling) touched() touch {
	f := c.fact()
	t := &c.judge.policy.columns
	out := touch{}
	all := c.judge.everyEntry()
	if f != nil {
		c.judge.policy.touchedInFact(&out, f, c.st)
	}
	if len(all) == 0 {
		return out
	}
	out.unnamed = reachesUnnamed(c.st)
	if namesRelations(c.st) {
		for _, e := range c.judge.untold() {
			out.add(e, bringsOut(c.st))
		}
	}
	for i := range c.st.Columns {
		col := &c.st.Columns[i]
		if samples(c.st, col) {
			for _, e := range all {
				out.add(e, col.Use == statement.Output)
			}
		}
	}
	if f.told() && columnsTold[c.st.Node] {
		return out
	}
	t.byName(&out, c.st)
	return out
}
