package statement

import (
	pg "github.com/pganalyze/pg_query_go/v6"
)

// continuedString finds a string that goes on behind a comment, and returns
// where its second part begins, -1 if there is none.
//
// To the server, strings with a line end between them are one, and a "--"
// comment may stand before the line end (SQL standard; whitespace_with_newline
// in scan.l). To the parser's lexer, which reports comments, they are two. The
// parts of one string share its kind of quoting, so that the two may end at
// different places:
//
//	DO E'BEGIN NULL; END --' -- a comment
//	'\'' ; COPY users TO STDOUT; --'
//
// is DO and COPY to the server, and one DO to the parser.
func continuedString(tokens []token) int {
	for i, t := range tokens {
		if !t.quoted() {
			continue
		}
		commented := false
		for _, next := range tokens[i+1:] {
			if next.kind == pg.Token_SQL_COMMENT {
				commented = true
				continue
			}
			if commented && next.quoted() {
				return next.start
			}
			break
		}
	}
	return -1
}

// quoted reports whether the token is a string or bit string of any quoting.
func (t token) quoted() bool {
	switch t.kind {
	case pg.Token_SCONST, pg.Token_USCONST, pg.Token_BCONST, pg.Token_XCONST:
		return true
	}
	return false
}
