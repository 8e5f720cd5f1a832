package statement

import "unsafe"

// Query says how a statement makes its rows, as far as the text tells: what
// it takes them from, under which names, and which of the names each column
// of the result is computed from. It is symbolic: names are as written, and
// what they mean only a catalog can tell. It holds no literal, and does not
// depend on any.
//
// A query is a set operation (Left, Right), or else made from From.
type Query struct {
	// Open says in constant words why the query is not described; what
	// else is here is then of no use.
	Open string `json:",omitempty"`
	// With are the common table expressions in front, which Recursive lets
	// see each other.
	With      []CTE `json:",omitempty"`
	Recursive bool  `json:",omitempty"`
	// Left and Right are the arms of a set operation.
	Left  *Query `json:",omitempty"`
	Right *Query `json:",omitempty"`
	// From are the items of FROM or USING.
	From []Item `json:",omitempty"`
	// Targets are the columns of the result: the select list, VALUES,
	// RETURNING, the columns of a COPY.
	Targets []Target `json:",omitempty"`
	// Stored is true for COPY of a relation: its * leaves out generated
	// columns.
	Stored bool `json:",omitempty"`
	// Looks are the expressions that decide which rows come, how many and in
	// what order.
	Looks []Expr `json:",omitempty"`
	// Writes is set for INSERT, UPDATE, DELETE, MERGE and COPY FROM.
	Writes *Writing `json:",omitempty"`
	// Into is the relation that is made of the result, which then does not
	// go to the client.
	Into *Into `json:",omitempty"`
	// Explained is the query of an EXPLAIN.
	Explained *Query `json:",omitempty"`
	// Named is true for the rows of what a name stands for: those of
	// Statement.Behind.
	Named bool `json:",omitempty"`
	// Weight is the number of parts it is made of, and Bare is true if none of
	// them is a name or a call, an operator or a cast: there is nothing that
	// a catalog could tell of. Both are set where the query is not part of
	// another.
	Weight int  `json:",omitempty"`
	Bare   bool `json:",omitempty"`
}

// CTE is a common table expression.
type CTE struct {
	Name    string
	Columns []string `json:",omitempty"`
	Query   *Query
	// Added are the columns that SEARCH and CYCLE put behind the others.
	Added []Added `json:",omitempty"`
}

// Added is a column made of others of the same common table expression.
type Added struct {
	Name string
	From []string `json:",omitempty"`
}

// Item is one thing in FROM, or what a statement writes. It is a relation or
// common table expression (Name), a sub-select, a join, functions, or a table
// made of an XML or JSON document (Table).
type Item struct {
	Database string `json:",omitempty"`
	Schema   string `json:",omitempty"`
	Name     string `json:",omitempty"`
	// Alias is the name it was given, Columns those of its first columns.
	Alias   string   `json:",omitempty"`
	Columns []string `json:",omitempty"`
	// Lateral items see the items before them.
	Lateral   bool   `json:",omitempty"`
	Query     *Query `json:",omitempty"`
	Join      *Join  `json:",omitempty"`
	Functions []Rows `json:",omitempty"`
	Table     *Made  `json:",omitempty"`
	// Ordinality is true if a number is put behind the columns.
	Ordinality bool `json:",omitempty"`
	// Looks is what a TABLESAMPLE is given.
	Looks *Expr `json:",omitempty"`
}

// Join is a join of two items.
type Join struct {
	Left, Right Item
	// Full, LeftOnly and RightOnly say which side a column of Using has its
	// values from: computed from both, of the left, of the right. None is
	// set for an inner join, which takes either.
	Full, LeftOnly, RightOnly bool     `json:",omitempty"`
	Using                     []string `json:",omitempty"`
	Natural                   bool     `json:",omitempty"`
	On                        *Expr    `json:",omitempty"`
	// UsingAlias is the name for the columns of Using alone.
	UsingAlias string `json:",omitempty"`
}

