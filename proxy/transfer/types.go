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

// typeUse is the type of a column.
type typeUse struct {
	oid uint32
	// name is what format_type says at the source.
	name string
	def  *typeDef
	// array is true for an array of def.
	array bool
	// modifier is the part in parentheses, such as (10,2) of types that are not
	// PostgreSQL's own.
	modifier string
	// ddl is how the destination is told.
	ddl string
}

// typeDef is one of pg_type, never an array that is not PostgreSQL's own.
type typeDef struct {
	oid          uint32
	schema, name string
	kind         string // typtype
	base         uint32 // of a domain
	binary       bool   // has both binary functions
	// extension and version are what it is a member of.
	extension, version string
	// form is a text that is equal for equal definitions.
	form    string
	comment string
}

// firstUserOID is the first OID that is not PostgreSQL's own (FirstNormalObjectId
// in access/transam.h).
const firstUserOID = 16384

func (d *typeDef) own() bool { return d.oid < firstUserOID }

// textOnly are types whose binary form is an OID, depends on settings, or
// cannot be read back.
var textOnly = map[string]bool{
	"regproc": true, "regprocedure": true, "regoper": true, "regoperator": true, "regclass": true, "regtype": true,
	"regrole": true, "regnamespace": true, "regconfig": true, "regdictionary": true, "regcollation": true, "regdatabase": true,
	"money": true, "xml": true, "aclitem": true, "pg_node_tree": true,
}

// types are those of one server, by OID.
type types map[uint32]*typeDef

// askTypes reads types with what they are made of. The form of a type is text that
// both ends make alike.
const askTypes = `WITH RECURSIVE used(oid) AS (
  SELECT t.oid FROM pg_catalog.pg_type t WHERE %s
  UNION
  SELECT x.oid FROM used u JOIN pg_catalog.pg_type t ON t.oid = u.oid,
  LATERAL (SELECT t.typelem WHERE t.typelem <> 0 AND t.typlen = -1 UNION ALL SELECT t.typbasetype WHERE t.typbasetype <> 0
    UNION ALL SELECT a.atttypid FROM pg_catalog.pg_attribute a WHERE t.typrelid <> 0 AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE r.rngtypid = t.oid) AS x(oid))
SELECT t.oid, n.nspname, t.typname, t.typtype, CASE WHEN t.typcategory = 'A' AND t.typlen = -1 THEN t.typelem ELSE 0 END, t.typbasetype,
  t.typsend <> 0 AND t.typreceive <> 0, coalesce(e.extname, ''), coalesce(e.extversion, ''),
  CASE t.typtype
    WHEN 'e' THEN (SELECT 'ENUM (' || string_agg(quote_literal(l.enumlabel), ', ' ORDER BY l.enumsortorder) || ')' FROM pg_catalog.pg_enum l WHERE l.enumtypid = t.oid)
    WHEN 'd' THEN format_type(t.typbasetype, t.typtypmod)
      || coalesce((SELECT ' COLLATE ' || quote_ident(cn.nspname) || '.' || quote_ident(c.collname) FROM pg_catalog.pg_collation c
         JOIN pg_catalog.pg_namespace cn ON cn.oid = c.collnamespace JOIN pg_catalog.pg_type b ON b.oid = t.typbasetype
         WHERE c.oid = t.typcollation AND t.typcollation <> b.typcollation), '')
      || coalesce(' DEFAULT ' || pg_get_expr(t.typdefaultbin, 0), '') || CASE WHEN t.typnotnull THEN ' NOT NULL' ELSE '' END
      || coalesce((SELECT string_agg(' CONSTRAINT ' || quote_ident(k.conname) || ' ' || pg_get_constraintdef(k.oid), '' ORDER BY k.conname)
         FROM pg_catalog.pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c'), '')
    WHEN 'c' THEN (SELECT '(' || string_agg(quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum) || ')'
       FROM pg_catalog.pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped)
    WHEN 'r' THEN (SELECT 'RANGE ' || format_type(r.rngsubtype, NULL) || ' ' || r.rngcanonical::regproc || ' ' || r.rngsubdiff::regproc || ' ' || o.opcname
       FROM pg_catalog.pg_range r JOIN pg_catalog.pg_opclass o ON o.oid = r.rngsubopc WHERE r.rngtypid = t.oid)
    ELSE '' END, coalesce(obj_description(t.oid, 'pg_type'), '')
FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_depend d ON d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass
LEFT JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
WHERE t.oid IN (SELECT oid FROM used) ORDER BY t.oid`

// readTypes reads the types that a condition on pg_type t picks, and what they are
// made of. elements are the types of the elements of arrays.
func readTypes(ctx context.Context, l *link, condition string) (all types, elements map[uint32]uint32, err error) {
	rows, err := l.rows(ctx, fmt.Sprintf(askTypes, condition), 11)
	if err != nil {
		return nil, nil, failed(l.side, "read types", err)
	}
	all, elements = types{}, map[uint32]uint32{}
	for _, r := range rows {
		d := &typeDef{
			oid: number(r[0]), schema: r[1], name: r[2], kind: r[3], base: number(r[5]), binary: r[6] == "t",
			extension: r[7], version: r[8], form: r[9], comment: r[10],
		}
		if e := number(r[4]); e != 0 {
			elements[d.oid] = e
		}
		all[d.oid] = d
	}
	return all, elements, nil
}

