// Package script reads files of SQL the way psql does, and says which texts
// would go to the server, from which place of which file.
//
//	file -> lines -> lexer -> Item, Item, ...
//	          |         |
//	          |         psql's own rules: what a quote, a comment, a
//	          |         semicolon and a backslash are
//	          the data of COPY FROM STDIN, skipped while it is read
//
// psql does not parse SQL. It looks for a semicolon outside quotes, comments,
// parentheses and the BEGIN ATOMIC body of a routine, line by line, and sends
// what it has gathered. Empty lines are left out, so is a -- comment before
// the first word, and the semicolon is part of what is sent. These are the
// rules of psql 15 and later (src/fe_utils/psqlscan.l, src/bin/psql/mainloop.c
// and the manual's page on psql say what they are); integration/script compares
// this package with a real psql, message by message.
//
// # What a file cannot tell
//
// Variables have values only when psql runs. Item.Text leaves them as they are,
// which is what psql sends when they are not set, and Item.Judged puts a
// placeholder of the same length in their place. A plain :name can become any
// text, so it is a doubt, and so is everything else that makes the text that is
// sent depend on more than the file: a conditional within a statement, an
// editor, a file that cannot be followed. Doubts are for the caller to act on.
// Both branches of \if are read.
//
// Strings are read with standard_conforming_strings on, as Sluice pins it. The
// COPY of inline data is taken to succeed; psql reads the lines of one that
// fails as commands, and integration/gate shows that Sluice's refusals do not
// let it come to that.
//
// This package imports nothing of ours and opens no file by itself.
package script
