// Package quote writes texts of others into SQL and into sentences.
//
// Names of roles, schemas and tables, and values such as the identifier of a
// copy, come from servers, policies and people, and may hold any character. What
// is put into a statement for a server goes through Identifier, Qualified,
// Identifiers, Literal and Literals: a server then reads the same name or text
// back, and never something more. Their texts are UTF-8, as is what Sluice sends,
// and without NUL, which no server takes. None of them makes a text fit to stand
// between dollar quotes.
//
// What is put into words for people, or names a thing in a policy, is easier to
// read: Name leaves out quotes that nobody needs, Line and Short keep a text on
// one line and harmless for a terminal.
//
// The package knows no setting of a server and does no I/O.
package quote
