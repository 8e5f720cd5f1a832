package transfer

import (
	"slices"

	"github.com/sluice-pg/sluice/policy/mask"
	"github.com/sluice-pg/sluice/policy/quote"
)

// relation is a table of the source, or the result of a query, as it is to be
// made again.
type relation struct {
	item int
	oid  string // at the source; empty for a query
	// schema and name are those at the source, empty for a query.
	schema, name string
	query        string
	where        string
	searchPath   []string // by which names in query and where are meant
	// partitioned is true for a table that has no rows itself.
	partitioned bool
	partKey     string // pg_get_partkeydef
	bound       string // of a partition
	parent      *relation
	parts       []*relation
	rls         bool
	options     []string // reloptions, as key=value
	comment     string
	bytes       uint64 // on disk
	pages       uint64

	columns     []*column
	constraints []*constraint
	keeps       []string // names of those that masked values satisfy, as was decided
	indexes     []*index
	policies    []*policy
	sequences   []*sequence

	// target and targetName are where it is to be, stage where it is loaded.
	target, targetName, stage string
	existing                  Existing
	// unseen is true for a partition that the role may read only as part of what it
	// belongs to.
	unseen bool
	// path are schemas of the destination with types and extensions that are used:
	// definitions name them without.
	path []string
	// targetOID is the OID of the table that is made, at the destination.
	targetOID uint32
	// replaced is the table that has the name, for Swap and Append; 0 if none.
	replaced uint32
	binary   bool
	// byCTID is true if ranges of pages can be read by themselves.
	byCTID bool
	// frozen is true once the rows are there and were loaded as ones that everybody sees.
	frozen bool
}

// column is one that is made at the destination.
type column struct {
	name     string
	typ      *typeUse
	notNull  bool
	identity string // a, d, or empty
	// generated is s, v, or empty; expression is its expression, else the
	// default's.
	generated  string
	expression string
	// uses are the columns that the expression of a generated column reads.
	uses        []string
	collation   string
	storage     string // empty for the type's own
	compression string
	comment     string
	mask        mask.Mask
	// sequence is what the default or identity takes its values from.
	sequence *sequence
}

// constraint is one of pg_constraint.
type constraint struct {
	oid, name  string
	kind       string // c, f, p, u, x
	definition string // pg_get_constraintdef
	columns    []string
	refers     string // OID of the other table
	refersTo   []string
	validated  bool
	enforced   bool
	inherited  bool
	deferrable bool
	deferred   bool
	period     bool
	match      string
	onUpdate   string
	onDelete   string
	deleteSets []string
	index      string // OID of its index
	nullsEqual bool
	expression string
}

// index is one of pg_index.
type index struct {
	oid, name  string
	definition string // what follows the table's name in pg_get_indexdef
	unique     bool
	columns    []string // every column that it reads
	// keys are plain columns, in order; nil if there are expressions.
	keys       []string
	expression string
	where      string
	nullsEqual bool
	// attached is true for an index that is part of one of the parent's.
	attached bool
	size     uint64
	comment  string
}

// policy is one of pg_policy.
type policy struct {
	oid, name  string
	command    string // r, a, w, d, *
	permissive bool
	roles      []string // none for PUBLIC
	using      string
	check      string
	columns    []string
	public     bool
}

// sequence belongs to a column.
type sequence struct {
	oid, schema, name       string
	typ                     string
	start, increment        string
	minimum, maximum, cache string
	cycle                   bool
	last                    string // empty if the role may not read it
	called                  bool
}

// stored are the columns that rows bring: all that are not generated.
func (r *relation) stored() []*column {
	var out []*column
	for _, c := range r.columns {
		if c.generated == "" {
			out = append(out, c)
		}
	}
	return out
}

// storedNames are their names.
func (r *relation) storedNames() []string {
	var out []string
	for _, c := range r.stored() {
		out = append(out, c.name)
	}
	return out
}

// column returns one by name.
func (r *relation) column(name string) *column {
	for _, c := range r.columns {
		if c.name == name {
			return c
		}
	}
	return nil
}

// has reports whether all columns are there.
func (r *relation) has(names []string) bool {
	return !slices.ContainsFunc(names, func(n string) bool { return r.column(n) == nil })
}

// at is the statement under which definitions are read at the destination.
func (r *relation) at() string {
	return inSchema(slices.Concat([]string{r.stage}, r.path, []string{r.target})...)
}

// title is how messages name it.
func (r *relation) title() string {
	if r.schema == "" {
		return "the query for " + printable(r.target) + "." + printable(r.targetName)
	}
	return printable(r.schema) + "." + printable(r.name)
}

// staged is its quoted name while it is loaded.
func (r *relation) staged() string { return quote.Qualified(r.stage, r.targetName) }

// published is its quoted name afterwards.
func (r *relation) published() string { return quote.Qualified(r.target, r.targetName) }

// leaves are the tables that have rows, in order.
func (r *relation) leaves() []*relation {
	if !r.partitioned {
		return []*relation{r}
	}
	var out []*relation
	for _, p := range r.parts {
		out = append(out, p.leaves()...)
	}
	return out
}

// all is the relation and what is below, from the top.
func (r *relation) all() []*relation {
	out := []*relation{r}
	for _, p := range r.parts {
		out = append(out, p.all()...)
	}
	return out
}

// throughRoot reports whether rows are read from the top, since a partition cannot
// be read by itself.
func (r *relation) throughRoot() bool {
	return slices.ContainsFunc(r.leaves(), func(x *relation) bool { return x.unseen })
}

// masked reports whether a mask changes one of the columns.
func (r *relation) masked() bool {
	return slices.ContainsFunc(r.stored(), func(c *column) bool { return c.mask.Masks() })
}
