// Package statement reads SQL text and says what it moves, touches and
// weakens. It is the only package that knows the PostgreSQL parser.
//
// # The way of a text
//
//	text -> cache -> bounds -> parser -> walk -> Analysis
//	         |        |         |        one switch over the statement types,
//	         |        |         |        then every field of the tree
//	         |        |         in this process if the text is small and flat,
//	         |        |         in a worker process otherwise
//	         |        size, encoding, a count of everything that can nest
//	         a text of the same shape was read before
//
// The parser is C and recurses: a text of 48 KB can overflow its stack, which
// no Go program survives. So a crude count (gate.go), which does not try to
// understand quoting and therefore cannot be fooled by it, sends everything
// that is not plainly small to a worker process (pool.go, worker.go). There
// the real tokens are counted (depth.go), and what is too deep is refused
// with words before it is parsed. A worker that dies takes one text with it.
// The bodies of functions and DO are read there too (body.go, plpgsql.go):
// their parser aborts on some input, and the escapes of the string they stand
// in can hide their depth from the crude count.
//
// # Shapes, positions and the cache
//
// Applications send the same statements with other values. The shape of a
// text is what stays: the text without comments, with one space for white
// space and ? for a literal. An Analysis depends on the shape, on the kinds of
// the literals and, if the walk looked at one, on their values; on nothing
// else, so it points into the shape and not into the text. Locate finds the
// place in a text again.
//
// A small lexer (lexer.go) makes the key of a text (key.go) without the
// parser, and gives up at anything that could be read in two ways: escapes,
// strings over several lines, numbers of unusual form. What has the key of an
// earlier text gets its Analysis (cache.go), the same for everybody: it is
// never written to, and stays as it is when the cache has dropped it. The
// cache holds no literal; where literals matter, the key has a digest of them
// under a salt of the process. Neither what is refused nor what a worker read
// is kept.
//
// Whoever makes the walk look at a literal calls literalsMatter first, which
// walker.constant does by itself. Without it two texts would share what they
// must not; tests with other literals in every known statement look for that.
//
// # Masks in a COPY
//
// RewriteCopy puts masks into the text of a COPY TO STDOUT. It edits the tree,
// writes it as SQL and reads that again: what comes out has the very tree that
// was meant, or is refused. All it calls is PostgreSQL's own, by full names, so
// that no search_path finds something else. NULL and a constant make a COPY
// faster, since there is less to send; a text kept in part, a date or a number
// made coarse cost the server more than they cost whoever masks the stream.
//
// # What it promises
//
// Recognition is closed: a statement type, function, operator or setting that
// is not in the lists of this package gets the worse kind, never the better
// one. The lists are in data/ and say how they were made. Analyze never
// panics and never returns nil; whatever goes wrong is an Analysis of kind
// ParseError with words for the client.
//
// Nothing here holds a literal of the text: shapes have ? in their place, and
// messages of the parser lose what they quote unless it is a keyword, an
// identifier or punctuation.
//
// # What the text cannot tell
//
// A Statement says where it had to give up: Column.Unresolved for a name that
// several relations could have, Statement.Unresolved for the rest. What is
// unresolved is taken for the worse.
//
// Names are judged as written. Whether "users" is a table or a view, what a
// trigger or a default runs, whether somebody made a function "lower" of his
// own, which function a cast or row.attribute calls: only the catalog knows.
// Types in casts are taken as harmless, since enums and domains are everyday.
// PostgreSQL before 16 refuses a vertical tab that this grammar takes for
// white space, which is the safe direction. So is that libpg_query refuses a
// comment between two words that its grammar reads together, as in NOT IN,
// NULLS LAST and WITH TIME ZONE.
package statement
