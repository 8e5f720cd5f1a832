package classify

import "strings"

// Column is what the catalog says of a column.
type Column struct {
	Schema, Relation, Name string
	// Type is the type as format_type writes it, below a domain; empty if
	// it is not known, as in a stream.
	Type string
}

// sort is a set of sorts of types.
type sort uint8

const (
	texts sort = 1 << iota
	numbers
	times
	booleans
	places
	documents // json and its like: they may hold anything
	networks
	others
	anySort = ^sort(0)
)

// typeSorts are the sorts of types by their names without length and array.
var typeSorts = map[string]sort{
	"text": texts, "character varying": texts, "varchar": texts, "character": texts, "char": texts, "bpchar": texts, "citext": texts, "name": texts,
	"bytea": texts | others, "uuid": others,
	"smallint": numbers, "integer": numbers, "bigint": numbers, "numeric": numbers, "real": numbers, "double precision": numbers, "money": numbers,
	"date": times, "timestamp without time zone": times, "timestamp with time zone": times, "time without time zone": times, "time with time zone": times, "interval": times,
	"boolean": booleans,
	"point":   places, "geometry": places, "geography": places, "polygon": places, "path": places, "circle": places, "box": places, "line": places, "lseg": places, "earth": places,
	"json": documents, "jsonb": documents, "hstore": documents, "xml": documents,
	"inet": networks, "cidr": networks, "macaddr": networks, "macaddr8": networks,
}

// sort is the sort of the column's type; any sort if the type is not given.
// Types of enumerations and the like are of the sort of others.
func (c *Column) sort() sort {
	if c.Type == "" {
		return anySort
	}
	if s, known := typeSorts[c.plainType()]; known {
		return s
	}
	return others
}

// plainType is the type's name without its schema, length and array.
func (c *Column) plainType() string {
	name := strings.TrimSuffix(c.Type, "[]")
	if at := strings.IndexByte(name, '('); at >= 0 {
		end := strings.IndexByte(name, ')')
		name = name[:at] + name[end+1:] // timestamp(3) with time zone
	}
	if at := strings.LastIndexByte(name, '.'); at >= 0 {
		name = name[at+1:]
	}
	return strings.Trim(name, `"`)
}

// Searchable reports whether values of the column can hold what the
// validators look for: texts, documents, and types that nobody knows.
func (c *Column) Searchable() bool {
	return c.sort()&(texts|documents|others|networks|numbers) != 0 && c.Type != "uuid"
}
