package catalog

// Operator is an operator that is not PostgreSQL's own.
type Operator struct {
	OID          OID
	Schema, Name string
	// Left and Right are the types of the operands, Left 0 for a prefix
	// operator.
	Left, Right, Result OID
	// Function is what it calls.
	Function OID
	// Support are the functions that planning it calls as well: those that
	// estimate, and those of its commutator and its negator, which the server
	// may take in its place.
	Support []OID
}

// Cast is a cast that is not PostgreSQL's own.
type Cast struct {
	OID            OID
	Source, Target OID
	// Function is what it calls, 0 if it goes by the types' text or by
	// nothing.
	Function OID
	// Context is pg_cast.castcontext: i, a or e. Casts of the context i apply
	// without being written, those of a where a value is assigned.
	Context byte
}

// Type is a type that has a name of its own: PostgreSQL's own and those of
// users, without row types of tables and without arrays.
type Type struct {
	OID          OID
	Schema, Name string
	// Kind is pg_type.typtype: b, c, d, e, p, r or m.
	Kind byte
	// Base is the type that a domain is made of, Element that of an array-like
	// type.
	Base, Element OID
	// Relation is that of a composite type.
	Relation OID
	// Checks are the expressions of a domain's constraints and default.
	Checks []string
	// Functions are the functions that are not PostgreSQL's own which values
	// of the type may run: input, output, the checks of a domain, what its
	// operator classes compare and hash with, what its range is made with.
	Functions []OID
}

// Server is a foreign server.
type Server struct {
	OID     OID
	Name    string
	Wrapper string
	// Host, Port and Database are the options of these names, empty if it has
	// none.
	Host, Port, Database string
	// Handler is the function of its foreign-data wrapper.
	Handler OID
}

// Publication is what logical replication may send.
type Publication struct {
	OID  OID
	Name string
	// AllTables is true if it has all tables, those to come included.
	AllTables bool
	// Tables are those it lists, Schemas those whose tables it has (15 on).
	Tables  []OID
	Schemas []string
}

// Extension is an extension that the database has.
type Extension struct {
	Name, Version, Schema string
}

// EventTrigger runs a function when objects are made, changed or dropped.
type EventTrigger struct {
	Name, Event string
	Function    OID
	// Enabled is pg_event_trigger.evtenabled: O, D, R or A.
	Enabled byte
}
