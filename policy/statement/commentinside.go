package statement

import (
	pg "github.com/pganalyze/pg_query_go/v6"
)

// commentInside finds a string or name with a comment in it, and returns
// where its second part begins, -1 if there is none.
//
// To the server, strings with a line end between them are one, and a "--"
// comment may stand before the line end (whitespace_with_newline in scan.l);
// and what UESCAPE says holds for the U&'...' or U&"..." before it whatever
// comments are between them. The parser's lexer is made to report comments,
// and sees two tokens where the server sees one. The parts of one string share
// its kind of quoting, so that they may even end at different places:
//
//	DO E'BEGIN NULL; END --' -- a comment
//	'\'' ; COPY users TO STDOUT; --'
//
// is DO and COPY to the server, and one DO to the parser.
func commentInside(text string, tokens []token) int {
	for i, t := range tokens {
		if !t.quoted(text) && t.kind != pg.Token_UIDENT {
			continue
		}
		comment, toLineEnd := false, false
		for _, next := range tokens[i+1:] {
			if next.comment() {
				comment = true
				toLineEnd = toLineEnd || next.kind == pg.Token_SQL_COMMENT
				continue
			}
			if toLineEnd && t.quoted(text) && next.quoted(text) || comment && next.kind == pg.Token_UESCAPE {
				return next.start
			}
			break
		}
	}
	return -1
}

// quoted reports whether the token is a string or bit string in quotes. Those
// in dollar signs go on nowhere.
func (t token) quoted(text string) bool {
	if text[t.start] == '$' {
		return false
	}
	switch t.kind {
	case pg.Token_SCONST, pg.Token_USCONST, pg.Token_BCONST, pg.Token_XCONST:
		return true
	}
	return false
}
