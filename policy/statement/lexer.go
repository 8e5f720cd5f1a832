package statement

import (
	"strings"
	"unicode/utf8"
)

// lexer cuts a text into tokens as PostgreSQL's scan.l does while
// standard_conforming_strings is on, without allocating. It is there to
// find a text that was read before, not to understand one: at the first
// character that could be read in two ways it gives up. FuzzLexer compares it
// with the parser's own.
type lexer struct {
	text string
	pos  int
	// last is what the token before means for the next one.
	last lexLast
}

// lexLast is what a token means for the next one.
type lexLast uint8

const (
	lastPlain lexLast = iota
	// lastString: a string in quotes; with a new line between them, the
	// next one would be a part of it.
	lastString
	// lastFloat: the word float. The number in float(24) is the only
	// literal in a query that the grammar itself looks at.
	lastFloat
	// lastAhead: a word that the parser reads together with the next one,
	// such as NOT before IN. libpg_query takes a comment for that next one.
	lastAhead
)

// lexeme is a token, from start to end in bytes.
type lexeme struct {
	kind       lexKind
	start, end int
}

// lexKind is as much of a token's kind as the grammar's view of a literal
// needs.
type lexKind uint8

const (
	lexDoubt   lexKind = iota // ask the parser's lexer
	lexEnd                    // the text is over
	lexOther                  // anything but a literal: itself in a shape
	lexString                 // SCONST
	lexInteger                // ICONST: fits an int4
	lexFloat                  // FCONST: any other number
)

func (k lexKind) literal() bool { return k >= lexString }

// newLexer returns a lexer for a text without a zero byte in valid UTF-8. ok
// is false for any other.
func newLexer(text string) (l lexer, ok bool) {
	return lexer{text: text}, strings.IndexByte(text, 0) < 0 && utf8.ValidString(text)
}

// next returns the next token. After lexDoubt and lexEnd there is none.
func (l *lexer) next() lexeme {
	if !l.skipGap() {
		return lexeme{}
	}
	if l.pos == len(l.text) {
		return lexeme{kind: lexEnd, start: l.pos, end: l.pos}
	}
	start := l.pos
	last := l.last
	l.last = lastPlain
	kind := lexOther
	switch c := l.text[start]; lexClasses[c] {
	case classWord:
		kind = l.word()
	case classDigit:
		kind = l.number()
	case classQuote:
		if kind = l.quoted(); last == lastString {
			kind = lexDoubt
		}
	case classDoubleQuote:
		kind = l.identifier()
	case classDollar:
		kind = l.dollar()
	case classOperator:
		kind = l.operator()
	case classSingle:
		l.pos++
		if c == '(' && last == lastFloat {
			kind = lexDoubt
		}
	case classColon:
		l.pos++
		if l.at(':') || l.at('=') {
			l.pos++
		}
	case classDot:
		kind = l.dot()
	default:
		kind = lexDoubt
	}
	return lexeme{kind: kind, start: start, end: l.pos}
}

// at reports whether the next byte is c.
func (l *lexer) at(c byte) bool { return l.pos < len(l.text) && l.text[l.pos] == c }

// atClass reports whether the next byte is of one of the classes from..to.
func (l *lexer) atClass(from, to lexClass) bool {
	if l.pos >= len(l.text) {
		return false
	}
	class := lexClasses[l.text[l.pos]]
	return class >= from && class <= to
}

// skipGap skips white space and comments. It is false if a comment does not
// end, nests too deep or stands where the parser would trip over it.
func (l *lexer) skipGap() bool {
	for {
		for l.pos < len(l.text) && lexClasses[l.text[l.pos]] == classSpace {
			l.pos++
		}
		switch {
		case !l.atClass(classOperator, classOperator):
			return true
		case hasAt(l.text, l.pos, "--"):
			if l.pos = skipLine(l.text, l.pos); l.last == lastAhead {
				return false
			}
		case hasAt(l.text, l.pos, "/*"):
			end := endOfComment(l.text, l.pos)
			if end < 0 || l.last == lastAhead {
				return false
			}
			l.pos = end
		default:
			return true
		}
	}
}

// endOfComment is the offset behind a comment that begins at i, or -1 if it
// does not end or nests deeper than a text read in this process may.
func endOfComment(text string, i int) int {
	level := 0
	for i < len(text) {
		switch {
		case hasAt(text, i, "/*"):
			if level++; level > maxComments {
				return -1
			}
			i += 2
		case hasAt(text, i, "*/"):
			i += 2
			if level--; level == 0 {
				return i
			}
		default:
			i++
		}
	}
	return -1
}
