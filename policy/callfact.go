package policy

import "github.com/sluice-pg/sluice/policy/statement"

// CallFact is what the catalog of the database says about the calls of one
// name in a statement: a function, a procedure or an operator.
type CallFact struct {
	// Schema, Name and Args are those of the statement's Function, or of its
	// Operator, where Args is 0.
	Schema   string `json:"schema,omitempty"`
	Name     string `json:"name"`
	Args     int    `json:"args,omitempty"`
	Operator bool   `json:"operator,omitempty"`
	// Functions are all functions that such a call may run in the session,
	// whatever the types of its arguments. Empty if that cannot be told.
	Functions []CodeFact `json:"functions,omitempty"`
}

// RunFact is what the catalog says about code that a statement runs without
// calling it: triggers, defaults, row security policies, views, rules, and
// foreign tables among partitions.
type RunFact struct {
	// Schema, Name and Access are those of one of the statement's Relations.
	// Without a name it is for every statement of the text.
	Schema string           `json:"schema,omitempty"`
	Name   string           `json:"name,omitempty"`
	Access statement.Access `json:"access,omitempty"`
	// Labels are the classes that the database gives columns of the relation,
	// sorted.
	Labels []string `json:"labels,omitempty"`
	// Flows are the ways in which values of a class get into other rows by that
	// code, where it writes.
	Flows []FlowFact `json:"flows,omitempty"`
	// Code has a signature only where there is no name: the function behind an
	// operator, a cast or a type.
	Code CodeFact `json:"code"`
}

// CodeFact is a function with all that its code, followed through everything
// that it runs, may do.
type CodeFact struct {
	// Signature and Body are as in FunctionFact. The body's digest is of the
	// function itself; what it leads to was followed at the same moment.
	Signature string `json:"signature,omitempty"`
	Body      string `json:"body,omitempty"`
	// Effects are what it does beside reading, worst first.
	Effects []CodeEffect `json:"effects,omitempty"`
	// Reads are the columns that it may look at.
	Reads []ReachedColumn `json:"reads,omitempty"`
	// Writes are the relations whose rows it may change.
	Writes []ReachedRelation `json:"writes,omitempty"`
	// Servers are the foreign servers that it may send to or read from.
	Servers []string `json:"servers,omitempty"`
	// Opaque says in a few sentences what of it cannot be seen; then all the
	// rest is not the whole of it.
	Opaque []string `json:"opaque,omitempty"`
}

// CodeEffect is one thing that code does.
type CodeEffect struct {
	Kind statement.Kind `json:"kind"`
	What string         `json:"what"`
}

// ReachedColumn is a column that code looks at.
type ReachedColumn struct {
	Schema   string `json:"schema"`
	Relation string `json:"relation"`
	Column   string `json:"column"`
	// Output is true if its values may be in what the code gives back,
	// writes or sends.
	Output bool `json:"output,omitempty"`
}

// ReachedRelation is a relation that code writes.
type ReachedRelation struct {
	Schema string `json:"schema"`
	Name   string `json:"name"`
}
