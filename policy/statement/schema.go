package statement

import (
	_ "embed"

	pg "github.com/pganalyze/pg_query_go/v6"
)

//go:embed data/builtin_types.txt
var builtinTypesText string

// builtinTypes are the types whose casts only compute.
var builtinTypes = readNames(builtinTypesText)

// cast notes that a cast to a type of somebody's own may call a function: an
// input function, a cast function, a domain's check. Enums and domains are
// everyday, so it has no effect of its own.
func (w *walker) cast(t *pg.TypeName) {
	w.mentionType(t)
	schema, name := qualified(t.GetNames())
	if (schema == "" || schema == "pg_catalog") && builtinTypes[name] {
		return
	}
	w.untold(untoldCast)
}

const untoldCast = "a cast to a type outside the known set may call a function"

// createSchema judges CREATE SCHEMA with the objects made inside it, which are
// its own whatever the search_path says.
func (w *walker) createSchema(s *pg.CreateSchemaStmt) {
	w.effectHere(DDL, "CREATE SCHEMA")
	schema := s.Schemaname
	if schema == "" { // AUTHORIZATION alone: the role's name
		schema = s.GetAuthrole().GetRolename()
	}
	made := map[string]bool{}
	for _, n := range s.SchemaElts {
		rv := madeBy(n)
		if rv == nil {
			continue
		}
		if rv.Schemaname == "" {
			rv.Schemaname = schema
		}
		made[rv.Relname] = true
	}
	for _, n := range s.SchemaElts {
		for _, o := range n.GetGrantStmt().GetObjects() {
			if rv := o.GetRangeVar(); rv != nil && rv.Schemaname == "" && made[rv.Relname] {
				rv.Schemaname = schema
			}
		}
	}
	w.children(s)
}

// madeBy is the relation that an element of CREATE SCHEMA puts into it.
func madeBy(n *pg.Node) *pg.RangeVar {
	switch e := n.GetNode().(type) {
	case *pg.Node_CreateStmt:
		return e.CreateStmt.Relation
	case *pg.Node_ViewStmt:
		return e.ViewStmt.View
	case *pg.Node_IndexStmt:
		return e.IndexStmt.Relation
	case *pg.Node_CreateSeqStmt:
		return e.CreateSeqStmt.Sequence
	case *pg.Node_CreateTrigStmt:
		return e.CreateTrigStmt.Relation
	}
	return nil
}
