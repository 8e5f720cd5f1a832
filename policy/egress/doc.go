// Package egress knows the roads by which data leaves a PostgreSQL database, or
// by which a protection is taken away, and says of each what a policy makes of it.
//
//	Roads -> Road, with names to fill in -> Fill -> Attempt: what would be sent
//	      -> Judge: the policy asked about every text of it -> Answer
//
// The roads are in roads/*.txt, a file per family, and every one of them has been
// travelled: the suite integration/egress sends them to real servers, directly and
// through the proxy, and looks whether something arrived. sluice egress
// (proxy/egress) asks about the same roads for a live database. Nothing here talks
// to anybody.
//
// # The form of roads/*.txt
//
//	section 2.2 COPY
//
//	road copy-table a table to the client
//	leaves client
//	needs select {table}
//	sql COPY {table} TO STDOUT
//
// A road has an id and says in words what travels. Its lines, each at most once
// unless said otherwise:
//
//	leaves client        values arrive at who asked
//	leaves words         values arrive in the words of an error or a notice
//	leaves error         the same, and the error is one about data (SQLSTATE
//	                     classes 22 and 23), or about a name made of a value
//	leaves elsewhere     values arrive at another place, such as a table or a file
//	leaves protection    no value moves, but a wall is gone
//	server 17, server <17
//	                     which servers have it, from or below a major version
//	needs WORDS          what the server wants of the role (several; see Needs)
//	always WHY           the proxy refuses it without asking the policy
//	passes WHY           it may pass, for this reason
//	startup NAME=VALUE   a start-up parameter of the session (several)
//	sql TEXT             one Query message (several, in order with send)
//	send MESSAGE         another message, in the words of the wire scripts
//
// and for the suite, which has to see what came of it:
//
//	stage SQL            what is done first, beside the road (several)
//	see [elsewhere] SQL  where values that left can be read
//	see notified         what a listening session was told
//	gone SQL             is true when the protection is gone
//	shows TEXT           what arrives when the road works, if it is no value
//	undo SQL             what brings everything back (several)
//
// Words in braces are names to fill in: {table} and {column} are what is to be
// protected. A text that begins with a double quote is a Go string.
package egress
