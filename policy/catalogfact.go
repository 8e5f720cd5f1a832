package policy

import (
	"slices"

	"github.com/sluice-pg/sluice/policy/statement"
)

// CatalogFact is what the names of a request mean in its database, as the
// session sees it.
type CatalogFact struct {
	// Version is the digest of the catalog that was read.
	Version string `json:"version,omitempty"`
	// Problem says why the catalog could not be asked, if so; then there is
	// nothing else.
	Problem string `json:"problem,omitempty"`
	// Labels are the classes that the database gives columns by comments and
	// security labels, wherever they are, sorted.
	Labels []string `json:"labels,omitempty"`
	// Statements are those of the request, in their order.
	Statements []StatementFact `json:"statements,omitempty"`
}

// StatementFact is what the names of one statement mean.
type StatementFact struct {
	// Relations are the statement's, in their order. One without a name is
	// not in the catalog.
	Relations []RelationFact `json:"relations,omitempty"`
	// Beneath are relations that the statement reads or writes without naming
	// them: those under a view, and a partition's table.
	Beneath []RelationFact `json:"beneath,omitempty"`
	// Classes are those that the database gives columns of these relations and
	// of the named ones, sorted.
	Classes []string `json:"classes,omitempty"`
	// Columns are the columns of tables that it reads, views followed down
	// to tables.
	Columns []ColumnFact `json:"columns,omitempty"`
	// Outputs are the columns of its result. Without meaning if Open is set.
	Outputs []OutputFact `json:"outputs,omitempty"`
	// Open is true if the columns of the result cannot be told: each could
	// hold anything.
	Open bool `json:"open,omitempty"`
	// Writes are the places that it puts values of columns in, where its text
	// does not tell that it copies. Those of its own class may be there.
	Writes []WriteFact `json:"writes,omitempty"`
	// Unknown says what could not be followed; then the statement may read
	// more than Columns says.
	Unknown []string `json:"unknown,omitempty"`
	// Effects are those that its text does not tell, such as a trigger that
	// sends rows elsewhere.
	Effects []statement.Effect `json:"effects,omitempty"`
}

// RelationFact is a relation of the catalog.
type RelationFact struct {
	Schema string `json:"schema,omitempty"`
	Name   string `json:"name,omitempty"`
}

// ColumnFact is a column of a table.
type ColumnFact struct {
	Schema   string `json:"schema"`
	Relation string `json:"relation"`
	Name     string `json:"name"`
	// As are other names of the same data: the column of a partition's table,
	// or those of its partitions.
	As []RelationFact `json:"as,omitempty"`
	// Labels are the classes that the database itself gives it, by a comment
	// or a security label.
	Labels []string `json:"labels,omitempty"`
	// LabelFrom is FromComment or FromLabel.
	LabelFrom string `json:"label_from,omitempty"`
	// View is true for a column of a view: nobody has to look at it, because all
	// it shows is in other columns of the fact.
	View bool `json:"view,omitempty"`
	// Output is true if its values may be in what comes out.
	Output bool `json:"output,omitempty"`
	// TypeOID and Type are the column's type (pg_type.oid and format_type).
	TypeOID uint32 `json:"type_oid,omitempty"`
	Type    string `json:"type,omitempty"`
	// NotNull and Unique say that no value may be NULL, or be there twice.
	NotNull bool `json:"not_null,omitempty"`
	Unique  bool `json:"unique,omitempty"`
	// Checked are the names of the CHECK constraints that it is part of.
	Checked []string `json:"checked,omitempty"`
	// Linked are the columns that foreign keys link it with, either way.
	Linked []LinkFact `json:"linked,omitempty"`
}

// LinkFact is a column that holds the same values as another, because a
// foreign key says so.
type LinkFact struct {
	Schema     string   `json:"schema"`
	Relation   string   `json:"relation"`
	Name       string   `json:"name"`
	Labels     []string `json:"labels,omitempty"`
	LabelFrom  string   `json:"label_from,omitempty"`
	Constraint string   `json:"constraint"`
}

// OutputFact is a column of a result.
type OutputFact struct {
	Name string `json:"name,omitempty"`
	// Origins are indexes into the statement's Columns: columns of tables
	// first, then those of views that the values come through.
	Origins []int `json:"origins,omitempty"`
	// Exact is true if it holds the values of its first origin as they are.
	Exact bool `json:"exact,omitempty"`
	// Open is true if it may hold anything.
	Open bool `json:"open,omitempty"`
}

