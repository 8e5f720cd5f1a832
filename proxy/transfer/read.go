package transfer

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/sluice-pg/sluice/policy/quote"
)

// maxTables bounds the tables of one copy, partitions counted.
const maxTables = 10000

// reader reads definitions at the source, within the snapshot that the rows are
// read in.
type reader struct {
	l        *link
	source   types
	elements map[uint32]uint32
	columns  map[*column]uint32 // the types of columns, until they are read
	byOID    map[string]*relation
	// extensions are the source's, with their schemas.
	extensions map[string]string
	warn       func(format string, args ...any)
}

// readExtensions reads the schemas of the extensions that a server has, of PostgreSQL's
// own schema none.
func readExtensions(ctx context.Context, l *link) (map[string]string, error) {
	rows, err := l.rows(ctx, "SELECT e.extname, n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE n.nspname <> 'pg_catalog'", 2)
	if err != nil {
		return nil, failed(l.side, "read extensions", err)
	}
	out := map[string]string{}
	for _, v := range rows {
		out[v[0]] = v[1]
	}
	return out, nil
}

// hold begins the source's transaction. Relations are locked before its snapshot
// is taken, so that nobody changes them in between and definitions fit rows. LOCK
// demands rights on the whole table; where the role has those of columns only, naming
// it in a query takes the same lock, after the snapshot.
func hold(ctx context.Context, l *link, items []Item) error {
	if err := l.exec(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"); err != nil {
		return failed(l.side, "begin", err)
	}
	var named []Item
	for _, it := range items {
		if it.Query != "" {
			continue
		}
		name := quote.Qualified(it.Schema, it.Name)
		err := l.exec(ctx, "SAVEPOINT sluice_lock; LOCK TABLE "+name+" IN ACCESS SHARE MODE")
		if hasCode(err, "42501", "42809") { // insufficient_privilege, wrong_object_type
			err = l.exec(ctx, "ROLLBACK TO SAVEPOINT sluice_lock")
			named = append(named, it)
		}
		if err == nil {
			err = l.exec(ctx, "RELEASE SAVEPOINT sluice_lock")
		}
		if err != nil {
			return failed(l.side, "lock "+printable(it.Schema)+"."+printable(it.Name), err)
		}
	}
	for _, it := range named {
		if _, err := l.describe(ctx, "SELECT FROM "+quote.Qualified(it.Schema, it.Name)); err != nil {
			return failed(l.side, "lock "+printable(it.Schema)+"."+printable(it.Name), err)
		}
	}
	return nil
}

// item reads one item.
func (rd *reader) item(ctx context.Context, n int, it *Item) (*relation, error) {
	var r *relation
	var err error
	if it.Query != "" {
		r, err = rd.queryItem(ctx, it)
	} else {
		r, err = rd.tableItem(ctx, it)
	}
	if err != nil {
		return nil, err
	}
	for _, x := range r.all() {
		x.item, x.existing, x.keeps = n, it.Existing, it.Keeps
	}
	return r, nil
}

// queryItem makes a table of what a query returns.
func (rd *reader) queryItem(ctx context.Context, it *Item) (*relation, error) {
	r := &relation{query: it.Query, searchPath: it.Path, target: it.TargetSchema, targetName: it.TargetName}
	var fields []field
	err := rd.l.along(ctx, it.Path, func() (err error) {
		fields, err = rd.l.describe(ctx, it.Query)
		return err
	})
	if err != nil {
		return nil, failed(rd.l.side, "describe "+r.title(), err)
	}
	if len(fields) == 0 {
		return nil, &Refusal{r.title(), "it returns no columns", "write a SELECT"}
	}
	for _, f := range fields {
		if !nameable(f.name) || f.name == "?column?" || r.column(f.name) != nil {
			return nil, &Refusal{r.title(), "its column " + printable(f.name) + " has no name of its own", "name each column with AS"}
		}
		c := &column{name: f.name, comment: it.Comments[f.name]}
		name, err := rd.l.rows(ctx, fmt.Sprintf("SELECT format_type(%d, %d), "+askModifier, f.oid, f.modifier, f.oid, f.modifier), 2)
		if err != nil || len(name) != 1 {
			return nil, failed(rd.l.side, "describe "+r.title(), err)
		}
		if strings.HasPrefix(name[0][0], "unknown") {
			return nil, &Refusal{r.title(), "its column " + printable(f.name) + " has no type", "write a cast, such as ::text"}
		}
		c.typ = &typeUse{oid: f.oid, name: name[0][0], modifier: name[0][1]}
		rd.columns[c] = f.oid
		r.columns = append(r.columns, c)
	}
	r.comment = it.Comments[""]
	return r, nil
}

