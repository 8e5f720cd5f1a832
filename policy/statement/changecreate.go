package statement

import pg "github.com/pganalyze/pg_query_go/v6"

// creation notes what a statement makes, and reports whether it was one that
// makes relations or schemas.
func (c *changes) creation(node *pg.Node) bool {
	switch n := node.GetNode().(type) {
	case *pg.Node_CreateStmt:
		kind := "table"
		if n.CreateStmt.Partspec != nil {
			kind = "partitioned table"
		}
		c.table(kind, n.CreateStmt)
	case *pg.Node_CreateForeignTableStmt:
		c.table("foreign table", n.CreateForeignTableStmt.GetBaseStmt())
	case *pg.Node_CreateTableAsStmt:
		kind := "table"
		if n.CreateTableAsStmt.Objtype == pg.ObjectType_OBJECT_MATVIEW {
			kind = "materialized view"
		}
		c.into(kind, n.CreateTableAsStmt.Into, n.CreateTableAsStmt.IfNotExists)
	case *pg.Node_SelectStmt:
		into := intoOf(n.SelectStmt)
		if into == nil {
			return false
		}
		c.into("table", into, false)
	case *pg.Node_ViewStmt:
		s := n.ViewStmt
		change := makes("view", s.View)
		change.Replace, change.Columns, change.Open = s.Replace, namedColumns(s.Aliases), true
		c.add(change)
	case *pg.Node_CreateSeqStmt:
		change := makes("sequence", n.CreateSeqStmt.Sequence)
		change.IfExists = n.CreateSeqStmt.IfNotExists
		change.Columns = []NewColumn{{"last_value", "bigint"}, {"log_cnt", "bigint"}, {"is_called", "boolean"}}
		c.add(change)
	case *pg.Node_CreateSchemaStmt:
		c.schema(n.CreateSchemaStmt)
	default:
		return false
	}
	return true
}

// makes is the creation of a relation.
func makes(kind string, rv *pg.RangeVar) Change {
	// A name of three parts has the session's own database in front.
	return Change{
		Op: ChangeCreate, Kind: kind, Schema: rv.GetSchemaname(), Name: rv.GetRelname(),
		Temporary: rv.GetRelpersistence() == "t" || rv.GetSchemaname() == "pg_temp",
	}
}

func nameOf(rv *pg.RangeVar) ObjectName {
	return ObjectName{Schema: rv.GetSchemaname(), Name: rv.GetRelname()}
}

// namedColumns are columns of which the text has the names only.
func namedColumns(names []*pg.Node) []NewColumn {
	var out []NewColumn
	for _, name := range strs(names) {
		out = append(out, NewColumn{Name: name})
	}
	return out
}

func (c *changes) table(kind string, s *pg.CreateStmt) {
	change := makes(kind, s.GetRelation())
	change.IfExists, change.DropsOnCommit = s.GetIfNotExists(), s.GetOncommit() == pg.OnCommitAction_ONCOMMIT_DROP
	change.Open = s.GetOfTypename() != nil
	for _, parent := range s.GetInhRelations() {
		change.Parents = append(change.Parents, nameOf(parent.GetRangeVar()))
	}
	for _, item := range s.GetTableElts() {
		switch e := item.GetNode().(type) {
		case *pg.Node_ColumnDef:
			change.Columns = append(change.Columns, columnOf(e.ColumnDef))
		case *pg.Node_TableLikeClause:
			change.Likes = append(change.Likes, nameOf(e.TableLikeClause.Relation))
		case *pg.Node_Constraint:
		default:
			change.Open = true
		}
	}
	c.add(change)
}

func columnOf(d *pg.ColumnDef) NewColumn {
	column := NewColumn{Name: d.GetColname()}
	if d.GetTypeName() != nil {
		column.Type = typeName(d.TypeName)
	}
	return column
}

func (c *changes) into(kind string, into *pg.IntoClause, ifNotExists bool) {
	change := makes(kind, into.GetRel())
	change.IfExists, change.DropsOnCommit = ifNotExists, into.GetOnCommit() == pg.OnCommitAction_ONCOMMIT_DROP
	change.Columns, change.Open = namedColumns(into.GetColNames()), true
	c.add(change)
}

// intoOf is the INTO of a SELECT, which stands in the first part of a set
// operation.
func intoOf(s *pg.SelectStmt) *pg.IntoClause {
	for s.GetLarg() != nil {
		s = s.Larg
	}
	return s.GetIntoClause()
}

// schema: what CREATE SCHEMA makes with it is in it.
func (c *changes) schema(s *pg.CreateSchemaStmt) {
	name := s.Schemaname
	if name == "" {
		name = s.Authrole.GetRolename()
	}
	c.add(Change{Op: ChangeSchema, Name: name, IfExists: s.IfNotExists})
	for _, element := range s.SchemaElts {
		for _, change := range changesOf(element) {
			if change.Op == ChangeCreate && change.Schema == "" && !change.Temporary {
				change.Schema = name
			}
			c.add(change)
		}
	}
}
