package mask

import (
	"fmt"
	"slices"
	"strings"
)

// Table is a table of which a copy is made, with the masks of its columns.
type Table struct {
	// Name is schema.table.
	Name    string
	Columns []Column
	// Constraints are those that the copy must satisfy, generated columns and
	// domains among them.
	Constraints []Constraint
}

// ConstraintKind is what a constraint demands.
type ConstraintKind uint8

// The kinds of constraints.
const (
	// Unique is a UNIQUE constraint or unique index. With an Expression only
	// lower() of one column is understood.
	Unique ConstraintKind = iota + 1
	PrimaryKey
	// ForeignKey refers from Columns to RefersTo of the table Refers.
	ForeignKey
	// CheckExpression is a CHECK constraint of a table.
	CheckExpression
	// Exclude is an EXCLUDE constraint.
	Exclude
	// Domain is for a column (the only one of Columns) of a domain or
	// enumeration; Name is the type's.
	Domain
	// Generated is for a generated column: Name is the column, Columns are
	// those that it is made of.
	Generated
)

// Constraint is something that the rows of a copy must satisfy.
type Constraint struct {
	Kind ConstraintKind
	Name string
	// Columns are the names of the columns that it is about.
	Columns []string
	// Refers and RefersTo are the table and columns of a foreign key.
	Refers   string
	RefersTo []string
	// MatchFull is true for a foreign key with MATCH FULL.
	MatchFull bool
	// NullsNotDistinct is true for a unique constraint that takes NULL for a
	// value.
	NullsNotDistinct bool
	// Expression is that of a CHECK constraint or unique index, as
	// pg_get_expr prints it.
	Expression string
	// Where is the condition of a unique index that is about some rows only,
	// as pg_get_expr prints it.
	Where string
}

// Check says what would keep a copy of the tables from being restored, or show
// through a mask what it hides: each a line that names the column and says what
// to do. No line means that masks fit the types, that keys stay unique, that
// foreign keys still refer to what they did, and that no other constraint looks
// at masked values. Tables that foreign keys refer to must be among them.
func Check(tables []Table) []string {
	c := checker{tables: map[string]*Table{}}
	for i := range tables {
		c.tables[tables[i].Name] = &tables[i]
	}
	for i := range tables {
		c.table(&tables[i])
	}
	return c.found
}

type checker struct {
	tables map[string]*Table
	found  []string
}

func (c *checker) say(t *Table, column, format string, args ...any) {
	c.found = append(c.found, t.Name+"."+column+": "+fmt.Sprintf(format, args...))
}

func (c *checker) table(t *Table) {
	for _, column := range t.Columns {
		if err := column.Mask.Fits(column.Type); err != nil {
			c.say(t, column.Name, "%v", err)
		} else if column.NotNull && column.Mask.Kind == Null {
			c.say(t, column.Name, "it is NOT NULL, so the mask null cannot be restored; use constant")
		}
	}
	for i := range t.Constraints {
		c.constraint(t, &t.Constraints[i])
	}
}

// column returns a column of a table; one that is not there is masked in no
// known way.
func (t *Table) column(name string) Column {
	for _, column := range t.Columns {
		if column.Name == name {
			return column
		}
	}
	return Column{Name: name}
}

func (c *checker) constraint(t *Table, k *Constraint) {
	switch k.Kind {
	case Unique, PrimaryKey:
		c.unique(t, k)
	case ForeignKey:
		c.foreignKey(t, k)
	case CheckExpression:
		c.expression(t, k)
	case Generated:
		c.generated(t, k)
	default:
		for _, column := range t.masked(k) {
			if column.Mask.Kind != Null {
				c.say(t, column.Name, "%s, which a masked value need not satisfy; use the mask null", k.words())
			}
		}
	}
}

// masked are the columns of a constraint that are masked.
func (t *Table) masked(k *Constraint) []Column {
	var out []Column
	for _, name := range k.Columns {
		if column := t.column(name); column.Mask.Masks() {
			out = append(out, column)
		}
	}
	return out
}