// askModifier is the part in parentheses of a type's name, of an array's elements
// for an array.
const askModifier = `(SELECT substr(format_type(e.oid, %[4]d), length(format_type(e.oid, NULL)) + 1) FROM pg_type t, pg_type e
WHERE t.oid = %[3]d AND e.oid = CASE WHEN t.typcategory = 'A' AND t.typlen = -1 THEN t.typelem ELSE t.oid END AND e.oid >= 16384)`

// askRelation reads pg_class for one name.
const askRelation = `SELECT c.oid, c.relkind, c.relpersistence, c.relispartition, c.relrowsecurity, coalesce(pg_get_partkeydef(c.oid), ''),
coalesce(array_to_string(c.reloptions, chr(1)), ''), coalesce(obj_description(c.oid, 'pg_class'), ''),
EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = c.oid AND c.relkind <> 'p') OR EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = c.oid AND NOT c.relispartition),
coalesce((SELECT am.amname FROM pg_am am WHERE am.oid = c.relam), 'heap'), n.nspname ~ '^pg_' OR n.nspname = 'information_schema',
EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal), EXISTS (SELECT FROM pg_rewrite w WHERE w.ev_class = c.oid), row_security_active(c.oid),
concat_ws(', ', CASE WHEN EXISTS (SELECT FROM pg_statistic_ext s WHERE s.stxrelid = c.oid) THEN 'extended statistics' END, CASE WHEN c.relreplident NOT IN ('d', 'n') THEN 'replica identity' END,
CASE WHEN c.reltablespace <> 0 THEN 'tablespace' END, CASE WHEN EXISTS (SELECT FROM pg_publication_rel p WHERE p.prrelid = c.oid) THEN 'publications' END)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = %s`

// tableItem reads a table and what is below it.
func (rd *reader) tableItem(ctx context.Context, it *Item) (*relation, error) {
	target, name := it.TargetSchema, it.TargetName
	if target == "" {
		target = it.Schema
	}
	if name == "" {
		name = it.Name
	}
	r := &relation{schema: it.Schema, name: it.Name, target: target, targetName: name, where: it.Where}
	if it.Where != "" {
		r.searchPath = it.Path
	}
	rows, err := rd.l.rows(ctx, fmt.Sprintf(askRelation, quote.Literal(it.Schema), quote.Literal(it.Name)), 15)
	if err != nil {
		return nil, failed(rd.l.side, "read the definition of "+r.title(), err)
	}
	if len(rows) == 0 {
		return nil, &Refusal{r.title(), "there is no such relation at the source", "check its schema and name"}
	}
	row := rows[0]
	if err := rd.carriable(r, row); err != nil {
		return nil, err
	}
	r.oid, r.rls, r.partKey, r.options, r.comment = row[0], row[4] == "t", row[5], list(row[6]), row[7]
	r.partitioned = row[1] == "p"
	rd.byOID[r.oid] = r
	if r.partitioned {
		if err := rd.partitions(ctx, r); err != nil {
			return nil, err
		}
	}
	for _, x := range r.all() {
		if err := rd.definition(ctx, x); err != nil {
			return nil, err
		}
	}
	return r, rd.choose(r, it)
}

// askPartitions reads what is below a partitioned table, parents first.
const askPartitions = `SELECT p.relid::oid, p.parentrelid::oid, n.nspname, c.relname, c.relkind, c.relpersistence, c.relrowsecurity, coalesce(pg_get_partkeydef(c.oid), ''),
pg_get_expr(c.relpartbound, c.oid), coalesce(array_to_string(c.reloptions, chr(1)), ''), coalesce(obj_description(c.oid, 'pg_class'), ''), row_security_active(c.oid),
has_schema_privilege(n.oid, 'USAGE') AND (SELECT bool_and(has_column_privilege(c.oid, a.attnum, 'SELECT')) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '')
FROM pg_partition_tree(%s) p JOIN pg_class c ON c.oid = p.relid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE p.level > 0 ORDER BY p.level, p.relid`

