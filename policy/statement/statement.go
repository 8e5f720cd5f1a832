package statement

// Analysis is everything that was learned from one text: a simple Query, or
// the text of one Parse. It holds no literal of the text, so it may be
// recorded. It is shared by everybody whose text has the same shape: nobody
// may write into it, or into what it points to.
//
// Positions in Statements are byte offsets in the whole, uncut shape, so that
// they fit the shape on record and are the same for all texts of that shape.
// Locate finds the place in a text.
type Analysis struct {
	// Kind is the worst kind of the statements; OrdinaryRead for a text
	// without statements (empty, or only comments).
	Kind Kind `json:"kind"`
	// Statements are in the order of the text. Empty if Problem is set.
	Statements []Statement `json:"statements,omitempty"`
	// Problem says why the text could not be judged. Set exactly when Kind
	// is ParseError.
	Problem *Problem `json:"problem,omitempty"`
	// Shape is the text without comments and with every literal replaced
	// by ?, cut at 2 KiB. Empty when the text could not be scanned.
	Shape string `json:"shape,omitempty"`
	// ShapeDigest is the SHA-256 (hex) of the whole, uncut shape.
	ShapeDigest string `json:"shape_digest,omitempty"`
}

// Statement is one statement of a text.
type Statement struct {
	// Kind is the worst of Effects.
	Kind Kind `json:"kind"`
	// Node is the parser's name of the top-level node, such as CopyStmt.
	Node string `json:"node"`
	// Effects holds every effect, worst first, at least one.
	Effects []Effect `json:"effects"`
	// Relations are the relations named, without CTE names.
	Relations []Relation `json:"relations,omitempty"`
	// Columns are the columns named, with what becomes of their values.
	Columns []Column `json:"columns,omitempty"`
	// Functions are the functions named, built-ins of the known set
	// included.
	Functions []Function `json:"functions,omitempty"`
	// Operators are the operators that are not PostgreSQL's own, or are
	// written with a schema.
	Operators []Operator `json:"operators,omitempty"`
	// Options are those of COPY, EXPLAIN, VACUUM and their like.
	Options []Option `json:"options,omitempty"`
	// Changes are what it does to the names of the database, in order.
	Changes []Change `json:"changes,omitempty"`
	// Created are the functions and procedures it makes or replaces.
	Created []Definition `json:"created,omitempty"`
	// Destinations are the places data would go to or come from, other
	// than an ordinary result set.
	Destinations []Destination `json:"destinations,omitempty"`
	// Settings are the run-time settings the statement changes.
	Settings []Setting `json:"settings,omitempty"`
	// Names are the prepared statements and cursors it makes, uses and
	// drops, in order of the text.
	Names []NameUse `json:"names,omitempty"`
	// Carry is set for a COPY whose rows the proxy is to carry to a place.
	Carry *Carry `json:"carry,omitempty"`
	// CopyIn is set if running it makes the server ask for COPY data.
	CopyIn *CopyIn `json:"copy_in,omitempty"`
	// Show is the variable of a SHOW, lower case.
	Show string `json:"show,omitempty"`
	// Instead is what has to be sent in its place, because the server would
	// do more than go back to the session's beginning: SET ROLE NONE and
	// RESET SESSION AUTHORIZATION also take away the role that the session
	// was given. Empty for all others.
	Instead string `json:"instead,omitempty"`
	// Replication is set for a command of the replication protocol.
	Replication *ReplicationCommand `json:"replication,omitempty"`
	// Unresolved says what the text cannot tell, in constant words such as
	// "attribute notation may call a function".
	Unresolved []string `json:"unresolved,omitempty"`
	// Start and End delimit the statement in the shape, in bytes, without
	// the separating semicolon.
	Start int `json:"start"`
	End   int `json:"end"`
	// CopyOut is set if running it makes the server send COPY data. It is no
	// part of what is recorded.
	CopyOut *CopyOut `json:"-"`
	// Query says how the rows of the statement are made; nil for one that
	// has none. That of PREPARE and DECLARE is the one behind the name, that
	// of EXPLAIN and of a COPY holds the one inside. It is no part of what is
	// recorded.
	Query *Query `json:"-"`
	// Behind are the queries of what the names it uses may stand for, as
	// policy.Merge has found.
	Behind []*Query `json:"-"`
	// LiteralsMatter is true if another value of a literal could give
	// another analysis, and always if a worker process read the text.
	LiteralsMatter bool `json:"-"`
}

// Effect is one thing a statement does.
type Effect struct {
	Kind Kind `json:"kind"`
	// What names it in words for people: "COPY TO PROGRAM",
	// "function dblink", "GRANT to PUBLIC". Never a literal of the text.
	What string `json:"what"`
	// Position is a byte offset in the shape, -1 if unknown; so it is
	// everywhere but in a Problem.
	Position int `json:"position"`
}

// Access says what a statement does to a relation.
type Access string

// The accesses.
const (
	Read   Access = "read"
	Write  Access = "write"
	Create Access = "create"
	Alter  Access = "alter"
)

// Relation is a table, view or the like as it was named.
type Relation struct {
	// Database is the first part of a name of three parts. The server
	// refuses any but the one of the session.
	Database string `json:"database,omitempty"`
	// Schema is empty when the name was not qualified: which relation is
	// meant then depends on the session's search_path.
	Schema   string `json:"schema,omitempty"`
	Name     string `json:"name"`
	Access   Access `json:"access"`
	Position int    `json:"position"`
}

