package statement

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// mark says what the statement does to a relation, before the walk reaches
// it. A marked relation is never a CTE: the server opens targets by name.
func (w *walker) mark(rv *pg.RangeVar, access Access) {
	if rv == nil {
		return
	}
	if w.access == nil {
		w.access = map[*pg.RangeVar]Access{}
	}
	w.access[rv] = access
}

// rangeVar notes a relation.
func (w *walker) rangeVar(rv *pg.RangeVar) {
	access, marked := w.access[rv]
	if !marked {
		if rv.Schemaname == "" && w.scope.has(rv.Relname) {
			return
		}
		access = Read
	}
	w.touched++
	w.relation(Relation{Database: rv.Catalogname, Schema: rv.Schemaname, Name: rv.Relname, Access: access, Position: int(rv.Location)})
}

// relation notes a relation once per access, and what it means to touch it.
func (w *walker) relation(r Relation) {
	key := relationKey{r.Database, r.Schema, r.Name, r.Access}
	if w.seen.relations[key] {
		return
	}
	if w.seen.relations == nil {
		w.seen.relations = map[relationKey]bool{}
	}
	w.seen.relations[key] = true
	if len(w.st.Relations) >= mostNamed {
		w.fail("statement names more than %d relations", mostNamed)
		return
	}
	w.st.Relations = append(w.st.Relations, r)
	if !systemRelation(r) {
		return
	}
	if r.Access != Read && !(r.Access == Create && r.Schema == "") {
		w.effect(WeakenProtection, "change of system catalog "+r.Name, r.Position)
		if r.Name == "pg_settings" {
			w.setting(Setting{Name: "*", Unknown: true, Breaks: true, Position: r.Position})
		}
	}
	if s, ok := sensitiveRelations[r.Name]; ok {
		w.effect(s.kind, s.what, r.Position)
	}
}

// systemRelation reports whether a name means a relation of the system
// schemas: those are searched first unless the session says otherwise.
func systemRelation(r Relation) bool {
	switch r.Schema {
	case "pg_catalog", "information_schema", "pg_toast":
		return true
	case "":
		return strings.HasPrefix(r.Name, "pg_")
	}
	return false
}

type meaning struct {
	kind Kind
	what string
}

// sensitiveRelations are system relations whose mere reading is worse than
// ordinary_read. Statistics and activity views are not here: what they show
// of a classified column is a question for the catalog.
var sensitiveRelations = map[string]meaning{
	"pg_authid":              {WeakenProtection, "reads password hashes in pg_authid"},
	"pg_shadow":              {WeakenProtection, "reads password hashes in pg_shadow"},
	"pg_user_mapping":        {WeakenProtection, "reads credentials in pg_user_mapping"},
	"pg_user_mappings":       {WeakenProtection, "reads credentials in pg_user_mappings"},
	"_pg_user_mappings":      {WeakenProtection, "reads credentials in _pg_user_mappings"},
	"user_mapping_options":   {WeakenProtection, "reads credentials in user_mapping_options"},
	"pg_largeobject":         {ExportToClient, "reads large-object content in pg_largeobject"},
	"pg_hba_file_rules":      {ServerRead, "reads the server's pg_hba.conf"},
	"pg_ident_file_mappings": {ServerRead, "reads the server's pg_ident.conf"},
	"pg_file_settings":       {ServerRead, "reads the server's configuration files"},
}