func (rd *reader) partitions(ctx context.Context, root *relation) error {
	rows, err := rd.l.rows(ctx, fmt.Sprintf(askPartitions, root.oid), 13)
	if err != nil {
		return failed(rd.l.side, "read the partitions of "+root.title(), err)
	}
	if len(rows) > maxTables {
		return &Refusal{root.title(), fmt.Sprintf("it has %d partitions; the limit is %d", len(rows), maxTables), "copy it in pieces"}
	}
	for _, row := range rows {
		r := &relation{
			oid: row[0], schema: row[2], name: row[3], target: root.target, targetName: row[3], where: root.where, searchPath: root.searchPath, partitioned: row[4] == "p",
			rls: row[6] == "t", partKey: row[7], bound: row[8], options: list(row[9]), comment: row[10], parent: rd.byOID[row[1]], unseen: row[12] != "t",
		}
		switch {
		case row[4] == "f":
			return &Refusal{root.title(), "its partition " + r.title() + " is a foreign table", "copy it as a query"}
		case r.parent == nil:
			return failed(rd.l.side, "read the partitions of "+root.title(), fmt.Errorf("%s has no parent", r.title()))
		case row[11] == "t" && row[12] == "t":
			return hidden(r)
		case row[5] == "u":
			rd.warn("%s is unlogged; its copy is logged", r.title())
		}
		rd.byOID[r.oid] = r
		r.parent.parts = append(r.parent.parts, r)
	}
	return nil
}

// definition reads what belongs to one table. Names of its own schema and of those of
// extensions are printed without them, so that they can be read again in others.
func (rd *reader) definition(ctx context.Context, r *relation) error {
	if err := rd.l.exec(ctx, inSchema(append([]string{r.schema}, schemasOf(rd.extensions)...)...)); err != nil {
		return failed(rd.l.side, "read the definition of "+r.title(), err)
	}
	for _, read := range []func(context.Context, *relation) error{rd.readColumns, rd.readConstraints, rd.readIndexes, rd.readPolicies, rd.readSize} {
		if err := read(ctx, r); err != nil {
			return failed(rd.l.side, "read the definition of "+r.title(), err)
		}
	}
	return failed(rd.l.side, "read the definition of "+r.title(), rd.l.exec(ctx, "SET LOCAL search_path = pg_catalog, pg_temp"))
}

// list splits what askColumns and its like have joined: names with a byte between
// that no name has.
func list(joined string) []string {
	if joined == "" {
		return nil
	}
	return strings.Split(joined, "\x01")
}

// schemasOf are the schemas of extensions, each once.
func schemasOf(extensions map[string]string) []string {
	return slices.Compact(slices.Sorted(maps.Values(extensions)))
}

// eq is PostgreSQL's own equality. While a schema of the source is in the
// search_path, somebody's operator could fit better.
func eq(q string) string { return strings.ReplaceAll(q, "==", "OPERATOR(pg_catalog.=)") }

// ofDefault is the condition under which a row of pg_depend is about the expression of a
// column: those of generated columns depend by themselves up to 14.
func ofDefault(alias string) string {
	return strings.ReplaceAll(`(x.classid == 2604::pg_catalog.oid AND x.objid == d.oid OR NOT (a.attgenerated == ''::pg_catalog."char")
  AND x.classid == 1259::pg_catalog.oid AND x.objid == a.attrelid AND x.objsubid == a.attnum::pg_catalog.int4)`, "x.", alias+".")
}

