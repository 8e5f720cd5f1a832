package policy

import (
	"cmp"
	"slices"

	"github.com/sluice-pg/sluice/policy/catalog"
	"github.com/sluice-pg/sluice/policy/statement"
)

// maxAlso bounds the names under which one column is listed.
const maxAlso = 100

// Book is a catalog with what it says of classes, gathered once.
type Book struct {
	*catalog.Snapshot
	// labels are the classes that the database gives columns, sorted.
	labels []string
	// referrers are the foreign keys that point to a relation.
	referrers map[catalog.OID][]referrer
}

// referrer is a foreign key of a relation.
type referrer struct {
	relation   catalog.OID
	constraint *catalog.Constraint
}

// NewBook gathers what a catalog says of classes.
func NewBook(s *catalog.Snapshot) *Book {
	b := &Book{Snapshot: s, referrers: map[catalog.OID][]referrer{}}
	for r := range s.Relations() {
		for i := range r.Constraints {
			if k := &r.Constraints[i]; k.Type == 'f' {
				b.referrers[k.Refers] = append(b.referrers[k.Refers], referrer{r.OID, k})
			}
		}
		for _, class := range LabelsOf(r) {
			b.labels = addWord(b.labels, class)
		}
	}
	return b
}

// LabelsOf are the classes that the database gives columns of a relation, sorted.
func LabelsOf(r *catalog.Relation) (all []string) {
	for i := range r.Columns {
		classes, _ := labels(&r.Columns[i])
		for _, class := range classes {
			if class != NoClass {
				all = addWord(all, class)
			}
		}
	}
	return all
}

// CatalogFact says what the names of statements mean, as far as the policy
// needs to know. seen is what the session sees of the book. A text that makes or
// moves names and uses them is not known behind the first such statement.
func (p *Policy) CatalogFact(b *Book, seen catalog.Sight, reach Reach, statements []statement.Statement) *CatalogFact {
	f := &CatalogFact{Version: b.Version, Labels: b.labels}
	moved := false
	for i := range statements {
		st := &statements[i]
		one := factOf(b, seen, reach, p, st)
		if moved && !TouchesNothing(st) {
			one.Unknown = append(one.Unknown, "an earlier statement of the same text may have changed what names mean; send them one by one")
		}
		f.Statements = append(f.Statements, one)
		moved = moved || movesNames(st)
	}
	return f
}

// movesNames reports whether a statement may change what the names behind it
// mean.
func movesNames(st *statement.Statement) bool {
	if st.Kind != statement.OrdinaryRead && st.Kind != statement.OrdinaryWrite && st.Node != "CopyStmt" {
		return true
	}
	return slices.ContainsFunc(st.Settings, func(set statement.Setting) bool { return set.Name == "search_path" || set.Name == "*" })
}

// factOf says what the names of one statement mean.
func factOf(book *Book, seen catalog.Sight, reach Reach, p *Policy, st *statement.Statement) StatementFact {
	found := seen.Provenance(st)
	b := &factBuilder{book: book, seen: seen, policy: p, at: map[catalog.ColumnID]int{}, reached: map[catalog.OID][]catalog.ColumnID{}}
	b.fact.Open, b.fact.Unknown = found.Open, found.Unknown
	for _, oid := range found.Relations {
		b.fact.Relations = append(b.fact.Relations, b.name(oid))
	}
	for len(b.fact.Relations) < len(st.Relations) {
		b.fact.Relations = append(b.fact.Relations, RelationFact{})
	}
	for _, read := range found.Reads {
		b.column(read)
	}
	for _, read := range found.Through {
		b.column(read)
	}
	b.calls(reach, st, found)
	b.comment(st)
	b.beneath(found)
	for _, out := range found.Outputs {
		b.output(out)
	}
	b.wrote(st, found)
	return b.fact
}

// factBuilder gathers what is known of one statement.
type factBuilder struct {
	book   *Book
	seen   catalog.Sight
	policy *Policy
	fact   StatementFact
	// at is where a column stands in the fact.
	at map[catalog.ColumnID]int
	// reached are the columns that the result of a function may hold, by the
	// functions that could be followed.
	reached map[catalog.OID][]catalog.ColumnID
}

// name is what the catalog calls a relation; nothing for one that it does not
// have.
func (b *factBuilder) name(oid catalog.OID) RelationFact {
	r := b.seen.Relation(oid)
	if r == nil {
		return RelationFact{}
	}
	return RelationFact{Schema: r.Schema, Name: r.Name}
}

// column adds a column that is read, with the other names of its data that the
// policy or the database gives a class to.
func (b *factBuilder) column(read catalog.Reading) {
	if b.seen.Relation(read.Column.Relation) == nil {
		b.fact.Unknown = append(b.fact.Unknown, "it reads a column that cannot be named")
		return
	}
	f, named := b.described(read.Column)
	if !named {
		return // a system column, such as ctid
	}
	f.Output = read.Output
	b.at[read.Column] = len(b.fact.Columns)
	b.fact.Columns = append(b.fact.Columns, f)
}

