package statement

import pg "github.com/pganalyze/pg_query_go/v6"

// code notes what a statement does to things that run, and reports whether it
// was one that makes or changes such things.
func (c *changes) code(node *pg.Node) bool {
	switch n := node.GetNode().(type) {
	case *pg.Node_CreateTrigStmt:
		c.relationCode(n.CreateTrigStmt.Relation)
	case *pg.Node_RuleStmt:
		if n.RuleStmt.Event == pg.CmdType_CMD_SELECT { // what a view shows
			of := nameOf(n.RuleStmt.Relation)
			c.add(Change{Op: ChangeMakeup, Schema: of.Schema, Name: of.Name})
		}
		c.relationCode(n.RuleStmt.Relation)
	case *pg.Node_CreatePolicyStmt:
		c.relationCode(n.CreatePolicyStmt.Table)
	case *pg.Node_AlterPolicyStmt:
		c.relationCode(n.AlterPolicyStmt.Table)
	case *pg.Node_CreateFunctionStmt:
		c.callable(n.CreateFunctionStmt.Funcname)
	case *pg.Node_AlterFunctionStmt:
		c.callable(n.AlterFunctionStmt.GetFunc().GetObjname())
	case *pg.Node_AlterOperatorStmt:
		c.callable(n.AlterOperatorStmt.GetOpername().GetObjname())
	case *pg.Node_CreateEnumStmt:
		c.callable(n.CreateEnumStmt.TypeName)
	case *pg.Node_AlterEnumStmt:
		c.callable(n.AlterEnumStmt.TypeName)
	case *pg.Node_CreateDomainStmt:
		c.callable(n.CreateDomainStmt.Domainname)
	case *pg.Node_AlterDomainStmt:
		c.callable(n.AlterDomainStmt.TypeName)
	case *pg.Node_CompositeTypeStmt:
		c.add(Change{Op: ChangeCallable, Name: n.CompositeTypeStmt.GetTypevar().GetRelname()})
	case *pg.Node_DefineStmt:
		if !callableTypes[n.DefineStmt.Kind] {
			c.add(Change{Op: ChangeCallable})
			break
		}
		c.callable(n.DefineStmt.Defnames)
	case *pg.Node_CreateRangeStmt, *pg.Node_AlterTypeStmt, *pg.Node_CreateCastStmt, *pg.Node_CreateOpClassStmt, *pg.Node_CreateOpFamilyStmt,
		*pg.Node_AlterOpFamilyStmt, *pg.Node_CreateConversionStmt, *pg.Node_CreateTransformStmt:
		c.add(Change{Op: ChangeCallable})
	default:
		return false
	}
	return true
}

func (c *changes) relationCode(rv *pg.RangeVar) {
	c.add(Change{Op: ChangeCode, Schema: rv.GetSchemaname(), Name: rv.GetRelname()})
}

func (c *changes) callable(names []*pg.Node) {
	_, name := qualified(names)
	c.add(Change{Op: ChangeCallable, Name: name})
}
