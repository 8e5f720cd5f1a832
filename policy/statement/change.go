package statement

import pg "github.com/pganalyze/pg_query_go/v6"

// Change is one thing that a statement does to the names of a database: what
// they mean after it, if it runs. Columns and kinds of relations are told as
// far as the text has them.
type Change struct {
	Op ChangeOp `json:"op"`
	// Kind is what is made: "table", "partitioned table", "view",
	// "materialized view", "foreign table" or "sequence".
	Kind string `json:"kind,omitempty"`
	// Schema is empty when the name was not qualified. It is that of the
	// object before the change.
	Schema string `json:"schema,omitempty"`
	Name   string `json:"name,omitempty"`
	// Column is the column that the change is about.
	Column string `json:"column,omitempty"`
	// To is the new name, or the new schema of ChangeMove.
	To string `json:"to,omitempty"`
	// Columns are those that a relation is made with or gets, in order, after
	// those of Parents.
	Columns []NewColumn `json:"columns,omitempty"`
	// Open is true if it may have more columns, or others, than Columns and
	// those of Parents.
	Open bool `json:"open,omitempty"`
	// Parents are what it inherits from or is a partition of; Likes are whose
	// columns it copies.
	Parents   []ObjectName `json:"parents,omitempty"`
	Likes     []ObjectName `json:"likes,omitempty"`
	Temporary bool         `json:"temporary,omitempty"`
	// DropsOnCommit: it goes with the end of the transaction.
	DropsOnCommit bool `json:"drops_on_commit,omitempty"`
	// IfExists is IF EXISTS, or IF NOT EXISTS.
	IfExists bool `json:"if_exists,omitempty"`
	Replace  bool `json:"replace,omitempty"`
	Cascade  bool `json:"cascade,omitempty"`
}

// ObjectName is a name that may have a schema in front.
type ObjectName struct {
	Schema string `json:"schema,omitempty"`
	Name   string `json:"name"`
}

// NewColumn is a column that a statement makes. Type is spelled as in
// Definition.Signature; empty if the text does not tell.
type NewColumn struct {
	Name string `json:"name"`
	Type string `json:"type,omitempty"`
}

// ChangeOp says what a change does.
type ChangeOp string

// The changes.
const (
	ChangeCreate       ChangeOp = "create"        // makes the relation Name
	ChangeDrop         ChangeOp = "drop"          // drops the relation Name
	ChangeRename       ChangeOp = "rename"        // the relation is called To
	ChangeMove         ChangeOp = "move"          // the relation goes to the schema To
	ChangeAddColumn    ChangeOp = "add_column"    // adds Columns
	ChangeDropColumn   ChangeOp = "drop_column"   // drops Column
	ChangeRenameColumn ChangeOp = "rename_column" // Column is called To
	// ChangeDoubt: the relation may have been made, as by ChangeCreate, or
	// not.
	ChangeDoubt ChangeOp = "doubt"
	// ChangeMakeup: what it is made of, such as its partitions or what it
	// inherits.
	ChangeMakeup ChangeOp = "makeup"
	// ChangeCode: what reading or writing the relation runs, such as its
	// triggers.
	ChangeCode ChangeOp = "code"
	// ChangeCallable: the function, operator, type or cast Name is made,
	// changed or dropped; without a Name any of them.
	ChangeCallable ChangeOp = "callable"
	// ChangeSchema: the schema Name is made, dropped or renamed to To.
	ChangeSchema ChangeOp = "schema"
	// ChangeRestore: what was changed in the transaction may not be so any
	// more (ROLLBACK, ROLLBACK TO SAVEPOINT).
	ChangeRestore ChangeOp = "restore"
	// ChangeCommit: what was changed in the transaction is there to stay, if
	// it was not undone for an earlier failure.
	ChangeCommit ChangeOp = "commit"
	// ChangeDiscard: temporary relations are gone.
	ChangeDiscard ChangeOp = "discard"
	// ChangeAny: any name may mean something else.
	ChangeAny ChangeOp = "any"
)

