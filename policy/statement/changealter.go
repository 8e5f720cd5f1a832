package statement

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// callableTypes are objects that a statement can call: functions, operators,
// types and what belongs to them.
var callableTypes = map[pg.ObjectType]bool{
	pg.ObjectType_OBJECT_FUNCTION:  true,
	pg.ObjectType_OBJECT_PROCEDURE: true,
	pg.ObjectType_OBJECT_ROUTINE:   true,
	pg.ObjectType_OBJECT_AGGREGATE: true,
	pg.ObjectType_OBJECT_OPERATOR:  true,
	pg.ObjectType_OBJECT_TYPE:      true,
	pg.ObjectType_OBJECT_DOMAIN:    true,
}

// namelessTypes are objects whose change leaves the names of relations and of
// what can be called as they are. An index is none of them: some servers let
// ALTER INDEX rename any relation.
var namelessTypes = map[pg.ObjectType]bool{
	pg.ObjectType_OBJECT_TABCONSTRAINT:   true,
	pg.ObjectType_OBJECT_DOMCONSTRAINT:   true,
	pg.ObjectType_OBJECT_ROLE:            true,
	pg.ObjectType_OBJECT_DATABASE:        true,
	pg.ObjectType_OBJECT_TABLESPACE:      true,
	pg.ObjectType_OBJECT_PUBLICATION:     true,
	pg.ObjectType_OBJECT_SUBSCRIPTION:    true,
	pg.ObjectType_OBJECT_STATISTIC_EXT:   true,
	pg.ObjectType_OBJECT_COLLATION:       true,
	pg.ObjectType_OBJECT_TSCONFIGURATION: true,
	pg.ObjectType_OBJECT_TSDICTIONARY:    true,
	pg.ObjectType_OBJECT_TSPARSER:        true,
	pg.ObjectType_OBJECT_TSTEMPLATE:      true,
}

// codeTypes are parts of relations that are code; their name comes behind the
// relation's.
var codeTypes = map[pg.ObjectType]bool{
	pg.ObjectType_OBJECT_POLICY:  true,
	pg.ObjectType_OBJECT_TRIGGER: true,
	pg.ObjectType_OBJECT_RULE:    true,
}

func (c *changes) drop(s *pg.DropStmt) {
	cascade := s.Behavior == pg.DropBehavior_DROP_CASCADE
	for _, object := range s.Objects {
		items := object.GetList().GetItems()
		switch t := s.RemoveType; {
		case namelessTypes[t] && !cascade:
		case t == pg.ObjectType_OBJECT_INDEX:
		case relationTypes[t]:
			schema, name := qualified(items)
			c.add(Change{Op: ChangeDrop, Schema: schema, Name: name, IfExists: s.MissingOk, Cascade: cascade})
		case codeTypes[t] && len(items) > 1:
			schema, name := qualified(items[:len(items)-1])
			c.add(Change{Op: ChangeCode, Schema: schema, Name: name})
		case callableTypes[t] && !cascade:
			c.add(Change{Op: ChangeCallable, Name: callableName(object)})
		case t == pg.ObjectType_OBJECT_SCHEMA && !cascade:
			c.add(Change{Op: ChangeSchema, Name: object.GetString_().GetSval(), IfExists: s.MissingOk})
		default:
			c.add(Change{Op: ChangeAny})
		}
	}
}

// callableName is the last part of the name of a function, operator or type;
// empty if it cannot be told.
func callableName(object *pg.Node) string {
	var names []*pg.Node
	switch n := object.GetNode().(type) {
	case *pg.Node_ObjectWithArgs:
		names = n.ObjectWithArgs.Objname
	case *pg.Node_TypeName:
		names = n.TypeName.Names
	case *pg.Node_List:
		names = n.List.Items
	}
	_, name := qualified(names)
	return name
}

func (c *changes) rename(s *pg.RenameStmt) {
	from := nameOf(s.Relation)
	switch t := s.RenameType; {
	case namelessTypes[t]:
	case relationTypes[t]:
		c.add(Change{Op: ChangeRename, Schema: from.Schema, Name: from.Name, To: s.Newname, IfExists: s.MissingOk})
	case t == pg.ObjectType_OBJECT_COLUMN:
		c.add(Change{Op: ChangeRenameColumn, Schema: from.Schema, Name: from.Name, Column: s.Subname, To: s.Newname, IfExists: s.MissingOk})
	case codeTypes[t]:
		c.add(Change{Op: ChangeCode, Schema: from.Schema, Name: from.Name})
	case t == pg.ObjectType_OBJECT_SCHEMA:
		c.add(Change{Op: ChangeSchema, Name: s.Subname, To: s.Newname})
	case callableTypes[t]:
		c.add(Change{Op: ChangeCallable, Name: callableName(s.Object)})
		c.add(Change{Op: ChangeCallable, Name: s.Newname})
	default:
		c.add(Change{Op: ChangeAny})
	}
}

