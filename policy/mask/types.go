package mask

import (
	"strconv"
	"strings"
)

// family is how values of a type are read and written.
type family uint8

const (
	other  family = iota // nothing is known: only NULL can take its place
	text                 // text and varchar
	name                 // name: 63 bytes
	bpchar               // char(n)
	citext               // the type of the extension
	boolean
	int2
	int4
	int8
	numeric
	float4
	float8
	date
	timestamp
	timestamptz
	uuid
	bytea
	json
	jsonb
	macaddr
	inet
)

// families are by pg_type.oid, which is the same on all servers for types of
// PostgreSQL itself (pg_type.dat).
var families = map[uint32]family{
	16: boolean, 17: bytea, 19: name, 20: int8, 21: int2, 23: int4, 25: text, 114: json, 700: float4, 701: float8,
	829: macaddr, 869: inet, 1042: bpchar, 1043: text, 1082: date, 1114: timestamp, 1184: timestamptz, 1700: numeric,
	2950: uuid, 3802: jsonb,
}

// Type is the type of a column as far as masks need it.
type Type struct {
	// OID is pg_type.oid; for a column of a domain the domain's own. A domain or
	// enumeration takes only the mask null.
	OID uint32
	// Name is what format_type says, such as character varying(40) or
	// numeric(10,2): it has the length. It may be empty where only values are
	// shown and nothing is restored.
	Name string
}

// firstUserOID is the first OID of what is not PostgreSQL's own
// (FirstNormalObjectId in access/transam.h).
const firstUserOID = 16384

func (t Type) family() family {
	if f, ok := families[t.OID]; ok {
		return f
	}
	if t.OID >= firstUserOID && (t.Name == "citext" || strings.HasSuffix(t.Name, ".citext")) {
		return citext
	}
	return other
}

// modifiers are the numbers in parentheses of the type's name: none in most.
func (t Type) modifiers() []int {
	_, after, ok := strings.Cut(t.Name, "(")
	if !ok {
		return nil
	}
	list, _, ok := strings.Cut(after, ")")
	if !ok {
		return nil
	}
	var out []int
	for word := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(word))
		if err != nil {
			return nil
		}
		out = append(out, n)
	}
	return out
}

// unlimited is the length of texts that have no limit, in characters.
const unlimited = 1 << 30

// length is how many characters a text may have.
func (t Type) length() int {
	switch t.family() {
	case name:
		return 63
	case text, bpchar:
		if m := t.modifiers(); len(m) == 1 {
			return m[0]
		}
		if t.family() == bpchar && t.Name == "character" {
			return 1
		}
	}
	return unlimited
}

// precision returns the digits of a numeric in all and behind the point; 0 and
// 0 if it has no limits.
func (t Type) precision() (all, behind int) {
	switch m := t.modifiers(); len(m) {
	case 1:
		return m[0], 0
	case 2:
		return m[0], m[1]
	}
	return 0, 0
}

// words is the type as messages name it.
func (t Type) words() string {
	if t.Name != "" {
		return t.Name
	}
	return "type " + strconv.FormatUint(uint64(t.OID), 10)
}

// in tells whether f is one of the list.
func (f family) in(list ...family) bool {
	for _, g := range list {
		if f == g {
			return true
		}
	}
	return false
}

// isText is true for types whose values are text in every format.
func (f family) isText() bool { return f.in(text, name, bpchar, citext) }

// isInteger is true for types of integers.
func (f family) isInteger() bool { return f.in(int2, int4, int8) }
