package quote

import (
	"errors"
	"strings"
)

var errOpen = errors.New("the quote is not closed")

// readIdentifier reads an identifier in quotes off a text, as the lexer of
// PostgreSQL does (scan.l, xd).
func readIdentifier(text string) (name, rest string, err error) {
	return readInside(text, '"', false)
}

// readLiteral reads a string off a text as a server does (scan.l, xq and xe), by
// its standard_conforming_strings.
func readLiteral(text string, conforming bool) (value, rest string, err error) {
	text = strings.TrimLeft(text, " ")
	if inside, is := strings.CutPrefix(text, "E"); is {
		return readInside(inside, '\'', true)
	}
	return readInside(text, '\'', !conforming)
}

// readInside reads what stands in quotes. Of the escapes only that of the
// backslash itself is one that Literal may write.
func readInside(text string, mark byte, escapes bool) (inside, rest string, err error) {
	if text == "" || text[0] != mark {
		return "", "", errors.New("no quote begins here")
	}
	var b strings.Builder
	for at := 1; at < len(text); at++ {
		next := byte(0)
		if at+1 < len(text) {
			next = text[at+1]
		}
		switch {
		case escapes && text[at] == '\\' && next != '\\':
			return "", "", errors.New("a backslash escapes something else")
		case escapes && text[at] == '\\', text[at] == mark && next == mark:
			at++
		case text[at] == mark:
			return b.String(), text[at+1:], nil
		}
		b.WriteByte(text[at])
	}
	return "", "", errOpen
}