// String returns schema.name, or the bare name.
func (r Relation) String() string {
	if r.Schema == "" {
		return r.Name
	}
	return r.Schema + "." + r.Name
}

// Function is a function as it was named.
type Function struct {
	Schema string `json:"schema,omitempty"`
	Name   string `json:"name"`
	// Args is the number of arguments written, -1 for * and VARIADIC.
	Args     int `json:"args,omitempty"`
	Position int `json:"position"`
}

// Operator is an operator outside the known set of PostgreSQL, or one written
// with a schema.
type Operator struct {
	Schema   string `json:"schema,omitempty"`
	Name     string `json:"name"`
	Position int    `json:"position"`
}

// DestinationType says what a destination is.
type DestinationType string

// The destination types.
const (
	// ToClient: the client's end of the session.
	ToClient DestinationType = "client"
	// ToFile: a file on the server.
	ToFile DestinationType = "file"
	// ToProgram: a program on the server; Path is its first word only,
	// since arguments may hold secrets.
	ToProgram DestinationType = "program"
	// ToServer: another PostgreSQL server.
	ToServer DestinationType = "server"
	// ToURL: anything named by a URL other than a PostgreSQL server;
	// Path is scheme://host/... without user, query and fragment.
	ToURL DestinationType = "url"
	// ToPlace: a destination of the policy, by its Name there, to which the
	// proxy carries the rows.
	ToPlace DestinationType = "place"
)

// Destination is where data would go, as far as the text tells.
type Destination struct {
	Type DestinationType `json:"type"`
	// Name is what the place is called in this database: a foreign server,
	// a subscription, or a connection that dblink opened. Where Host is
	// empty, only the catalog tells what is behind the name.
	Name     string `json:"name,omitempty"`
	Host     string `json:"host,omitempty"`
	Port     int    `json:"port,omitempty"`
	Database string `json:"database,omitempty"`
	User     string `json:"user,omitempty"`
	Path     string `json:"path,omitempty"`
	// Publications are those a subscription takes from there, joined by
	// commas.
	Publications string `json:"publications,omitempty"`
	Position     int    `json:"position"`
}

// Setting is a change to a run-time setting.
type Setting struct {
	// Name is lower case. "*" stands for all (RESET ALL, DISCARD ALL) and
	// for a name that the text does not tell.
	Name string `json:"name"`
	// Value is the new value if it is a constant and Name is one the
	// proxy pins or tracks; values of other settings are not kept.
	Value string `json:"value,omitempty"`
	// Reset is true if the setting goes back to its session default.
	Reset bool `json:"reset,omitempty"`
	// Unknown is true if the new value cannot be told from the text.
	Unknown bool `json:"unknown,omitempty"`
	// Breaks is true if the change would leave a pinned setting at
	// anything but its pinned value (contract 7). Such a statement is
	// refused whatever the policy says.
	Breaks   bool `json:"breaks,omitempty"`
	Position int  `json:"position"`
}

// NameOp is what a statement does to a prepared statement or a cursor.
type NameOp string

// The operations on names.
const (
	Prepare       NameOp = "prepare"        // PREPARE Name AS Inner
	Execute       NameOp = "execute"        // EXECUTE Name, wherever it stands
	Deallocate    NameOp = "deallocate"     // DEALLOCATE Name
	DeallocateAll NameOp = "deallocate_all" // DEALLOCATE ALL, DISCARD ALL
	Declare       NameOp = "declare"        // DECLARE Name CURSOR FOR Inner
	Fetch         NameOp = "fetch"          // FETCH and MOVE; WHERE CURRENT OF
	CloseCursor   NameOp = "close"          // CLOSE Name
	CloseAll      NameOp = "close_all"      // CLOSE ALL, DISCARD ALL
)

// NameUse is one operation on a name of the name space that SQL and
// protocol share.
type NameUse struct {
	Op   NameOp `json:"op"`
	Name string `json:"name,omitempty"`
	// Hold is true for DECLARE ... WITH HOLD.
	Hold bool `json:"hold,omitempty"`
	// Inner is the statement behind a PREPARE or DECLARE.
	Inner *Statement `json:"inner,omitempty"`
}

// CopyIn describes the CopyInResponse a COPY FROM STDIN will get.
type CopyIn struct {
	// Columns is the number of columns listed, 0 if there is no list.
	Columns int  `json:"columns"`
	Binary  bool `json:"binary,omitempty"`
}

// Problem is why a text could not be judged.
type Problem struct {
	// SQLSTATE is 42601 for text the parser refuses or whose statement the
	// analysis does not know, 54001 for text too deep, 54000 for text too
	// large, 22021 for bytes that are not UTF-8, XX000 when the parser
	// process failed.
	SQLSTATE string `json:"sqlstate"`
	// Message has no literal and no name of the text in it.
	Message string `json:"message"`
	// Near is the name that Message calls "a name", for the author of the
	// text; it may be a value and is never recorded.
	Near string `json:"-"`
	// Hint says what to do instead, if there is something.
	Hint string `json:"hint,omitempty"`
	// Position is a byte offset in the text, -1 if unknown: what has a
	// Problem may have no shape.
	Position int `json:"position"`
}