// Rows is a function in FROM.
type Rows struct {
	// Call is the function with its arguments. Name is what its column is
	// called if it has one and the item has no alias.
	Call Expr
	Name string `json:",omitempty"`
	// Columns are those listed behind it.
	Columns []string `json:",omitempty"`
	// Schema and Function name it, with so many arguments; empty if it is
	// not a call.
	Schema   string `json:",omitempty"`
	Function string `json:",omitempty"`
	Args     int    `json:",omitempty"`
	// Scalar is true if it surely has one column.
	Scalar bool `json:",omitempty"`
	// Plain is true if its only argument is a column, or an array of columns
	// and constants.
	Plain bool `json:",omitempty"`
}

// Made is a table made of a document: From is what all its columns are made
// of.
type Made struct {
	From    Expr
	Columns []string `json:",omitempty"`
}

// Target is a column of a result.
type Target struct {
	// Name is the name given, or the one that the server makes up.
	Name string `json:",omitempty"`
	// NameOf is the number, from 1, of the query of Value whose first column
	// lends its name.
	NameOf int `json:",omitempty"`
	Value  Expr
	// Plain is true if Value is one name, and its value comes as it is.
	Plain bool `json:",omitempty"`
	// Star is true for * and name.*, which stand for any number of columns.
	Star bool `json:",omitempty"`
}

// Expr is what an expression is made of.
type Expr struct {
	Refs []Ref `json:",omitempty"`
	// Queries are sub-selects whose values it takes.
	Queries []*Query `json:",omitempty"`
	Calls   []Call   `json:",omitempty"`
	// Looks is what it only looks at, without its values being told by the
	// result: what count counts, EXISTS, FILTER, OVER.
	Looks *Expr `json:",omitempty"`
}

// Ref is a name in an expression: a column, a row, or part of one.
type Ref struct {
	// Names are its parts, without the star.
	Names []string `json:",omitempty"`
	Star  bool     `json:",omitempty"`
	// Field is the attribute of (name).field.
	Field string `json:",omitempty"`
	// Label is true if it may be the name of a column of the result as well.
	Label bool `json:",omitempty"`
}

// Call is a call of a function, or of what can be one.
type Call struct {
	Schema string `json:",omitempty"`
	Name   string
	// Args is the number of arguments written, -1 for * and VARIADIC.
	Args int `json:",omitempty"`
	// Known is true for a function of PostgreSQL that computes from its
	// arguments alone, and for the name of one; others may return anything.
	Known bool `json:",omitempty"`
	// Passes is true if it may do more with its arguments than compute.
	Passes bool `json:",omitempty"`
	// Keeps are the arguments of a function of PostgreSQL that puts a number it
	// is given where other sessions can see it; nil for any other.
	Keeps *Expr `json:",omitempty"`
	// Operator, Cast and Attribute say that it is written as one of these.
	Operator  bool `json:",omitempty"`
	Cast      bool `json:",omitempty"`
	Attribute bool `json:",omitempty"`
}

// WritingOp is how a statement writes rows.
type WritingOp string

// The ways of writing rows.
const (
	Inserts WritingOp = "insert"
	Updates WritingOp = "update"
	Deletes WritingOp = "delete"
	Merges  WritingOp = "merge"
	Copies  WritingOp = "copy"
)

// Writing is what a statement writes.
type Writing struct {
	Op     WritingOp
	Target Item
	// Columns are those an INSERT lists; none means all, in order.
	Columns []string `json:",omitempty"`
	// Source is where an INSERT has its rows from.
	Source *Query `json:",omitempty"`
	Sets   []Set  `json:",omitempty"`
}

// Set is a column that is given a value.
type Set struct {
	// Column is empty if it is known by its number, from 1, alone.
	Column string `json:",omitempty"`
	Num    int    `json:",omitempty"`
	Value  Expr
}

// Into is a relation that a statement makes of its result.
type Into struct {
	Schema  string `json:",omitempty"`
	Name    string
	Columns []string `json:",omitempty"`
}

// mostParts is how many parts a query may have before it is left undescribed;
// no honest one comes near.
const mostParts = 20_000

// partBytes is what a part takes in memory, about: a column of the result that
// is one name.
const partBytes = int(unsafe.Sizeof(Target{}) + unsafe.Sizeof(Ref{}) + unsafe.Sizeof(""))

const (
	openLarge   = "the statement is too large to be followed"
	openCall    = "CALL returns what the procedure likes"
	openUnknown = "the statement has a part that is not followed"
)
