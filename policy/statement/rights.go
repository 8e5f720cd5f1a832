package statement

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// rightsStatement judges statements about roles, rights, policies and names.
func (w *walker) rightsStatement(node *pg.Node) bool {
	switch n := node.Node.(type) {
	case *pg.Node_GrantStmt:
		w.grant(n.GrantStmt)
	case *pg.Node_GrantRoleStmt:
		w.grantRole(n.GrantRoleStmt)
	case *pg.Node_AlterDefaultPrivilegesStmt:
		w.defaultPrivileges(n.AlterDefaultPrivilegesStmt)
	case *pg.Node_AlterRoleSetStmt:
		w.effectHere(WeakenProtection, "ALTER ROLE ... SET")
		w.variableSet(n.AlterRoleSetStmt.Setstmt)
	case *pg.Node_AlterDatabaseSetStmt:
		w.effectHere(WeakenProtection, "ALTER DATABASE ... SET")
		w.variableSet(n.AlterDatabaseSetStmt.Setstmt)
	case *pg.Node_AlterSystemStmt:
		w.alterSystem(n.AlterSystemStmt)
	case *pg.Node_CreatePolicyStmt:
		w.createPolicy(n.CreatePolicyStmt)
	case *pg.Node_AlterPolicyStmt:
		w.mark(n.AlterPolicyStmt.Table, Alter)
		w.effectHere(WeakenProtection, "ALTER POLICY")
		w.over(n.AlterPolicyStmt.Table, func() { w.children(n.AlterPolicyStmt) })
	case *pg.Node_CommentStmt:
		w.comment(n.CommentStmt)
	case *pg.Node_RenameStmt:
		w.rename(n.RenameStmt)
	case *pg.Node_AlterObjectSchemaStmt:
		w.mark(n.AlterObjectSchemaStmt.Relation, Alter)
		if rv := n.AlterObjectSchemaStmt.Relation; rv != nil {
			w.relation(Relation{Schema: n.AlterObjectSchemaStmt.Newschema, Name: rv.Relname, Access: Create, Position: -1})
		}
		w.effectHere(WeakenProtection, "SET SCHEMA")
		w.children(n.AlterObjectSchemaStmt)
	case *pg.Node_AlterOwnerStmt:
		w.mark(n.AlterOwnerStmt.Relation, Alter)
		w.effectHere(WeakenProtection, "OWNER TO")
		w.children(n.AlterOwnerStmt)
	case *pg.Node_SecLabelStmt:
		w.effectHere(WeakenProtection, "SECURITY LABEL")
		w.object(n.SecLabelStmt.Objtype, n.SecLabelStmt.Object)
		w.children(n.SecLabelStmt)
	case *pg.Node_DropStmt:
		w.drop(n.DropStmt)
	default:
		return false
	}
	return true
}

// grant judges GRANT and REVOKE of rights on objects. Taking away weakens
// nothing.
func (w *walker) grant(s *pg.GrantStmt) {
	for _, o := range s.Objects {
		w.mark(o.GetRangeVar(), Alter)
		for _, p := range s.Privileges {
			w.columnsOf(o.GetRangeVar(), strs(p.GetAccessPriv().GetCols()), Used)
		}
	}
	if s.IsGrant {
		w.effectHere(WeakenProtection, grantWords("GRANT", s.Grantees))
	} else {
		w.effectHere(DDL, "REVOKE")
	}
	w.children(s)
}

func grantWords(what string, grantees []*pg.Node) string {
	for _, g := range grantees {
		if g.GetRoleSpec().GetRoletype() == pg.RoleSpecType_ROLESPEC_PUBLIC {
			return what + " to PUBLIC"
		}
	}
	return what
}

// grantRole judges membership. Leaving a role weakens too: a restrictive
// policy may bind only its members.
func (w *walker) grantRole(s *pg.GrantRoleStmt) {
	if s.IsGrant {
		w.effectHere(WeakenProtection, "GRANT of a role")
	} else {
		w.effectHere(WeakenProtection, "REVOKE of a role")
	}
	w.children(s)
}

func (w *walker) defaultPrivileges(s *pg.AlterDefaultPrivilegesStmt) {
	if s.GetAction().GetIsGrant() {
		w.effectHere(WeakenProtection, grantWords("ALTER DEFAULT PRIVILEGES ... GRANT", s.Action.Grantees))
	} else {
		w.effectHere(DDL, "ALTER DEFAULT PRIVILEGES ... REVOKE")
	}
}

// alterSystem changes the server for everybody, after a reload: a pinned
// setting may not be touched at all.
func (w *walker) alterSystem(s *pg.AlterSystemStmt) {
	w.effectHere(WeakenProtection, "ALTER SYSTEM")
	w.variableSet(s.Setstmt)
	for i := range w.st.Settings {
		set := &w.st.Settings[i]
		if pins[set.Name].breaks {
			set.Breaks = true
		}
	}
}

// createPolicy: permissive policies are joined by OR, so one more shows more
// rows; a restrictive one can only show fewer.
func (w *walker) createPolicy(s *pg.CreatePolicyStmt) {
	w.mark(s.Table, Alter)
	if s.Permissive {
		w.effectHere(WeakenProtection, "CREATE POLICY (permissive)")
	} else {
		w.effectHere(DDL, "CREATE POLICY (restrictive)")
	}
	w.over(s.Table, func() { w.children(s) })
}

