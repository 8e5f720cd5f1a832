package policy

import "github.com/sluice-pg/sluice/policy/statement"

// largeObject is a built-in function on large objects.
type largeObject struct {
	name string
	kind statement.Kind
}

// largeObjects maps the OIDs of the large-object functions, which are the
// same in every supported version of PostgreSQL (pg_proc.dat), to what they
// do. They are what client libraries call by FunctionCall messages.
var largeObjects = map[uint32]largeObject{
	764:  {"lo_import", statement.ServerRead},
	767:  {"lo_import", statement.ServerRead},
	765:  {"lo_export", statement.ExportToServerFile},
	952:  {"lo_open", statement.OrdinaryRead},
	953:  {"lo_close", statement.OrdinaryRead},
	954:  {"loread", statement.ExportToClient},
	955:  {"lowrite", statement.OrdinaryWrite},
	956:  {"lo_lseek", statement.OrdinaryRead},
	957:  {"lo_creat", statement.OrdinaryWrite},
	715:  {"lo_create", statement.OrdinaryWrite},
	958:  {"lo_tell", statement.OrdinaryRead},
	964:  {"lo_unlink", statement.OrdinaryWrite},
	1004: {"lo_truncate", statement.OrdinaryWrite},
	3170: {"lo_lseek64", statement.OrdinaryRead},
	3171: {"lo_tell64", statement.OrdinaryRead},
	3172: {"lo_truncate64", statement.OrdinaryWrite},
	3457: {"lo_from_bytea", statement.OrdinaryWrite},
	3458: {"lo_get", statement.ExportToClient},
	3459: {"lo_get", statement.ExportToClient},
	3460: {"lo_put", statement.OrdinaryWrite},
}

// FunctionCall describes a FunctionCall message (protocol 55.2.4) as a
// statement, so that the same policy judges it. It knows the built-in
// functions on large objects; for any other OID it returns false, and the
// call is to be refused.
func FunctionCall(oid uint32) (statement.Statement, bool) {
	f, known := largeObjects[oid]
	if !known {
		return statement.Statement{}, false
	}
	return statement.Statement{
		Kind:      f.kind,
		Node:      "FunctionCall",
		Effects:   []statement.Effect{{Kind: f.kind, What: functionEffect + f.name, Position: -1}},
		Functions: []statement.Function{{Schema: "pg_catalog", Name: f.name, Position: -1}},
	}, true
}

func isLargeObject(name string) bool {
	for _, f := range largeObjects {
		if f.name == name {
			return true
		}
	}
	return false
}
