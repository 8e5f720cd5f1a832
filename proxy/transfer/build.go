package transfer

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/sluice-pg/sluice/policy/quote"
)

// builder writes the statements that make the tables at the destination.
type builder struct {
	version int // server_version_num
	// lz4 is true if the destination can compress with it.
	lz4  bool
	warn func(format string, args ...any)
}

// tables are the statements that make a relation and what is below, empty.
func (b *builder) tables(root *relation) ([]string, error) {
	var out []string
	for _, r := range root.all() {
		if err := b.supported(r); err != nil {
			return nil, err
		}
		out = append(out, r.at())
		if r.existing == Append {
			out = append(out, b.bare(r))
			continue
		}
		for _, s := range r.sequences {
			if c := owner(r, s); c.identity == "" {
				out = append(out, fmt.Sprintf("CREATE SEQUENCE %s AS %s %s", quote.Qualified(r.stage, s.name), s.typ, s.options()))
			}
		}
		out = append(out, b.table(r))
		for _, s := range r.sequences {
			if c := owner(r, s); c.identity == "" {
				out = append(out, fmt.Sprintf("ALTER SEQUENCE %s OWNED BY %s.%s", quote.Qualified(r.stage, s.name), r.staged(), quote.Identifier(c.name)))
			}
		}
		out = append(out, b.extras(r)...)
	}
	return out, nil
}

// owner is the column that a sequence belongs to.
func owner(r *relation, s *sequence) *column {
	for _, c := range r.columns {
		if c.sequence == s {
			return c
		}
	}
	return &column{identity: "left out"}
}

// supported refuses what an older destination does not know.
func (b *builder) supported(r *relation) error {
	older := func(what string) error {
		return &Refusal{r.title(), fmt.Sprintf("%s, which PostgreSQL %d at the destination does not know", what, b.version/10000), "copy it as a query, or without"}
	}
	for _, c := range r.columns {
		switch {
		case c.generated == "v" && b.version < 180000:
			return older("its column " + printable(c.name) + " is generated when it is read")
		case c.identity != "" && r.partitioned && b.version < 170000:
			return older("its column " + printable(c.name) + " is the identity of a partitioned table")
		}
	}
	for _, k := range r.constraints {
		switch {
		case k.period && b.version < 180000:
			return older("its constraint " + printable(k.name) + " is about periods")
		case !k.enforced && b.version < 180000:
			return older("its constraint " + printable(k.name) + " is not enforced")
		case len(k.deleteSets) > 0 && b.version < 150000:
			return older("its constraint " + printable(k.name) + " sets some columns only")
		}
	}
	for _, x := range r.indexes {
		if x.nullsEqual && b.version < 150000 {
			return older("its index " + printable(x.name) + " takes NULLs for equal")
		}
	}
	return nil
}

// bare is a table with nothing but columns, for rows that go on to another.
func (b *builder) bare(r *relation) string {
	var columns []string
	for _, c := range r.stored() {
		columns = append(columns, quote.Identifier(c.name)+" "+c.typ.ddl)
	}
	return "CREATE TABLE " + r.staged() + " (" + strings.Join(columns, ", ") + ")"
}

func (b *builder) table(r *relation) string {
	var parts []string
	head := "CREATE TABLE " + r.staged()
	if r.parent != nil {
		head += " PARTITION OF " + r.parent.staged()
		parts = ownOptions(r)
	} else {
		for _, c := range r.columns {
			parts = append(parts, b.column(r, c))
		}
	}
	for _, k := range r.constraints {
		if k.kind == "c" && !k.inherited && k.validated {
			parts = append(parts, "CONSTRAINT "+quote.Identifier(k.name)+" "+k.definition)
		}
	}
	if len(parts) > 0 || r.parent == nil {
		head += " (\n" + strings.Join(parts, ",\n") + ")"
	}
	if r.parent != nil {
		head += " " + r.bound
	}
	if r.partKey != "" {
		head += " PARTITION BY " + r.partKey
	}
	return head + b.options(r)
}

// ownOptions are what columns of a partition have that those of the parent have not.
func ownOptions(r *relation) []string {
	var out []string
	for _, c := range r.columns {
		p := r.parent.column(c.name)
		if p == nil {
			continue
		}
		own := ""
		if c.generated == "" && p.generated == "" && c.identity == "" && c.expression != p.expression {
			own = " DEFAULT " + c.expression
			if c.expression == "" {
				own = " DEFAULT NULL"
			}
		}
		if c.notNull && !p.notNull {
			own += " NOT NULL"
		}
		if own != "" {
			out = append(out, quote.Identifier(c.name)+own)
		}
	}
	return out
}

var optionName = regexp.MustCompile(`^[a-z0-9_]+$`)