func (c *changes) move(s *pg.AlterObjectSchemaStmt) {
	switch t := s.ObjectType; {
	case namelessTypes[t]:
	case relationTypes[t]:
		from := nameOf(s.Relation)
		c.add(Change{Op: ChangeMove, Schema: from.Schema, Name: from.Name, To: s.Newschema, IfExists: s.MissingOk})
	case callableTypes[t]:
		c.add(Change{Op: ChangeCallable, Name: callableName(s.Object)})
	default:
		c.add(Change{Op: ChangeAny})
	}
}

// makeupAlters change what rows a relation shows, or what is in its columns.
var makeupAlters = map[pg.AlterTableType]bool{
	pg.AlterTableType_AT_AttachPartition:         true,
	pg.AlterTableType_AT_DetachPartition:         true,
	pg.AlterTableType_AT_DetachPartitionFinalize: true,
	pg.AlterTableType_AT_AddInherit:              true,
	pg.AlterTableType_AT_DropInherit:             true,
	pg.AlterTableType_AT_AddOf:                   true,
	pg.AlterTableType_AT_SetExpression:           true,
}

// quietAlters leave alone what the columns of a relation are and what reading
// or writing it runs.
var quietAlters = map[pg.AlterTableType]bool{
	pg.AlterTableType_AT_SetNotNull:         true,
	pg.AlterTableType_AT_DropNotNull:        true,
	pg.AlterTableType_AT_SetStatistics:      true,
	pg.AlterTableType_AT_SetStorage:         true,
	pg.AlterTableType_AT_SetCompression:     true,
	pg.AlterTableType_AT_SetOptions:         true,
	pg.AlterTableType_AT_ResetOptions:       true,
	pg.AlterTableType_AT_AddIndexConstraint: true,
	pg.AlterTableType_AT_ValidateConstraint: true,
	pg.AlterTableType_AT_AlterConstraint:    true,
	pg.AlterTableType_AT_ClusterOn:          true,
	pg.AlterTableType_AT_DropCluster:        true,
	pg.AlterTableType_AT_SetLogged:          true,
	pg.AlterTableType_AT_SetUnLogged:        true,
	pg.AlterTableType_AT_SetTableSpace:      true,
	pg.AlterTableType_AT_SetRelOptions:      true,
	pg.AlterTableType_AT_ResetRelOptions:    true,
	pg.AlterTableType_AT_ReplicaIdentity:    true,
	pg.AlterTableType_AT_ChangeOwner:        true,
	pg.AlterTableType_AT_DropConstraint:     true,
	pg.AlterTableType_AT_AddIdentity:        true,
	pg.AlterTableType_AT_SetIdentity:        true,
	pg.AlterTableType_AT_DropIdentity:       true,
}

func (c *changes) alter(s *pg.AlterTableStmt) {
	name := nameOf(s.Relation)
	for _, item := range s.Cmds {
		cmd := item.GetAlterTableCmd()
		change := Change{Schema: name.Schema, Name: name.Name, IfExists: cmd.GetMissingOk(), Cascade: cmd.GetBehavior() == pg.DropBehavior_DROP_CASCADE}
		switch t := cmd.GetSubtype(); {
		case t == pg.AlterTableType_AT_AddColumn:
			change.Op, change.Columns = ChangeAddColumn, []NewColumn{columnOf(cmd.Def.GetColumnDef())}
			if isGenerated(cmd.Def.GetColumnDef()) { // it is filled with values of others
				c.add(Change{Op: ChangeMakeup, Schema: name.Schema, Name: name.Name, IfExists: change.IfExists})
			}
		case t == pg.AlterTableType_AT_DropColumn:
			change.Op, change.Column = ChangeDropColumn, cmd.Name
		case makeupAlters[t]:
			change.Op = ChangeMakeup
			other := nameOf(cmd.GetDef().GetRangeVar())
			if part := cmd.GetDef().GetPartitionCmd(); part != nil {
				other = nameOf(part.Name)
			}
			if other.Name != "" {
				c.add(Change{Op: ChangeMakeup, Schema: other.Schema, Name: other.Name})
			}
		case t == pg.AlterTableType_AT_AlterColumnType:
			change.Op = ChangeMakeup
			if cmd.GetDef().GetColumnDef().GetRawDefault() == nil { // without USING
				change.Op = ChangeCode
			}
		case quietAlters[t] && !change.Cascade:
			continue
		default:
			change.Op = ChangeCode
		}
		if s.Objtype == pg.ObjectType_OBJECT_TYPE {
			change = ofType(change)
		}
		c.add(change)
	}
}

// isGenerated reports whether a column is computed from others.
func isGenerated(def *pg.ColumnDef) bool {
	return slices.ContainsFunc(def.GetConstraints(), func(n *pg.Node) bool {
		return n.GetConstraint().GetContype() == pg.ConstrType_CONSTR_GENERATED
	})
}

// ofType turns a change of a composite type's attributes into one of the type;
// with CASCADE it changes the tables that are made of it.
func ofType(change Change) Change {
	if change.Cascade {
		return Change{Op: ChangeAny}
	}
	return Change{Op: ChangeCallable, Name: change.Name}
}
