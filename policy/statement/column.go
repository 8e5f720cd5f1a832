package statement

// ColumnUse says what becomes of a column's values.
type ColumnUse string

// The uses. Output is the careful one: whatever is not surely a predicate.
const (
	// Output: its values may reach the result, another relation or a
	// function that does more than compute.
	Output ColumnUse = "output"
	// Used: only predicates look at it (WHERE, ON, HAVING, GROUP BY, ORDER
	// BY and their like), so that it decides which rows come and in what
	// order, not what is in them.
	Used ColumnUse = "used"
	// Written: it is given a value, or its definition is changed.
	Written ColumnUse = "written"
)

// Column is a column, or all columns, as the text names them. Aliases are
// resolved; a column of a common table expression or sub-select is recorded
// as the column it comes from, where the text tells. A Name that the relation
// does not have is a call of a function of that name ("row.func"), which only
// the catalog can tell.
type Column struct {
	// Schema and Relation are as in Relation. Both are empty if Unresolved.
	Schema   string `json:"schema,omitempty"`
	Relation string `json:"relation,omitempty"`
	// Name is empty if Star is set.
	Name string `json:"name,omitempty"`
	// Star means all columns: *, t.*, a whole row, COPY without a list.
	Star bool `json:"star,omitempty"`
	// Unresolved means that any relation of the statement could have it:
	// the name is not qualified and several relations are in sight.
	Unresolved bool      `json:"unresolved,omitempty"`
	Use        ColumnUse `json:"use"`
	Position   int       `json:"position"`
}

// String returns schema.relation.column with * for all columns, and only the
// column's name if the text does not tell its relation.
func (c Column) String() string {
	name := c.Name
	if c.Star {
		name = "*"
	}
	if c.Relation == "" {
		return name
	}
	return Relation{Schema: c.Schema, Name: c.Relation}.String() + "." + name
}

type columnKey struct {
	schema, relation, name string
	written                bool
}

// origin is a column of a relation, or with an empty name all of them.
type origin struct{ schema, relation, name string }

// column notes a column once for reading and once for writing; a column that
// is both output and used is output.
func (w *walker) column(from origin, use ColumnUse, at int) {
	key := columnKey{from.schema, from.relation, from.name, use == Written}
	if i, ok := w.seen.columns[key]; ok {
		if use == Output {
			w.st.Columns[i].Use = Output
		}
		return
	}
	if w.seen.columns == nil {
		w.seen.columns = map[columnKey]int{}
	}
	if len(w.st.Columns) >= mostNamed {
		w.fail("statement names more than %d columns", mostNamed)
		return
	}
	w.seen.columns[key] = len(w.st.Columns)
	w.st.Columns = append(w.st.Columns, Column{
		Schema: from.schema, Relation: from.relation, Name: from.name, Star: from.name == "",
		Unresolved: from.relation == "", Use: use, Position: max(at, -1),
	})
}

// columnAgain notes a column that another walk has found.
func (w *walker) columnAgain(c Column) {
	w.column(origin{c.Schema, c.Relation, c.Name}, c.Use, c.Position)
}

// using walks with another meaning of the columns met. Inside a predicate
// nothing is output, whatever it is inside of.
func (w *walker) using(use ColumnUse, body func()) {
	before := w.use
	if before != Used {
		w.use = use
	}
	body()
	w.use = before
}

// output walks something that passes on what it is given, also in a
// predicate: a function that does more than compute.
func (w *walker) output(body func()) {
	use, assigned := w.use, w.assigned
	w.use, w.assigned = Output, origin{}
	body()
	w.use, w.assigned = use, assigned
}

// predicates are the fields that only decide which rows come, in what order
// and groups.
var predicates = map[string]bool{
	"SelectStmt.DistinctClause": true, "SelectStmt.WhereClause": true, "SelectStmt.GroupClause": true,
	"SelectStmt.HavingClause": true, "SelectStmt.WindowClause": true, "SelectStmt.SortClause": true,
	"SelectStmt.LimitOffset": true, "SelectStmt.LimitCount": true,
	"UpdateStmt.WhereClause": true, "DeleteStmt.WhereClause": true, "CopyStmt.WhereClause": true,
	"MergeStmt.JoinCondition": true, "MergeWhenClause.Condition": true,
	"OnConflictClause.Infer": true, "OnConflictClause.WhereClause": true,
	"JoinExpr.Quals":    true,
	"FuncCall.AggOrder": true, "FuncCall.AggFilter": true, "FuncCall.Over": true,
	"IndexStmt.IndexParams": true, "IndexStmt.WhereClause": true, "PartitionElem.Expr": true,
	"PublicationTable.WhereClause": true, "CreateTrigStmt.WhenClause": true,
	"CreatePolicyStmt.Qual": true, "CreatePolicyStmt.WithCheck": true,
	"AlterPolicyStmt.Qual": true, "AlterPolicyStmt.WithCheck": true,
}