// options are storage parameters.
func (b *builder) options(r *relation) string {
	var out []string
	for _, o := range r.options {
		key, value, ok := strings.Cut(o, "=")
		if !ok || !optionName.MatchString(key) {
			b.warn("option %s of %s is not carried", printable(o), r.title())
			continue
		}
		out = append(out, key+"="+quote.Literal(value))
	}
	if len(out) == 0 {
		return ""
	}
	return " WITH (" + strings.Join(out, ", ") + ")"
}

func (b *builder) column(r *relation, c *column) string {
	out := quote.Identifier(c.name) + " " + c.typ.ddl
	if c.collation != "" {
		out += " COLLATE " + c.collation
	}
	switch {
	case c.identity != "" && c.sequence != nil:
		kind := "BY DEFAULT"
		if c.identity == "a" {
			kind = "ALWAYS"
		}
		out += fmt.Sprintf(" GENERATED %s AS IDENTITY (SEQUENCE NAME %s %s)", kind, quote.Qualified(r.stage, c.sequence.name), c.sequence.options())
	case c.generated == "s":
		out += " GENERATED ALWAYS AS (" + c.expression + ") STORED"
	case c.generated == "v":
		out += " GENERATED ALWAYS AS (" + c.expression + ") VIRTUAL"
	case c.expression != "":
		out += " DEFAULT " + b.defaultOf(r, c)
	}
	if c.notNull {
		out += " NOT NULL"
	}
	return out
}

var plainNextval = regexp.MustCompile(`^nextval\('(?:[^']|'')*'::regclass\)$`)

// defaultOf is the expression of a default; that of a serial column is said anew,
// since its sequence may be of another schema.
func (b *builder) defaultOf(r *relation, c *column) string {
	if c.sequence != nil && plainNextval.MatchString(c.expression) {
		return "pg_catalog.nextval(" + quote.Literal(quote.Qualified(r.stage, c.sequence.name)) + "::pg_catalog.regclass)"
	}
	return c.expression
}

// options are those of CREATE SEQUENCE.
func (s *sequence) options() string {
	out := fmt.Sprintf("INCREMENT BY %s MINVALUE %s MAXVALUE %s START WITH %s CACHE %s", s.increment, s.minimum, s.maximum, s.start, s.cache)
	if s.cycle {
		out += " CYCLE"
	}
	return out
}

var storageWords = map[string]string{"p": "PLAIN", "e": "EXTERNAL", "m": "MAIN", "x": "EXTENDED"}

// extras are statements for what CREATE TABLE cannot say on all versions.
func (b *builder) extras(r *relation) []string {
	var out []string
	for _, c := range r.columns {
		alter := "ALTER TABLE ONLY " + r.staged() + " ALTER COLUMN " + quote.Identifier(c.name)
		if word := storageWords[c.storage]; word != "" {
			out = append(out, alter+" SET STORAGE "+word)
		}
		switch {
		case c.compression == "l" && b.lz4:
			out = append(out, alter+" SET COMPRESSION lz4")
		case c.compression == "p" && b.version >= 140000:
			out = append(out, alter+" SET COMPRESSION pglz")
		case c.compression == "l":
			b.warn("column %s of %s is compressed with lz4, which the destination cannot; it uses its own way", printable(c.name), r.title())
		}
		if c.comment != "" {
			out = append(out, "COMMENT ON COLUMN "+r.staged()+"."+quote.Identifier(c.name)+" IS "+quote.Literal(c.comment))
		}
	}
	if r.comment != "" {
		out = append(out, "COMMENT ON TABLE "+r.staged()+" IS "+quote.Literal(r.comment))
	}
	return out
}

// buildIndex makes one index of a table that has its rows. On a partitioned table
// it takes those of the partitions for its own.
func (b *builder) buildIndex(r *relation, x *index) []string {
	unique := ""
	if x.unique {
		unique = "UNIQUE "
	}
	out := []string{"CREATE " + unique + "INDEX " + quote.Identifier(x.name) + " ON " + r.staged() + " " + x.definition}
	if x.comment != "" {
		out = append(out, "COMMENT ON INDEX "+quote.Qualified(r.stage, x.name)+" IS "+quote.Literal(x.comment))
	}
	return out
}

// separately reports whether an index is built by itself: those of exclusion
// constraints and of periods are not, nor those of partitioned tables, which
// take what the partitions have.
func (r *relation) separately(x *index) bool {
	k := r.constraintOf(x)
	return !r.partitioned && (k == nil || k.kind != "x" && !k.period)
}

// toBuild are the indexes that are built once the rows are there.
func (r *relation) toBuild() (out []*index) {
	if r.existing == Append {
		return nil
	}
	for _, x := range r.indexes {
		if r.separately(x) {
			out = append(out, x)
		}
	}
	return out
}

// constraintOf is the constraint that an index belongs to, nil if none.
func (r *relation) constraintOf(x *index) *constraint {
	for _, k := range r.constraints {
		if k.index == x.oid && k.kind != "f" {
			return k
		}
	}
	return nil
}

