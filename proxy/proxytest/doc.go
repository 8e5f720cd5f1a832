// Package proxytest holds the two ends a proxy stands between, made for
// tests: a raw client that can say anything, also what no driver would, and
// a fake PostgreSQL that can misbehave where a real one never does. A third
// part runs wire scripts: text files that say what a client sends and what
// comes back, message by message.
//
// # Wire scripts
//
// A script is a text file of blocks, with a blank line between two blocks.
// A block is a directive, its input, a line of four dashes and what the
// other side answered:
//
//	send
//	Parse "s1" "SELECT $1::int4 + 1"
//	Bind "" "s1" params "41"
//	Execute ""
//	Sync
//	until ReadyForQuery
//	----
//	ParseComplete
//	BindComplete
//	DataRow "42"
//	CommandComplete "SELECT 1"
//	ReadyForQuery I
//
// What is expected comes from a real PostgreSQL: with -rewrite the runner
// writes the answers of the direct target into the file. A target behind
// the proxy must then answer the same. Where it does not and should not,
// the block has a second answer that says why:
//
//	---- accepted difference: the proxy issues its own cancel keys
//	BackendKeyData key 32 bytes
//
// Such an answer fails the test when it is no longer needed. An answer of
// one server version stands under "---- server <14: reason" (also <=, >,
// >=, = and !=).
//
// # Directives
//
// The head of the file, its first paragraph, may hold comments (#) and
//
//	policy NAME     which policy the proxy must run; allow-all if not given.
//	                Scripts of another policy have no direct answer: they run
//	                through the proxy only.
//	only direct     or: only proxy
//	server >=14     which server versions understand the script
//
// Blocks are
//
//	connect [NAME] [user= password= database= protocol= tls= show= KEY=...]
//	                opens a connection and logs in; other keys are start-up
//	                parameters. Answers are shown from the first message on,
//	                without authentication and parameter reports; show=a,b
//	                shows those parameters first, sorted, for their order
//	                is the server's affair; "verbose" shows the key too.
//	dial [NAME] [tls=yes|direct]
//	                opens a connection and runs the input lines on it.
//	send [NAME] [messages] [pieces=N]
//	                runs the input lines on an open connection. "messages"
//	                shows the words of errors, pieces=N writes N bytes at a
//	                time.
//	admin           runs the input as SQL beside the proxy, as the owner of
//	                everything, and shows the rows.
//	await           the same, again and again until the answer is t.
//
// The name of a connection is "main" if none is given. See ParseMessage for
// the input lines that send a message. The other input lines are
//
//	until TYPE [xN]   reads up to and with the N-th message of that type
//	until N messages  reads that many messages
//	expect-close      reads until the other side closes, or fails to
//	answer            reads the one byte that answers SSLRequest, GSSENCRequest
//	tls               starts TLS on the connection
//	login             answers authentication requests until AuthenticationOk
//	cancel NAME       cancels what NAME runs, from a connection of its own
//	hang-up           closes the connection
package proxytest