// comment: a comment may hold the class of a column.
func (w *walker) comment(s *pg.CommentStmt) {
	if strings.Contains(strings.ToLower(s.Comment), "class:") {
		w.effectHere(WeakenProtection, "COMMENT that sets a class")
	} else {
		w.effectHere(DDL, "COMMENT")
	}
	w.object(s.Objtype, s.Object)
	w.children(s)
}

// renames that give data or code no new name. An index is not among them:
// ALTER INDEX renames tables as well.
var harmlessRenames = map[pg.ObjectType]bool{
	pg.ObjectType_OBJECT_SEQUENCE:        true,
	pg.ObjectType_OBJECT_TABCONSTRAINT:   true,
	pg.ObjectType_OBJECT_DOMCONSTRAINT:   true,
	pg.ObjectType_OBJECT_COLLATION:       true,
	pg.ObjectType_OBJECT_TSCONFIGURATION: true,
	pg.ObjectType_OBJECT_TSDICTIONARY:    true,
	pg.ObjectType_OBJECT_TSPARSER:        true,
	pg.ObjectType_OBJECT_TSTEMPLATE:      true,
	pg.ObjectType_OBJECT_STATISTIC_EXT:   true,
	pg.ObjectType_OBJECT_TABLESPACE:      true,
	pg.ObjectType_OBJECT_TYPE:            true,
	pg.ObjectType_OBJECT_DOMAIN:          true,
	pg.ObjectType_OBJECT_OPCLASS:         true,
	pg.ObjectType_OBJECT_OPFAMILY:        true,
}

func (w *walker) rename(s *pg.RenameStmt) {
	w.mark(s.Relation, Alter)
	if relationTypes[s.RenameType] && s.Relation != nil {
		w.relation(Relation{Schema: s.Relation.Schemaname, Name: s.Newname, Access: Create, Position: -1})
	}
	if s.RenameType == pg.ObjectType_OBJECT_COLUMN {
		w.columnsOf(s.Relation, []string{s.Subname, s.Newname}, Written)
	}
	if harmlessRenames[s.RenameType] {
		w.effectHere(DDL, "RENAME")
	} else {
		w.effectHere(WeakenProtection, "RENAME of "+objectWords(s.RenameType))
	}
	w.children(s)
}

// objectWords turns OBJECT_TABLE into "table".
func objectWords(t pg.ObjectType) string {
	words := strings.ToLower(strings.TrimPrefix(t.String(), "OBJECT_"))
	return strings.ReplaceAll(words, "_", " ")
}

// drops that take a protection away.
var weakeningDrops = map[pg.ObjectType]bool{
	pg.ObjectType_OBJECT_POLICY:        true,
	pg.ObjectType_OBJECT_TRIGGER:       true,
	pg.ObjectType_OBJECT_EVENT_TRIGGER: true,
	pg.ObjectType_OBJECT_RULE:          true,
}

func (w *walker) drop(s *pg.DropStmt) {
	what := "DROP " + strings.ToUpper(objectWords(s.RemoveType))
	switch {
	case s.RemoveType == pg.ObjectType_OBJECT_TYPE_UNDEFINED:
		w.fail("form of DROP is not known")
	case s.RemoveType == pg.ObjectType_OBJECT_PUBLICATION:
		w.effectHere(Replication, what)
	case s.RemoveType == pg.ObjectType_OBJECT_EXTENSION && !allKnownExtensions(s.Objects), weakeningDrops[s.RemoveType]:
		w.effectHere(WeakenProtection, what)
	default:
		w.effectHere(DDL, what)
	}
	for _, o := range s.Objects {
		w.object(s.RemoveType, o)
	}
	w.children(s)
}

// object notes the relation, and the column, that an object named by a list of
// strings is or belongs to.
func (w *walker) object(t pg.ObjectType, object *pg.Node) {
	items := object.GetList().GetItems()
	part := partOfRelation[t]
	switch {
	case !relationTypes[t] && !part, part && len(items) < 2:
		return
	case part:
		items = items[:len(items)-1]
	}
	schema, name := qualified(items)
	if name == "" {
		return
	}
	w.relation(Relation{Schema: schema, Name: name, Access: Alter, Position: -1})
	if t == pg.ObjectType_OBJECT_COLUMN {
		all := object.GetList().GetItems()
		if column := all[len(all)-1].GetString_().GetSval(); column != "" {
			w.column(origin{schema, name, column}, Written, -1)
		}
	}
}

// partOfRelation are the objects whose name stands behind that of a relation.
var partOfRelation = map[pg.ObjectType]bool{
	pg.ObjectType_OBJECT_COLUMN:        true,
	pg.ObjectType_OBJECT_POLICY:        true,
	pg.ObjectType_OBJECT_TRIGGER:       true,
	pg.ObjectType_OBJECT_RULE:          true,
	pg.ObjectType_OBJECT_TABCONSTRAINT: true,
}

var relationTypes = map[pg.ObjectType]bool{
	pg.ObjectType_OBJECT_TABLE:         true,
	pg.ObjectType_OBJECT_VIEW:          true,
	pg.ObjectType_OBJECT_MATVIEW:       true,
	pg.ObjectType_OBJECT_FOREIGN_TABLE: true,
	pg.ObjectType_OBJECT_SEQUENCE:      true,
	pg.ObjectType_OBJECT_INDEX:         true,
}
