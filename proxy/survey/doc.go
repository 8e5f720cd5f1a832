// Package survey looks at what a database holds: its columns with their
// comments and security labels, and the forms of a sample of their values.
//
//	Open -> Login: a credential as a session has it, read only
//	     -> Columns: the catalog, then a sample of each relation
//	     -> Close: the credential is given back
//
// Whoever runs it sees no more than a session that comes to read. Values are
// counted by package classify and forgotten; none is kept, and no words of the
// server's that could quote one are passed on. Foreign tables are not read:
// that would be traffic with another server.
package survey