// askColumns reads pg_attribute.
var askColumns = eq(`SELECT a.attname, a.atttypid, pg_catalog.format_type(a.atttypid, a.atttypmod),
CASE WHEN NOT a.attnotnull THEN 'no' WHEN EXISTS (SELECT FROM pg_catalog.pg_constraint n WHERE n.conrelid == a.attrelid AND n.contype == 'n'::pg_catalog."char" AND NOT n.convalidated AND a.attnum == ANY (n.conkey)) THEN 'not valid' ELSE 'yes' END, a.attidentity, a.attgenerated,
coalesce(pg_catalog.pg_get_expr(d.adbin, d.adrelid), ''),
CASE WHEN a.attstorage == t.typstorage THEN '' ELSE a.attstorage::pg_catalog.text END, coalesce(pg_catalog.to_jsonb(a) OPERATOR(pg_catalog.->>) 'attcompression', ''),
coalesce((SELECT pg_catalog.quote_ident(cn.nspname) OPERATOR(pg_catalog.||) '.' OPERATOR(pg_catalog.||) pg_catalog.quote_ident(c.collname) FROM pg_catalog.pg_collation c
  JOIN pg_catalog.pg_namespace cn ON cn.oid == c.collnamespace WHERE c.oid == a.attcollation AND NOT (a.attcollation == t.typcollation)), ''),
coalesce(pg_catalog.col_description(a.attrelid, a.attnum), ''),
coalesce((SELECT s.objid FROM pg_catalog.pg_depend s JOIN pg_catalog.pg_class q ON q.oid == s.objid AND q.relkind == 'S' WHERE s.classid == 1259::pg_catalog.oid
  AND s.refclassid == 1259::pg_catalog.oid AND s.refobjid == a.attrelid AND s.refobjsubid == a.attnum::pg_catalog.int4 AND s.deptype == ANY ('{a,i}'::pg_catalog."char"[]) LIMIT 1), 0::pg_catalog.oid),
(SELECT pg_catalog.string_agg(u.attname, pg_catalog.chr(1)) FROM pg_catalog.pg_depend g JOIN pg_catalog.pg_attribute u ON u.attrelid == g.refobjid AND u.attnum::pg_catalog.int4 == g.refobjsubid
  WHERE ` + ofDefault("g") + ` AND g.refclassid == 1259::pg_catalog.oid AND g.refobjid == a.attrelid AND NOT (g.refobjsubid == a.attnum::pg_catalog.int4)),
(SELECT pg_catalog.substr(pg_catalog.format_type(e.oid, a.atttypmod), pg_catalog.length(pg_catalog.format_type(e.oid, NULL)) OPERATOR(pg_catalog.+) 1) FROM pg_catalog.pg_type e
  WHERE e.oid == CASE WHEN t.typcategory == 'A' AND t.typlen == (-1)::pg_catalog.int2 THEN t.typelem ELSE t.oid END AND e.oid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid),
coalesce((SELECT pg_catalog.string_agg(pg_catalog.pg_describe_object(x.refclassid, x.refobjid, 0), ', ') FROM pg_catalog.pg_depend x WHERE ` + ofDefault("x") + `
  AND x.refobjid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid AND x.refclassid == ANY ('{1255,2617}'::pg_catalog.oid[])
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend m WHERE m.classid == x.refclassid AND m.objid == x.refobjid AND m.deptype == 'e')), ''),
coalesce((SELECT pg_catalog.string_agg(x.refobjid::pg_catalog.text, ',') FROM pg_catalog.pg_depend x JOIN pg_catalog.pg_class q ON q.oid == x.refobjid WHERE x.classid == 2604::pg_catalog.oid AND x.objid == d.oid
  AND x.refclassid == 1259::pg_catalog.oid AND q.relkind == 'S'), '')
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid == a.atttypid
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid == a.attrelid AND d.adnum == a.attnum
WHERE a.attrelid == %s::pg_catalog.oid AND a.attnum OPERATOR(pg_catalog.>) 0::pg_catalog.int2 AND NOT a.attisdropped ORDER BY a.attnum`)

func (rd *reader) readColumns(ctx context.Context, r *relation) error {
	rows, err := rd.l.rows(ctx, fmt.Sprintf(askColumns, r.oid), 16)
	if err != nil {
		return err
	}
	owned := map[string]bool{"": true}
	for _, v := range rows {
		c := &column{
			name: v[0], typ: &typeUse{oid: number(v[1]), name: v[2], modifier: v[13]}, notNull: v[3] == "yes", identity: v[4], generated: v[5], expression: v[6],
			storage: v[7], compression: v[8], collation: v[9], comment: v[10],
		}
		rd.columns[c] = c.typ.oid
		if v[12] != "" {
			c.uses = list(v[12])
		}
		if v[3] == "not valid" {
			rd.warn("column %s of %s is NOT NULL only for new rows, and may be NULL in the copy", printable(c.name), r.title())
		}
		r.columns = append(r.columns, c)
		if v[11] != "0" {
			owned[v[11]] = true
		}
	}
	for i, v := range rows {
		if err := rd.readDefault(ctx, r, r.columns[i], origin{v[11], v[14], strings.Split(v[15], ",")}, owned); err != nil {
			return err
		}
	}
	return nil
}

