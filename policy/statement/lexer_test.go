package statement

import "testing"

// How the lexer cuts a text decides what a statement is. These are the places
// where parsers of other makers were fooled.
func TestLexer(t *testing.T) {
	for text, want := range map[string]Kind{
		"-- a\rCOPY users TO STDOUT":                           ExportToClient, // CR ends a comment
		"-- a\nCOPY users TO STDOUT":                           ExportToClient,
		"/* /* */ COPY users TO STDOUT */ SELECT 1":            OrdinaryRead, // comments nest
		"/* /* */ */ COPY users TO STDOUT":                     ExportToClient,
		"/*/ COPY users TO STDOUT /*/ SELECT 1 */ */ SELECT 2": OrdinaryRead,
		"SELECT $$ ; COPY users TO STDOUT; $$":                 OrdinaryRead,
		"SELECT $a$ $$ $a$; COPY users TO STDOUT --$a$":        ExportToClient,
		"SELECT a$a$, b$a$ FROM t; COPY users TO STDOUT":       ExportToClient, // no dollar quotes
		"SELECT '\\'; COPY users TO STDOUT --'":                ExportToClient, // standard strings
		"SELECT '\\', ' ; COPY users TO STDOUT; --'":           OrdinaryRead,
		"SELECT E'\\'; COPY users TO STDOUT --'":               OrdinaryRead,
		"SELECT 'a'\n'; COPY users TO STDOUT --'":              OrdinaryRead, // literals join over a new line
		"SELECT '''; COPY users TO STDOUT --'":                 OrdinaryRead,
		"SELECT \"a\"\"; COPY users TO STDOUT --\"":            OrdinaryRead,
		"SELECT U&\"pg\\005fread_file\"('/etc/passwd')":        ServerRead,
		"SELECT U&\"pg!005fread_file\" UESCAPE '!' ('x')":      ServerRead,
		"SELECT PG_READ_FILE('x')":                             ServerRead,
		"SELECT \"pg_read_file\"('x')":                         ServerRead,
		"SELECT pg_catalog . /* */ pg_read_file /* */ ('x')":   ServerRead,
		"SELECT\vpg_read_file('x')":                            ServerRead,
		"SELECT\fpg_read_file('x')":                            ServerRead,
		"SELECT postgres.pg_catalog.pg_read_file('x')":         ServerRead,
		"\ufeffSELECT 1":                                       ParseError,
		"SELECT\u00a01":                                        ParseError,
		";;;":                                                  OrdinaryRead,
		"":                                                     OrdinaryRead,
		"-- only a comment":                                    OrdinaryRead,
		"; COPY users TO STDOUT ;":                             ExportToClient,
		"SELECT 1 WHERE 'a' = $1; COPY users TO STDOUT":        ExportToClient,
		"SELECT b'0', x'0', n'; COPY users TO STDOUT'":         OrdinaryRead,
	} {
		if a := judge(text); a.Kind != want {
			t.Errorf("%q is %s %+v, want %s", text, a.Kind, a.Problem, want)
		}
	}
}