// described says what the catalog tells of a column; named is false for one that
// it does not have.
func (b *factBuilder) described(column catalog.ColumnID) (f ColumnFact, named bool) {
	r := b.seen.Relation(column.Relation)
	if r == nil {
		return f, false
	}
	c := r.Column(column.Num)
	if c == nil {
		return f, false
	}
	f = ColumnFact{Schema: r.Schema, Relation: r.Name, Name: c.Name, View: r.Kind == catalog.View, TypeOID: uint32(c.Type), Type: c.TypeName, NotNull: c.NotNull}
	f.Labels, f.LabelFrom = labels(c)
	own := len(f.Labels) > 0
	for _, id := range b.book.SameColumns(column) {
		other := b.book.Relation(id.Relation)
		if id == column || other == nil {
			continue
		}
		same := other.Column(id.Num)
		if same == nil || same.Name != c.Name || len(f.As) >= maxAlso {
			continue
		}
		if classes, from := labels(same); !own {
			for _, class := range classes {
				f.Labels, f.LabelFrom = addWord(f.Labels, class), cmp.Or(f.LabelFrom, from)
			}
		}
		if _, looked := b.policy.ClassesOf(other.Schema, other.Name, same.Name); looked {
			f.As = append(f.As, RelationFact{Schema: other.Schema, Name: other.Name})
		}
	}
	b.constrain(&f, r, c)
	return f, true
}

// constrain adds what has to hold for the values of a column.
func (b *factBuilder) constrain(f *ColumnFact, r *catalog.Relation, c *catalog.Column) {
	for i := range r.Constraints {
		k := &r.Constraints[i]
		at := slices.Index(k.Columns, c.Num)
		if at < 0 {
			continue
		}
		switch k.Type {
		case 'p', 'u', 'x':
			f.Unique = true
		case 'c':
			f.Checked = append(f.Checked, k.Name)
		case 'f':
			if at < len(k.ReferredColumns) {
				b.link(f, k.Refers, k.ReferredColumns[at], k.Name)
			}
		}
	}
	for _, back := range b.book.referrers[r.OID] {
		for at, num := range back.constraint.ReferredColumns {
			if num == c.Num && at < len(back.constraint.Columns) {
				b.link(f, back.relation, back.constraint.Columns[at], back.constraint.Name)
			}
		}
	}
}

// link adds a column that a foreign key links one with.
func (b *factBuilder) link(f *ColumnFact, relation catalog.OID, num int16, name string) {
	r := b.book.Relation(relation)
	if r == nil || len(f.Linked) >= maxAlso {
		return
	}
	c := r.Column(num)
	if c == nil {
		return
	}
	l := LinkFact{Schema: r.Schema, Relation: r.Name, Name: c.Name, Constraint: name}
	l.Labels, l.LabelFrom = labels(c)
	f.Linked = append(f.Linked, l)
}

// beneath lists the relations under those that are named, as far as the policy
// names them, and the classes that the database gives columns of any of them.
func (b *factBuilder) beneath(found *catalog.Provenance) {
	seen := map[catalog.OID]bool{}
	for _, oid := range found.Relations {
		seen[oid] = true
		b.classesIn(b.seen.Relation(oid))
	}
	add := func(oid catalog.OID) {
		r := b.seen.Relation(oid)
		if r == nil || seen[oid] {
			return
		}
		seen[oid] = true
		b.classesIn(r)
		if b.policy.SpeaksOf(r.Schema, r.Name) || b.policy.classifies(r.Schema, r.Name) {
			b.fact.Beneath = append(b.fact.Beneath, b.name(oid))
		}
	}
	for _, oid := range found.Relations {
		b.under(b.seen.Relation(oid), add, 0)
	}
	for _, read := range found.Reads {
		add(read.Column.Relation)
		for _, same := range b.book.SameColumns(read.Column) {
			add(same.Relation)
		}
	}
}

// maxViews is how deep views are followed to what is written through them.
const maxViews = 10

// under calls a function for each relation that a view is made of, or that is a
// partition of one.
func (b *factBuilder) under(r *catalog.Relation, add func(catalog.OID), depth int) {
	if r == nil || depth > maxViews {
		return
	}
	below := slices.Clone(r.Children)
	if r.Kind == catalog.View {
		for _, use := range r.Uses {
			below = append(below, use.Relation)
		}
	}
	for _, oid := range below {
		add(oid)
		b.under(b.seen.Relation(oid), add, depth+1)
	}
}

// classesIn adds the classes that the database gives columns of a relation of
// which the document says nothing.
func (b *factBuilder) classesIn(r *catalog.Relation) {
	if r == nil || len(b.book.labels) == 0 {
		return
	}
	for i := range r.Columns {
		classes, _ := labels(&r.Columns[i])
		if len(classes) == 0 {
			continue
		}
		if _, looked := b.policy.ClassesOf(r.Schema, r.Name, r.Columns[i].Name); looked {
			continue // the document has the say
		}
		for _, class := range classes {
			if class != NoClass {
				b.fact.Classes = addWord(b.fact.Classes, class)
			}
		}
	}
}

// classifies reports whether the document gives a column of a relation a class.
func (p *Policy) classifies(schema, name string) bool {
	found := false
	p.columns.relation(schema, name, func(*columnEntry) { found = true })
	return found
}

// labels are the classes that a database gives a column by its comment, or else
// by its security labels.
func labels(c *catalog.Column) (classes []string, from string) {
	if classes, _ = ClassesInComment(c.Comment); len(classes) > 0 {
		return classes, FromComment
	}
	for _, label := range c.Labels {
		more, _ := ClassesInLabel(label.Text)
		classes = append(classes, more...)
	}
	if len(classes) == 0 {
		return nil, ""
	}
	return classes, FromLabel
}

// TouchesNothing reports whether a statement neither names nor calls anything
// that the catalog could tell about. A cast is a call, too.
func TouchesNothing(st *statement.Statement) bool {
	return (st.Query == nil || st.Query.Bare) && len(st.Relations) == 0 && len(st.Columns) == 0 && len(st.Functions) == 0 && len(st.Operators) == 0 && len(st.Names) == 0
}
