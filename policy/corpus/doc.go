// Package corpus reads the collections of SQL that tests hold against the
// analysis and against real servers. Only tests use it.
//
// # Pool
//
// policy/statement/testdata/pool/*.txt hold what people and tools send all
// day. A line is a text of its own, as one Query message has it:
//
//	# A comment.
//	SELECT 1
//	"SELECT 1 -- two lines\n+ 1"
//	== internal_copy
//	CREATE TABLE copies AS SELECT 1
//
// A line that begins with a double quote is a Go string, for texts with line
// ends and the like. "== KIND" says what the lines below it are; before the
// first one they are everyday: no worse than ddl.
//
// # Table
//
// policy/testdata/egress/*.txt hold the ways data can leave by, and the ways
// to open a door. See Table for the form.
package corpus