func (k *Constraint) words() string {
	switch k.Kind {
	case PrimaryKey:
		return "the primary key " + k.Name + " needs it"
	case Unique:
		return "it must be unique (" + k.Name + ")"
	case CheckExpression:
		return "the constraint " + k.Name + " looks at it"
	case Exclude:
		return "the exclusion constraint " + k.Name + " looks at it"
	case Domain:
		return "its type " + k.Name + " is a domain or enumeration"
	}
	return "a constraint of an unknown kind looks at it"
}

// unique finds masks that could make two rows alike. Columns that are unique
// among themselves and not masked keep every larger set unique.
func (c *checker) unique(t *Table, k *Constraint) {
	for _, column := range t.Columns {
		if column.Mask.Masks() && strings.Contains(strings.ToLower(k.Where), strings.ToLower(column.Name)) {
			c.say(t, column.Name, "%s is about rows that are chosen by it, and a mask would choose others; leave the index out of the copy", k.Name)
		}
	}
	if k.NullsNotDistinct || !t.isUniqueAnyway(k) {
		for _, column := range t.masked(k) {
			if why := keepsApart(column, k); why != "" {
				c.say(t, column.Name, "%s, and %s", k.words(), why)
			}
		}
	}
}

func (t *Table) isUniqueAnyway(k *Constraint) bool {
	if k.Expression != "" {
		return false
	}
	return slices.ContainsFunc(t.Constraints, func(other Constraint) bool {
		if other.Kind != PrimaryKey && other.Kind != Unique || other.Expression != "" || other.Where != "" || len(other.Columns) == 0 {
			return false
		}
		outside := func(name string) bool { return !slices.Contains(k.Columns, name) }
		return len(t.masked(&other)) == 0 && !slices.ContainsFunc(other.Columns, outside)
	})
}

// keepsApart says in words why the mask of a column may make different values
// the same; nothing if it does not.
func keepsApart(column Column, k *Constraint) string {
	m := column.Mask
	switch {
	case m.Kind == Null && k.Kind == PrimaryKey:
		return "the mask null leaves nothing in it; use pseudonym"
	case m.Kind == Null && k.NullsNotDistinct:
		return "NULL may be there only once; use pseudonym"
	case m.Kind == Null:
		return ""
	case m.Kind != Pseudonym:
		return fmt.Sprintf("the mask %s makes values the same; use pseudonym, or null where the column takes it", m.Kind)
	case column.Type.family() == macaddr:
		return "pseudonyms of macaddr have 46 bits, so that two may be the same; use null where the column takes it"
	case m.Fold && column.Type.family().isText():
		return "with fold two spellings get one pseudonym; leave fold out"
	case k.Expression != "" && !isLower(k.Expression, column.Name):
		return "what it is unique by is an expression; use null where the column takes it"
	}
	return ""
}

// isLower tells whether an expression is lower() of the column: pseudonyms are
// in lower case, so that they are as unique as what it made of the values.
func isLower(expression, column string) bool {
	quoted := `"` + strings.ReplaceAll(column, `"`, `""`) + `"`
	for _, c := range []string{column, quoted} {
		if expression == "lower("+c+")" || expression == "lower(("+c+")::text)" {
			return true
		}
	}
	return false
}

// foreignKey finds keys of which one end changes and the other does not.
func (c *checker) foreignKey(t *Table, k *Constraint) {
	if len(k.Columns) != len(k.RefersTo) {
		c.say(t, strings.Join(k.Columns, ", "), "the foreign key %s is not understood", k.Name)
		return
	}
	if t.breaksLink(k) {
		return
	}
	target := c.tables[k.Refers]
	for i, name := range k.Columns {
		from := t.column(name)
		if target == nil {
			if from.Mask.Masks() {
				c.say(t, name, "the foreign key %s refers to %s, whose masks are not known; copy that table too, or use the mask null", k.Name, k.Refers)
			}
			continue
		}
		if to := target.column(k.RefersTo[i]); !agree(from, to) {
			c.say(t, name, "the foreign key %s refers to %s.%s, which is masked in another way (%s of %s there, %s of %s here); give both the same pseudonym, or neither a mask",
				k.Name, k.Refers, to.Name, to.Mask, to.Type.words(), from.Mask, from.Type.words())
		}
	}
}

