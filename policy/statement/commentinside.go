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
// is DO and COPY to the server, and one DO to the parser. A comment between
// strings that does not reach to the line end keeps them apart for both, in
// which case only a second body of DO follows, which no server runs.
func commentInside(text string, tokens []token) int {
	for i, t := range tokens {
		if !t.quoted(text) && t.kind != pg.Token_UIDENT {
			continue
		}
		comment := false
		for _, next := range tokens[i+1:] {
			if next.comment() {
				comment = true
				continue
			}
			if comment && (t.quoted(text) && next.quoted(text) || next.kind == pg.Token_UESCAPE) {
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

// blank is the text with spaces in place of its comments, for the parser: its
// grammar looks one token ahead (NOT IN, NULLS FIRST, WITH TIME ZONE), and
// where it is made to report comments it would see one of them there. Line
// ends and positions stay. The text must have no comment inside a string or
// name.
func blank(text string, tokens []token) string {
	var out []byte
	for _, t := range tokens {
		if !t.comment() {
			continue
		}
		if out == nil {
			out = []byte(text)
		}
		for i := t.start; i < t.end; i++ {
			if out[i] != '\n' && out[i] != '\r' {
				out[i] = ' '
			}
		}
	}
	if out == nil {
		return text
	}
	return string(out)
}