// fact is what the catalog says about the statement that is judged, nil if it
// was not asked or could not tell.
func (c *ruling) fact() *StatementFact {
	f := c.judge.req.Facts.Catalog
	if f == nil || f.Problem != "" || c.index < 0 || c.index >= len(f.Statements) || c.inner {
		return nil
	}
	return &f.Statements[c.index]
}

// told reports whether the catalog tells all that the statement reads.
func (f *StatementFact) told() bool { return f != nil && !f.Open && len(f.Unknown) == 0 }

// Told reports whether the catalog tells all that the statements read.
func (f *CatalogFact) Told() bool {
	return f.Problem == "" && !slices.ContainsFunc(f.Statements, func(one StatementFact) bool { return len(one.Unknown) > 0 })
}

// withCatalog judges the statement by what its names mean: relations and their
// columns get the schema that the text leaves out, and effects that only the
// catalog shows are added.
func (c *ruling) withCatalog() {
	f := c.fact()
	if f == nil {
		return
	}
	changed := *c.st
	changed.Relations = withSchemas(c.st.Relations, f.Relations)
	changed.Columns = columnsWithSchemas(c.st.Columns, c.st.Relations, f.Relations)
	if len(f.Effects) > 0 {
		changed.Effects = slices.SortedStableFunc(slices.Values(slices.Concat(c.st.Effects, f.Effects)),
			func(a, b statement.Effect) int { return int(a.Kind) - int(b.Kind) })
		changed.Kind = worstOf(changed.Effects)
	}
	c.st = &changed
}

// withSchemas puts schemas before the names of relations.
func withSchemas(relations []statement.Relation, facts []RelationFact) []statement.Relation {
	out := slices.Clone(relations)
	for i := range out {
		if i < len(facts) && facts[i].Name == ShortName(out[i].Name) && out[i].Schema == "" {
			out[i].Schema = facts[i].Schema
		}
	}
	return out
}

// columnsWithSchemas puts schemas before the names of columns whose relation is
// written without one, if that name means one relation only.
func columnsWithSchemas(columns []statement.Column, relations []statement.Relation, facts []RelationFact) []statement.Column {
	meant := map[string]string{}
	for i, r := range relations {
		if r.Schema != "" {
			continue
		}
		schema := ""
		if i < len(facts) && facts[i].Name == ShortName(r.Name) {
			schema = facts[i].Schema
		}
		if before, seen := meant[r.Name]; seen && before != schema {
			schema = ""
		}
		meant[r.Name] = schema
	}
	out := slices.Clone(columns)
	for i := range out {
		if out[i].Schema == "" && out[i].Relation != "" {
			out[i].Schema = meant[out[i].Relation]
		}
	}
	return out
}

// unsoundCatalog says what keeps the facts about the catalog from being
// believed, or "".
func unsoundCatalog(req *Request) string {
	f := req.Facts.Catalog
	if f == nil || f.Problem != "" {
		return ""
	}
	if len(f.Statements) != len(req.Statements) {
		return "the catalog was asked about other statements than these"
	}
	for i := range f.Statements {
		one := &f.Statements[i]
		if len(one.Relations) != len(req.Statements[i].Relations) {
			return "the catalog was asked about other relations than those of the statement"
		}
		for _, o := range one.Outputs {
			if o.Exact && len(o.Origins) == 0 {
				return "a column of the result is that of a table, and none is named"
			}
			for _, at := range o.Origins {
				if at < 0 || at >= len(one.Columns) {
					return "a column of the result comes from none of the columns that are read"
				}
			}
		}
		if why := unsoundWrites(one); why != "" {
			return why
		}
		for _, e := range one.Effects {
			if !everyKind.has(e.Kind) {
				return "the catalog tells of an effect of no kind"
			}
		}
	}
	return ""
}

// NeedsCatalog reports whether decisions of this policy look at what the
// database's catalog says: if it knows of classes of columns, which the database may
// give as well, masks them, or has rows carried.
func (p *Policy) NeedsCatalog() bool {
	if p == nil {
		return false
	}
	masks := func(r *rule) bool { return r.effect == Mask || r.effect == Carry }
	atClient := func(c client) bool { return len(c.masks) > 0 }
	return len(p.classNames) > 0 || len(p.columns.entries) > 0 || len(p.masks) > 0 || slices.ContainsFunc(p.leave, masks) ||
		slices.ContainsFunc(p.clients, atClient)
}

// SpeaksOf reports whether a rule names a relation, so that it matters that a
// statement reaches it.
func (p *Policy) SpeaksOf(schema, name string) bool {
	if p == nil {
		return false
	}
	for _, r := range p.rules {
		if matchesAny(r.relations, schema, name, pattern.couldBe) {
			return true
		}
	}
	return false
}