// breaksLink tells whether the key refers to nothing any more, which is
// allowed: with MATCH SIMPLE one NULL is enough.
func (t *Table) breaksLink(k *Constraint) bool {
	nulls := 0
	for _, name := range k.Columns {
		if t.column(name).Mask.Kind == Null {
			nulls++
		}
	}
	if k.MatchFull {
		return nulls == len(k.Columns)
	}
	return nulls > 0
}

// agree tells whether equal values of both columns stay equal.
func agree(a, b Column) bool {
	if a.Mask.Kind == Pass && b.Mask.Kind == Pass {
		return true
	}
	return a.Mask.Kind == Pseudonym && b.Mask.Kind == Pseudonym &&
		a.Mask.Domain == b.Mask.Domain && a.Mask.As == b.Mask.As && a.Mask.Fold == b.Mask.Fold &&
		a.Mask.Key.same(b.Mask.Key) && a.Type.family().kin() == b.Type.family().kin()
}

// kin stands for all families in which equal values have equal pseudonyms.
func (f family) kin() family {
	switch f {
	case int4, int8, numeric:
		return int8
	case name:
		return text
	}
	return f
}

// expression finds CHECK constraints that look at masked values.
func (c *checker) expression(t *Table, k *Constraint) {
	for _, column := range t.masked(k) {
		if column.Mask.Kind == Null && trueOfNull(k.Expression, column.Name) {
			continue
		}
		what := "a masked value need not satisfy it; use the mask null, or leave the constraint out of the copy"
		if column.Mask.Kind == Null {
			what = "NULL may not satisfy it; leave the constraint out of the copy"
		}
		c.say(t, column.Name, "%s, and %s", k.words(), what)
	}
}

// handlesNull are words with which NULL may become something else than NULL.
var handlesNull = []string{"null", "distinct", "is", "case", "row", "coalesce", "greatest", "least", "concat", "xmlelement"}

// passesNull are functions that make NULL of NULL, and words of SQL that can
// stand before a parenthesis.
var passesNull = []string{
	"length", "char_length", "character_length", "octet_length", "lower", "upper", "btrim", "ltrim", "rtrim", "abs", "strpos", "position",
	"substr", "substring", "and", "or", "not", "any", "all", "in", "between", "like", "ilike", "check",
}

// trueOfNull tells whether a CHECK constraint that holds for a row still does
// if the column is NULL: then it becomes NULL, which counts as true, or does
// not change. That is so of every expression in which NULL only makes NULL.
func trueOfNull(expression, column string) bool {
	if expression == "" {
		return false
	}
	lower := strings.ToLower(expression)
	if _, list, ok := strings.Cut(lower, "array["); ok && strings.Contains(list, strings.ToLower(column)) {
		return false
	}
	inWord := func(r rune) bool { return r == '_' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' }
	for rest := lower; rest != ""; {
		begin := strings.IndexFunc(rest, inWord)
		if begin < 0 {
			break
		}
		rest = rest[begin:]
		end := strings.IndexFunc(rest, func(r rune) bool { return !inWord(r) })
		if end < 0 {
			end = len(rest)
		}
		word := rest[:end]
		rest = rest[end:]
		calls := strings.HasPrefix(strings.TrimLeft(rest, ` "`), "(") && !slices.Contains(passesNull, word)
		if calls || slices.Contains(handlesNull, word) {
			return false
		}
	}
	return true
}

// generated finds generated columns that show what a mask hides.
func (c *checker) generated(t *Table, k *Constraint) {
	own := t.column(k.Name)
	for _, column := range t.masked(k) {
		if own.Mask.Kind != Null && own.Mask.Kind != Constant {
			c.say(t, k.Name, "it is generated from %s, which is masked; mask it with null or constant, too", column.Name)
		}
	}
}