// constrain are the statements that make constraints of indexes, and those that
// could not be made before.
func (b *builder) constrain(r *relation) []string {
	var out []string
	alter := "ALTER TABLE ONLY " + r.staged() + " ADD CONSTRAINT "
	if r.partitioned {
		alter = "ALTER TABLE " + r.staged() + " ADD CONSTRAINT "
	}
	for _, k := range r.constraints {
		at := slices.IndexFunc(r.indexes, func(x *index) bool { return x.oid == k.index })
		switch {
		case k.kind == "p" || k.kind == "u" || k.kind == "x":
			if r.partitioned && r.parent != nil && k.inherited {
				continue // it comes with the parent's
			}
			if at >= 0 && r.separately(r.indexes[at]) {
				kind := map[string]string{"p": "PRIMARY KEY", "u": "UNIQUE"}[k.kind]
				out = append(out, alter+quote.Identifier(k.name)+" "+kind+" USING INDEX "+quote.Identifier(r.indexes[at].name)+k.timing())
			} else {
				out = append(out, alter+quote.Identifier(k.name)+" "+k.definition)
			}
		case k.kind == "c" && !k.inherited && !k.validated:
			out = append(out, alter+quote.Identifier(k.name)+" "+k.definition)
		}
	}
	if r.partitioned {
		for _, x := range r.indexes {
			if r.constraintOf(x) == nil && !x.attached {
				out = append(out, b.buildIndex(r, x)...)
			}
		}
	}
	return out
}

func (k *constraint) timing() string {
	out := ""
	if k.deferrable {
		out = " DEFERRABLE"
	}
	if k.deferred {
		out += " INITIALLY DEFERRED"
	}
	return out
}

var (
	actions = map[string]string{"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}
	matches = map[string]string{"s": "", "f": " MATCH FULL"}
)

// list writes columns of a foreign key, of which the last may be a period.
func (k *constraint) list(columns []string) string {
	last := len(columns) - 1
	switch {
	case !k.period:
		return quote.Identifiers(columns)
	case last == 0:
		return "PERIOD " + quote.Identifier(columns[0])
	}
	return quote.Identifiers(columns[:last]) + ", PERIOD " + quote.Identifier(columns[last])
}

// foreignKey is the statement that adds one, between staged tables.
func foreignKey(r *relation, k *constraint, to *relation) string {
	out := fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s FOREIGN KEY (%s) REFERENCES %s (%s)%s ON UPDATE %s ON DELETE %s",
		r.staged(), quote.Identifier(k.name), k.list(k.columns), to.staged(), k.list(k.refersTo), matches[k.match], actions[k.onUpdate], actions[k.onDelete])
	if len(k.deleteSets) > 0 {
		out += " (" + quote.Identifiers(k.deleteSets) + ")"
	}
	out += k.timing()
	switch {
	case !k.enforced:
		out += " NOT ENFORCED"
	case !k.validated && !r.partitioned:
		out += " NOT VALID"
	}
	return out
}

// sourceOf is what reads columns of a table, a part of its pages if there are
// several. A partitioned table is read with all that is below.
func sourceOf(r *relation, columns []string, format string, p part) string {
	options := ") TO STDOUT (FORMAT " + format + ")"
	if r.query != "" {
		return "COPY (\n" + r.query + "\n" + options
	}
	var conditions []string
	if r.where != "" {
		conditions = append(conditions, "(\n"+r.where+"\n)")
	}
	conditions = append(conditions, p.conditions()...)
	if len(conditions) == 0 && !r.partitioned {
		return "COPY " + quote.Qualified(r.schema, r.name) + " (" + quote.Identifiers(columns) + options
	}
	from := " FROM ONLY "
	if r.partitioned {
		from = " FROM "
	}
	return "COPY (SELECT " + quote.Identifiers(columns) + from + quote.Qualified(r.schema, r.name) + whereOf(conditions) + options
}

func whereOf(conditions []string) string {
	if len(conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(conditions, " AND ")
}

// heldOf is what reads them back.
func heldOf(r *relation, columns []string, format string, p part) string {
	options := ") TO STDOUT (FORMAT " + format + ")"
	conditions := p.conditions()
	if len(conditions) == 0 {
		return "COPY " + r.staged() + " (" + quote.Identifiers(columns) + options
	}
	return "COPY (SELECT " + quote.Identifiers(columns) + " FROM ONLY " + r.staged() + whereOf(conditions) + options
}

// part is a range of a table's pages; the zero value is all of them.
type part struct {
	number   int
	from, to uint64 // to is 0 for the last
}

func (p part) conditions() []string {
	var out []string
	if p.from > 0 {
		out = append(out, fmt.Sprintf("ctid OPERATOR(pg_catalog.>=) '(%d,0)'::pg_catalog.tid", p.from))
	}
	if p.to > 0 {
		out = append(out, fmt.Sprintf("ctid OPERATOR(pg_catalog.<) '(%d,0)'::pg_catalog.tid", p.to))
	}
	return out
}
