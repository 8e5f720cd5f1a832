package statement

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// alterStatement judges statements that change objects field by field.
func (w *walker) alterStatement(node *pg.Node) bool {
	switch n := node.Node.(type) {
	case *pg.Node_AlterTableStmt:
		w.alterTable(n.AlterTableStmt)
	case *pg.Node_AlterSeqStmt:
		w.mark(n.AlterSeqStmt.Sequence, Alter)
		w.effectHere(DDL, "ALTER SEQUENCE")
		w.children(n.AlterSeqStmt)
	case *pg.Node_AlterFunctionStmt:
		w.alterFunction(n.AlterFunctionStmt)
	case *pg.Node_AlterDatabaseStmt:
		w.alterDatabase(n.AlterDatabaseStmt)
	default:
		return false
	}
	return true
}

// alterTable judges every command of an ALTER TABLE.
func (w *walker) alterTable(s *pg.AlterTableStmt) {
	w.mark(s.Relation, Alter)
	w.effectHere(DDL, "ALTER "+strings.ToUpper(objectWords(s.Objtype)))
	for _, n := range s.Cmds {
		cmd := n.GetAlterTableCmd()
		if cmd == nil || cmd.Subtype == pg.AlterTableType_ALTER_TABLE_TYPE_UNDEFINED {
			w.fail("form of ALTER TABLE is not known")
			return
		}
		w.alterCommand(cmd)
		if columnAlters[cmd.Subtype] {
			w.columnsOf(s.Relation, []string{cmd.Name}, Written)
		}
	}
	w.over(s.Relation, func() { w.children(s) })
}

// retyped walks ALTER COLUMN ... TYPE, which gives a column a value made of its
// own, as UPDATE does. It is false for other commands.
func (w *walker) retyped(cmd *pg.AlterTableCmd) bool {
	if cmd.Subtype != pg.AlterTableType_AT_AlterColumnType || w.level == nil || w.level.target == nil {
		return false
	}
	before, relation := w.assigned, w.level.target.relation
	w.assigned = origin{relation.schema, relation.relation, cmd.Name}
	w.children(cmd)
	w.assigned = before
	return true
}

func (w *walker) alterCommand(cmd *pg.AlterTableCmd) {
	if kind, ok := alterKinds[cmd.Subtype]; ok {
		w.effectHere(kind, "ALTER TABLE ... "+commandWords(cmd.Subtype))
	} else if !harmlessAlters[cmd.Subtype] {
		w.fail("command %s of ALTER TABLE is not known", commandWords(cmd.Subtype))
	}
	switch cmd.Subtype {
	case pg.AlterTableType_AT_AttachPartition, pg.AlterTableType_AT_DetachPartition, pg.AlterTableType_AT_DetachPartitionFinalize:
		w.mark(cmd.Def.GetPartitionCmd().GetName(), Alter)
	case pg.AlterTableType_AT_AddInherit, pg.AlterTableType_AT_DropInherit:
		w.mark(cmd.Def.GetRangeVar(), Alter)
	case pg.AlterTableType_AT_ReplicaIdentity:
		const full, nothing = "f", "n"
		if t := cmd.Def.GetReplicaIdentityStmt().GetIdentityType(); t == full || t == nothing {
			w.effectHere(WeakenProtection, "REPLICA IDENTITY FULL or NOTHING")
		}
	case pg.AlterTableType_AT_SetRelOptions, pg.AlterTableType_AT_ResetRelOptions, pg.AlterTableType_AT_ReplaceRelOptions:
		w.relationOptions(cmd.Def.GetList().GetItems())
	case pg.AlterTableType_AT_GenericOptions, pg.AlterTableType_AT_AlterColumnGenericOptions:
		w.foreign("ALTER FOREIGN TABLE", "", cmd.Def.GetList().GetItems())
	}
}

