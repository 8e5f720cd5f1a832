package proxytest

import "fmt"

// kind is a data type as a row description names it: its size in bytes, -1
// for values of any length, -2 for C strings.
type kind struct {
	name string
	size int
}

// types are the built-in types that scripts use, by their fixed object id
// (catalog pg_type).
var types = map[uint32]kind{
	16:   {"bool", 1},
	17:   {"bytea", -1},
	18:   {"char", 1},
	19:   {"name", 64},
	20:   {"int8", 8},
	21:   {"int2", 2},
	23:   {"int4", 4},
	25:   {"text", -1},
	26:   {"oid", 4},
	114:  {"json", -1},
	700:  {"float4", 4},
	701:  {"float8", 8},
	705:  {"unknown", -2},
	1007: {"int4[]", -1},
	1009: {"text[]", -1},
	1042: {"bpchar", -1},
	1043: {"varchar", -1},
	1082: {"date", 4},
	1114: {"timestamp", 8},
	1184: {"timestamptz", 8},
	1700: {"numeric", -1},
	1790: {"refcursor", -1},
	2249: {"record", -1},
	2278: {"void", 4},
	2950: {"uuid", 16},
	3802: {"jsonb", -1},
}

func typeName(oid uint32) string {
	switch k, ok := types[oid]; {
	case ok:
		return k.name
	case oid >= 16384: // FirstNormalObjectId: made by somebody, differs between runs
		return "user-type"
	default:
		return fmt.Sprintf("type-%d", oid)
	}
}