// changesOf lists what a statement does to names. What is not known to change
// none changes any.
func changesOf(node *pg.Node) []Change {
	var c changes
	switch n := node.GetNode().(type) {
	case *pg.Node_ExplainStmt:
		// Only with ANALYZE it runs, and then only what CREATE TABLE AS makes
		// changes a name.
		for _, change := range changesOf(n.ExplainStmt.Query) {
			change.Op = ChangeDoubt
			c.add(change)
		}
	case *pg.Node_TransactionStmt:
		if op, ok := transactionChanges[n.TransactionStmt.Kind]; ok {
			c.add(Change{Op: op})
		}
	case *pg.Node_DiscardStmt:
		if t := n.DiscardStmt.Target; t == pg.DiscardMode_DISCARD_ALL || t == pg.DiscardMode_DISCARD_TEMP {
			c.add(Change{Op: ChangeDiscard})
		}
	case *pg.Node_DropStmt:
		c.drop(n.DropStmt)
	case *pg.Node_RenameStmt:
		c.rename(n.RenameStmt)
	case *pg.Node_AlterObjectSchemaStmt:
		c.move(n.AlterObjectSchemaStmt)
	case *pg.Node_AlterTableStmt:
		c.alter(n.AlterTableStmt)
	default:
		if !c.creation(node) && !c.code(node) && !changesNoName(node) {
			c.add(Change{Op: ChangeAny})
		}
	}
	return c
}

// transactionChanges are what statements of transactions do to names. One that
// is prepared is undone for its session, until somebody commits it.
var transactionChanges = map[pg.TransactionStmtKind]ChangeOp{
	pg.TransactionStmtKind_TRANS_STMT_COMMIT:            ChangeCommit,
	pg.TransactionStmtKind_TRANS_STMT_ROLLBACK:          ChangeRestore,
	pg.TransactionStmtKind_TRANS_STMT_ROLLBACK_TO:       ChangeRestore,
	pg.TransactionStmtKind_TRANS_STMT_PREPARE:           ChangeRestore,
	pg.TransactionStmtKind_TRANS_STMT_COMMIT_PREPARED:   ChangeAny,
	pg.TransactionStmtKind_TRANS_STMT_ROLLBACK_PREPARED: ChangeAny,
}

// changes collects them.
type changes []Change

// mostChanges bounds the changes of one statement.
const mostChanges = 2000

func (c *changes) add(change Change) {
	switch {
	case len(*c) < mostChanges:
		*c = append(*c, change)
	case len(*c) == mostChanges:
		*c = append(*c, Change{Op: ChangeAny})
	}
}

// changesNoName reports whether a statement leaves every name as it is. An
// index and a sequence's settings do; so does what is known only by roles.
func changesNoName(node *pg.Node) bool {
	switch node.GetNode().(type) {
	case *pg.Node_SelectStmt, *pg.Node_InsertStmt, *pg.Node_UpdateStmt, *pg.Node_DeleteStmt, *pg.Node_MergeStmt, *pg.Node_CopyStmt,
		*pg.Node_VariableSetStmt, *pg.Node_VariableShowStmt, *pg.Node_PrepareStmt, *pg.Node_ExecuteStmt, *pg.Node_DeallocateStmt,
		*pg.Node_DeclareCursorStmt, *pg.Node_FetchStmt, *pg.Node_ClosePortalStmt, *pg.Node_LockStmt, *pg.Node_ConstraintsSetStmt,
		*pg.Node_NotifyStmt, *pg.Node_ListenStmt, *pg.Node_UnlistenStmt, *pg.Node_CheckPointStmt,
		*pg.Node_VacuumStmt, *pg.Node_ClusterStmt, *pg.Node_ReindexStmt, *pg.Node_TruncateStmt, *pg.Node_RefreshMatViewStmt,
		*pg.Node_IndexStmt, *pg.Node_AlterSeqStmt, *pg.Node_CreateStatsStmt, *pg.Node_AlterStatsStmt,
		*pg.Node_CommentStmt, *pg.Node_SecLabelStmt, *pg.Node_GrantStmt, *pg.Node_GrantRoleStmt, *pg.Node_AlterDefaultPrivilegesStmt,
		*pg.Node_AlterOwnerStmt, *pg.Node_ReassignOwnedStmt, *pg.Node_CreateRoleStmt, *pg.Node_AlterRoleStmt, *pg.Node_AlterRoleSetStmt, *pg.Node_DropRoleStmt,
		*pg.Node_CreatedbStmt, *pg.Node_AlterDatabaseStmt, *pg.Node_AlterDatabaseSetStmt, *pg.Node_DropdbStmt, *pg.Node_AlterSystemStmt,
		*pg.Node_CreateTableSpaceStmt, *pg.Node_DropTableSpaceStmt, *pg.Node_AlterTableSpaceOptionsStmt,
		*pg.Node_CreatePublicationStmt, *pg.Node_AlterPublicationStmt, *pg.Node_CreateSubscriptionStmt, *pg.Node_AlterSubscriptionStmt, *pg.Node_DropSubscriptionStmt:
		return true
	}
	return false
}