// commandWords turns AT_DisableRowSecurity into "disable row security".
func commandWords(t pg.AlterTableType) string {
	var b strings.Builder
	for i, r := range strings.TrimPrefix(t.String(), "AT_") {
		if upper := r >= 'A' && r <= 'Z'; upper && i > 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return strings.ToLower(b.String())
}

// relationOptions: those named security_... say whose rights a view uses.
func (w *walker) relationOptions(options []*pg.Node) {
	for _, o := range options {
		if strings.HasPrefix(strings.ToLower(o.GetDefElem().GetDefname()), "security_") {
			w.effectHere(WeakenProtection, "change of a view's security options")
		}
	}
}

// alterKinds are the ALTER TABLE commands that are worse than ddl. Attaching
// shows rows under another name, detaching takes them from under the
// policies of the parent. A column that is no longer computed keeps the values, and
// nothing says any more where they are from.
var alterKinds = map[pg.AlterTableType]Kind{
	pg.AlterTableType_AT_ChangeOwner:               WeakenProtection,
	pg.AlterTableType_AT_DisableRowSecurity:        WeakenProtection,
	pg.AlterTableType_AT_NoForceRowSecurity:        WeakenProtection,
	pg.AlterTableType_AT_DisableTrig:               WeakenProtection,
	pg.AlterTableType_AT_DisableTrigAll:            WeakenProtection,
	pg.AlterTableType_AT_DisableTrigUser:           WeakenProtection,
	pg.AlterTableType_AT_EnableReplicaTrig:         WeakenProtection,
	pg.AlterTableType_AT_DisableRule:               WeakenProtection,
	pg.AlterTableType_AT_EnableReplicaRule:         WeakenProtection,
	pg.AlterTableType_AT_AddInherit:                WeakenProtection,
	pg.AlterTableType_AT_DropInherit:               WeakenProtection,
	pg.AlterTableType_AT_AttachPartition:           WeakenProtection,
	pg.AlterTableType_AT_DetachPartition:           WeakenProtection,
	pg.AlterTableType_AT_DetachPartitionFinalize:   WeakenProtection,
	pg.AlterTableType_AT_DropExpression:            WeakenProtection,
	pg.AlterTableType_AT_GenericOptions:            ExportRemote,
	pg.AlterTableType_AT_AlterColumnGenericOptions: ExportRemote,
}

// columnAlters change the column they name.
var columnAlters = setOf(
	pg.AlterTableType_AT_DropColumn, pg.AlterTableType_AT_AlterColumnType, pg.AlterTableType_AT_ColumnDefault,
	pg.AlterTableType_AT_SetExpression, pg.AlterTableType_AT_DropExpression, pg.AlterTableType_AT_AlterColumnGenericOptions,
	pg.AlterTableType_AT_AddIdentity, pg.AlterTableType_AT_SetIdentity, pg.AlterTableType_AT_DropIdentity,
)

// harmlessAlters are the other commands the parser knows.
var harmlessAlters = setOf(
	pg.AlterTableType_AT_AddColumn, pg.AlterTableType_AT_AddColumnToView, pg.AlterTableType_AT_ColumnDefault,
	pg.AlterTableType_AT_CookedColumnDefault, pg.AlterTableType_AT_DropNotNull, pg.AlterTableType_AT_SetNotNull,
	pg.AlterTableType_AT_SetExpression, pg.AlterTableType_AT_CheckNotNull,
	pg.AlterTableType_AT_SetStatistics, pg.AlterTableType_AT_SetOptions, pg.AlterTableType_AT_ResetOptions,
	pg.AlterTableType_AT_SetStorage, pg.AlterTableType_AT_SetCompression, pg.AlterTableType_AT_DropColumn,
	pg.AlterTableType_AT_AddIndex, pg.AlterTableType_AT_ReAddIndex, pg.AlterTableType_AT_AddConstraint,
	pg.AlterTableType_AT_ReAddConstraint, pg.AlterTableType_AT_ReAddDomainConstraint, pg.AlterTableType_AT_AlterConstraint,
	pg.AlterTableType_AT_ValidateConstraint, pg.AlterTableType_AT_AddIndexConstraint, pg.AlterTableType_AT_DropConstraint,
	pg.AlterTableType_AT_ReAddComment, pg.AlterTableType_AT_AlterColumnType, pg.AlterTableType_AT_ClusterOn,
	pg.AlterTableType_AT_DropCluster, pg.AlterTableType_AT_SetLogged, pg.AlterTableType_AT_SetUnLogged,
	pg.AlterTableType_AT_DropOids, pg.AlterTableType_AT_SetAccessMethod, pg.AlterTableType_AT_SetTableSpace,
	pg.AlterTableType_AT_SetRelOptions, pg.AlterTableType_AT_ResetRelOptions, pg.AlterTableType_AT_ReplaceRelOptions,
	pg.AlterTableType_AT_EnableTrig, pg.AlterTableType_AT_EnableAlwaysTrig, pg.AlterTableType_AT_EnableTrigAll,
	pg.AlterTableType_AT_EnableTrigUser, pg.AlterTableType_AT_EnableRule, pg.AlterTableType_AT_EnableAlwaysRule,
	pg.AlterTableType_AT_AddOf, pg.AlterTableType_AT_DropOf, pg.AlterTableType_AT_ReplicaIdentity,
	pg.AlterTableType_AT_EnableRowSecurity, pg.AlterTableType_AT_ForceRowSecurity, pg.AlterTableType_AT_AddIdentity,
	pg.AlterTableType_AT_SetIdentity, pg.AlterTableType_AT_DropIdentity, pg.AlterTableType_AT_ReAddStatistics,
)

func setOf[T comparable](all ...T) map[T]bool {
	set := make(map[T]bool, len(all))
	for _, one := range all {
		set[one] = true
	}
	return set
}

// alterFunction: cost and volatility are hints; whose rights and settings a
// function uses is protection.
func (w *walker) alterFunction(s *pg.AlterFunctionStmt) {
	w.effectHere(DDL, "ALTER FUNCTION")
	for _, a := range s.Actions {
		e := a.GetDefElem()
		switch e.GetDefname() {
		case "security", "leakproof", "support":
			w.effectHere(WeakenProtection, "ALTER FUNCTION ... "+strings.ToUpper(e.GetDefname()))
		case "set":
			w.effectHere(WeakenProtection, "ALTER FUNCTION ... SET")
			w.variableSet(e.GetArg().GetVariableSetStmt())
		}
	}
}

// alterDatabase: who may connect and who may copy it.
func (w *walker) alterDatabase(s *pg.AlterDatabaseStmt) {
	w.effectHere(DDL, "ALTER DATABASE")
	for _, o := range s.Options {
		switch name := strings.ToLower(o.GetDefElem().GetDefname()); name {
		case "is_template", "allow_connections":
			w.effectHere(WeakenProtection, "ALTER DATABASE ... "+strings.ToUpper(name))
		}
	}
}