// number reads an OID; 0 is none.
func number(text string) uint32 {
	n, _ := strconv.ParseUint(text, 10, 32)
	return uint32(n)
}

// settle finds at the destination what the types of columns are there, and which
// are to be made.
type settler struct {
	source types
	// there are the destination's types by OID, and byName those that are not
	// PostgreSQL's own.
	there  types
	byName map[[2]string]*typeDef
	// make are enums and domains that the destination lacks, by target schema and
	// name.
	make map[[2]string]*typeDef
}

func newSettler(ctx context.Context, dst *link, source types) (*settler, error) {
	names := map[string]bool{}
	oids := map[string]bool{}
	for _, d := range source {
		if d.own() {
			oids[strconv.FormatUint(uint64(d.oid), 10)] = true
		} else {
			names[quote.Literal(d.name)] = true
		}
	}
	condition := "false"
	if len(oids) > 0 {
		condition = "t.oid IN (" + strings.Join(slices.Sorted(maps.Keys(oids)), ",") + ")"
	}
	if len(names) > 0 {
		condition += " OR t.oid >= 16384 AND t.typname IN (" + strings.Join(slices.Sorted(maps.Keys(names)), ",") + ")"
	}
	there, _, err := readTypes(ctx, dst, condition)
	if err != nil {
		return nil, err
	}
	s := &settler{source: source, there: there, byName: map[[2]string]*typeDef{}, make: map[[2]string]*typeDef{}}
	for _, d := range there {
		if !d.own() {
			s.byName[[2]string{d.schema, d.name}] = d
		}
	}
	return s, nil
}

// column settles the type of a column of a table that goes to a schema.
func (s *settler) column(r *relation, c *column, stage string) error {
	what := "column " + printable(c.name) + " of " + r.title()
	name, err := s.name(c.typ.def, r, stage, what)
	if err != nil {
		return err
	}
	c.typ.ddl = name
	if c.typ.def.own() {
		c.typ.ddl = c.typ.name
	} else if c.typ.ddl += c.typ.modifier; c.typ.array {
		c.typ.ddl += "[]"
	}
	return nil
}

// name is how the destination is told a type; empty for PostgreSQL's own.
func (s *settler) name(d *typeDef, r *relation, stage, what string) (string, error) {
	words := "its type " + printable(d.schema) + "." + printable(d.name)
	switch {
	case d.name == "lo" && d.extension == "lo":
		return "", &Refusal{what, words + " refers to large objects, which are not in the table", "leave the column out, or store the content as bytea"}
	case d.own():
		if t := s.there[d.oid]; t == nil || t.name != d.name {
			return "", &Refusal{what, words + " does not exist at the destination", "convert the column in a query, or upgrade the destination"}
		}
		return "", nil
	case d.extension != "":
		for _, t := range s.byName {
			if t.extension == d.extension && t.name == d.name {
				return quote.Qualified(t.schema, t.name), nil
			}
		}
		return "", &Refusal{what, words + " belongs to the extension " + printable(d.extension) + ", which the destination does not have",
			"have its DBA run CREATE EXTENSION " + quote.Identifier(printable(d.extension))}
	}
	return s.user(d, r, stage, what, words)
}

// user settles a type that somebody has made.
func (s *settler) user(d *typeDef, r *relation, stage, what, words string) (string, error) {
	for _, schema := range []string{r.target, d.schema} {
		t := s.byName[[2]string{schema, d.name}]
		switch {
		case t == nil:
		case t.kind == d.kind && t.form == d.form && t.extension == "":
			if !slices.Contains(r.path, schema) {
				r.path = append(r.path, schema)
			}
			return quote.Qualified(schema, d.name), nil
		default:
			return "", &Refusal{what, words + " is defined otherwise at the destination, in schema " + printable(schema),
				"make the definitions equal, or copy into another schema"}
		}
	}
	if d.kind != "e" && d.kind != "d" {
		return "", &Refusal{what, words + " is neither an enum nor a domain and does not exist at the destination",
			"have it made there with the same definition, or convert the column in a query"}
	}
	if b := s.source[d.base]; d.kind == "d" && b != nil && !b.own() {
		return "", &Refusal{what, words + " is a domain over " + printable(b.schema) + "." + printable(b.name) + " and does not exist at the destination",
			"have it made there with the same definition"}
	}
	s.make[[2]string{r.target, d.name}] = d
	return quote.Qualified(stage, d.name), nil
}

// inBinary reports whether values of a column can go in binary: both ends read and
// write it alike.
func (s *settler) inBinary(u *typeUse) bool {
	d := u.def
	switch {
	case u.array && !d.own():
		return false // the OID of the element's type is among the bytes
	case d.kind == "d":
		b := s.source[d.base]
		return b != nil && s.inBinary(&typeUse{def: b})
	case d.kind == "e":
		return true
	case d.own():
		// Arrays and ranges are of types of PostgreSQL's own, whose OIDs are equal.
		return d.binary && !textOnly[strings.TrimPrefix(d.name, "_")]
	case d.extension != "" && d.kind == "b":
		for _, t := range s.byName {
			if t.extension == d.extension && t.name == d.name {
				return d.binary && t.binary && t.version == d.version
			}
		}
	}
	return false
}
