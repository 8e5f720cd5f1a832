package catalog

// Provenance says which columns of tables a statement's result is made of.
type Provenance struct {
	// Outputs are the columns of the result, in order. They are of no use if
	// Open is set.
	Outputs []Output
	// Open is true if the columns of the result cannot be told: any of them
	// could hold anything of Reads, and with Unknown anything at all.
	Open bool
	// Reads are the columns of tables whose values the statement looks at in
	// any way, those of views followed down to tables, sorted, each once.
	Reads []Reading
	// Through are the columns of views that it looks at, sorted. A class that
	// somebody gave one of them counts as well.
	Through []Reading
	// Writes are the columns that it gives values made of columns, as in
	// INSERT ... SELECT and CREATE TABLE AS, and what functions keep.
	Writes []Writing
	// Relations are what the names of the statement mean, in the order of its
	// Relations; 0 for what the snapshot does not have.
	Relations []OID
	// Calls are the functions that are not PostgreSQL's own which it calls,
	// also by operator, cast, default, trigger, policy or view.
	Calls []OID
	// Opaque is true if it calls what is PostgreSQL's own and may return
	// anything, such as pg_read_file or query_to_xml.
	Opaque bool
	// Unknown says in words why something could not be followed, such as
	// "relation public.x is not in the catalog".
	Unknown []string
}

// Reading is a column that a statement looks at.
type Reading struct {
	Column ColumnID
	// Output is true if its values may be in the result, or be written
	// elsewhere; false if they only decide which rows come.
	Output bool
}

// Output is a column of a result.
type Output struct {
	// Name is the column's name as the server gives it, as far as the text
	// tells.
	Name string
	// Origins are the columns of tables whose values it may hold, or may tell
	// of, sorted. Those of partitions and of inheriting tables are not listed
	// beside that of the relation that was named: the class of an origin is
	// the highest of Snapshot.SameColumns.
	Origins []ColumnID
	// Through are the columns of views that the values come through, sorted.
	Through []ColumnID
	// Calls are the functions that are not PostgreSQL's own whose result it
	// may hold: what they reach comes on top of Origins.
	Calls []OID
	// Open is true if it may hold anything: a function that cannot be
	// followed, a relation that is not known.
	Open bool
	// Exact is true if it holds the values of its one origin as they are.
	Exact bool
}

// Writing is a column that is given a value.
type Writing struct {
	// Relation is 0 for one that the statement makes.
	Relation OID
	// Name is the column's name; Num its number, 0 if that is not known.
	Name string
	Num  int16
	// Kept is true if it is no column: Name is a function of PostgreSQL's
	// that puts a number where other sessions can see it, such as setval.
	Kept bool
	// Into are the columns of tables that it goes to: itself, or for a view
	// those that its column shows. Empty for one that is not there yet.
	Into []ColumnID
	// Value says what it is given; its Name is empty.
	Value Output
}
