package script

import "strings"

// stop says why the lexer handed back.
type stop int

const (
	atEnd       stop = iota // the line is read
	atSemicolon             // a statement is complete
	atBackslash             // a meta-command begins
)

// mode is what the lexer is within.
type mode int

const (
	inNothing mode = iota
	inString       // '...', where only a quote ends it
	inEscape       // E'...', where a backslash takes the next character along
	inName         // "..."
	inDollar       // $tag$...$tag$
	inComment      // /* ... */
)

// lexer is psql's, as far as it decides where a text ends. It sees one line
// at a time and has all it must remember here. The source is the manual's
// chapter on lexical structure and src/fe_utils/psqlscan.l of PostgreSQL 15.
type lexer struct {
	mode     mode
	tag      string // of the dollar quote
	nesting  int    // of comments
	parens   int
	brackets int
	// begins counts the open BEGIN and CASE of a routine's body.
	begins int
	words  []string // the first words of the statement, lower case
	nth    int      // how many words it has
	copies copyWatch
	// begun is true once the statement has more than comments.
	begun bool
}

// reset forgets the statement.
func (x *lexer) reset() { *x = lexer{} }

// scan reads on in the line, adding to the text, until there is something to
// do.
func (s *source) scan() stop {
	for s.at.pos < len(s.at.line) {
		if s.lex.mode != inNothing {
			s.quoted()
			continue
		}
		if what := s.plain(); what != atEnd {
			return what
		}
	}
	return atEnd
}

// take adds the next n bytes to the text.
func (s *source) take(n int) {
	var place *piece
	if s.at.broken || s.query.empty() {
		place = s.place()
		s.at.broken = false
	}
	s.query.add(s.at.line[s.at.pos:s.at.pos+n], place)
	s.at.pos += n
}

// leave goes past the next n bytes without adding them.
func (s *source) leave(n int) {
	s.at.pos += n
	s.at.broken = true
}

// plain reads one thing outside quotes and comments.
func (s *source) plain() stop {
	c, next := s.at.peek(0), s.at.peek(1)
	switch {
	case isSpace(c):
		s.unlessFirst(s.at.run(isSpace))
	case c == '-' && next == '-':
		n := s.at.run(func(b byte) bool { return b != '\r' })
		comment, before := s.at.line[s.at.pos:s.at.pos+n], s.at.line[:s.at.pos]
		s.unlessFirst(n)
		return s.note(comment, strings.TrimSpace(before) == "")
	case c == '/' && next == '*':
		s.lex.mode, s.lex.nesting = inComment, 1
		s.take(2)
	case c == ';':
		return s.semicolon()
	case c == '\\' && (next == ';' || next == ':'):
		s.leave(1)
		s.take(1)
		if next == ';' {
			s.endOfStatement()
		}
	case c == '\\':
		return atBackslash
	case c == ':':
		s.lex.begun = true
		s.colon(next)
	default:
		s.token(c, next)
	}
	return atEnd
}

// unlessFirst adds white space only to a text that has begun.
func (s *source) unlessFirst(n int) {
	if s.query.empty() {
		s.leave(n)
	} else {
		s.take(n)
	}
}

func (s *source) semicolon() stop {
	s.take(1)
	if s.lex.parens > 0 || s.lex.begins > 0 {
		return atEnd
	}
	s.endOfStatement()
	if s.held {
		return atEnd
	}
	return atSemicolon
}

// endOfStatement forgets the words of a statement, but not the text: others
// may follow in it.
func (s *source) endOfStatement() {
	s.lex.words, s.lex.nth, s.lex.brackets, s.lex.begun = nil, 0, 0, false
	s.lex.copies.end()
}

// token reads what is left: names, numbers, quotes and punctuation.
func (s *source) token(c, next byte) {
	s.lex.begun = true
	switch {
	case c == '\'':
		s.open(inString, 1)
	case c == '"':
		s.open(inName, 1)
	case (c == 'e' || c == 'E') && next == '\'':
		s.open(inEscape, 2)
	case strings.IndexByte("bBxXnN", c) >= 0 && next == '\'':
		s.open(inString, 2)
	case (c == 'u' || c == 'U') && next == '&' && s.at.peek(2) == '\'':
		s.open(inString, 3)
	case (c == 'u' || c == 'U') && next == '&' && s.at.peek(2) == '"':
		s.open(inName, 3)
	case c == '$':
		s.dollar(next)
	case isWordStart(c):
		s.word(s.at.run(isWordPart))
	case isDigit(c) || c == '.' && isDigit(next):
		s.lex.copies.other()
		s.take(numberLen(s.at.rest()))
	default:
		s.punctuation(c)
	}
}

func (s *source) open(m mode, n int) {
	s.lex.mode = m
	s.lex.copies.quoted(s.at.rest())
	s.take(n)
}

func (s *source) punctuation(c byte) {
	switch c {
	case '(':
		s.lex.parens++
	case ')':
		s.lex.parens = max(0, s.lex.parens-1)
	case '[':
		s.lex.brackets++
	case ']':
		s.lex.brackets = max(0, s.lex.brackets-1)
	}
	s.lex.copies.other()
	s.take(1)
}