// origin is where the values of a default come from: the column's own sequence,
// code that is not PostgreSQL's, in words, and the sequences that are read.
type origin struct {
	sequence, code string
	reads          []string
}

// readDefault reads what a default or identity takes its values from. owned are the
// sequences of the table's columns.
func (rd *reader) readDefault(ctx context.Context, r *relation, c *column, from origin, owned map[string]bool) error {
	switch {
	case from.code != "" && c.generated != "":
		return &Refusal{"column " + printable(c.name) + " of " + r.title(), "it is generated by code, " + printable(from.code), "leave it out, or copy it with a query"}
	case from.code != "":
		rd.warn("the default of column %s of %s calls code (%s) and is not carried", printable(c.name), r.title(), printable(from.code))
		c.expression = ""
		return nil
	case r.parent != nil:
		return nil // it is the parent's, or said for the partition as it is
	case slices.ContainsFunc(from.reads, func(s string) bool { return !owned[s] }):
		rd.warn("the default of column %s of %s takes values from a sequence that is not the table's own and is not carried", printable(c.name), r.title())
		c.expression = ""
		return nil
	case from.sequence == "0":
		return nil
	}
	s, err := rd.readSequence(ctx, from.sequence)
	if err != nil {
		return err
	}
	c.sequence = s
	r.sequences = append(r.sequences, s)
	return nil
}

// askSequence reads pg_sequence.
var askSequence = eq(`SELECT n.nspname, c.relname, pg_catalog.format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle,
pg_catalog.has_sequence_privilege(c.oid, 'SELECT') AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
FROM pg_catalog.pg_sequence s JOIN pg_catalog.pg_class c ON c.oid == s.seqrelid JOIN pg_catalog.pg_namespace n ON n.oid == c.relnamespace WHERE s.seqrelid == %s::pg_catalog.oid`)

func (rd *reader) readSequence(ctx context.Context, oid string) (*sequence, error) {
	rows, err := rd.l.rows(ctx, fmt.Sprintf(askSequence, oid), 10)
	if err != nil || len(rows) != 1 {
		return nil, fmt.Errorf("read sequence %s: %w", oid, err)
	}
	v := rows[0]
	s := &sequence{oid: oid, schema: v[0], name: v[1], typ: v[2], start: v[3], increment: v[4], minimum: v[5], maximum: v[6], cache: v[7], cycle: v[8] == "t"}
	if v[9] != "t" {
		return s, nil // the largest value of the column will do
	}
	last, err := rd.l.rows(ctx, "SELECT last_value, is_called FROM "+quote.Qualified(s.schema, s.name), 2)
	if err != nil || len(last) != 1 {
		return nil, fmt.Errorf("read sequence %s: %w", printable(s.name), err)
	}
	s.last, s.called = last[0][0], last[0][1] == "t"
	return s, nil
}

// readSize reads how large a table is on disk, to plan with.
func (rd *reader) readSize(ctx context.Context, r *relation) error {
	if r.partitioned {
		return nil
	}
	rows, err := rd.l.rows(ctx, fmt.Sprintf(`SELECT pg_catalog.pg_table_size(%[1]s), pg_catalog.pg_relation_size(%[1]s) OPERATOR(pg_catalog./) pg_catalog.current_setting('block_size')::pg_catalog.int8`, r.oid), 2)
	if err != nil || len(rows) != 1 {
		return err
	}
	r.bytes, _ = strconv.ParseUint(rows[0][0], 10, 64)
	r.pages, _ = strconv.ParseUint(rows[0][1], 10, 64)
	r.byCTID = rd.l.version >= 140000
	return nil
}

// settleTypes reads the types that all columns have.
func (rd *reader) settleTypes(ctx context.Context) error {
	list := make([]string, 0, len(rd.columns))
	for _, oid := range rd.columns {
		list = append(list, strconv.FormatUint(uint64(oid), 10))
	}
	var err error
	if rd.source, rd.elements, err = readTypes(ctx, rd.l, "t.oid IN ("+strings.Join(append(list, "0"), ",")+")"); err != nil {
		return err
	}
	for c, oid := range rd.columns {
		d := rd.source[oid]
		if e := rd.elements[oid]; e != 0 && d != nil && !d.own() {
			d, c.typ.array = rd.source[e], true
		}
		if d == nil {
			return failed(rd.l.side, "read types", fmt.Errorf("there is no type %d", oid))
		}
		c.typ.def = d
	}
	return nil
}
