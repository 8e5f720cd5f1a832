package script

import "strings"

// dollar begins a dollar quote, or is a parameter or a lone character.
func (s *source) dollar(next byte) {
	if isDigit(next) {
		n := 1
		for isDigit(s.at.peek(n)) {
			n++
		}
		s.take(n + junkLen(s.at.line[s.at.pos+n:]))
		return
	}
	n := 1
	if isWordStart(next) {
		for isTagPart(s.at.peek(n)) {
			n++
		}
	}
	if s.at.peek(n) != '$' {
		s.take(1)
		return
	}
	s.lex.tag = s.at.line[s.at.pos : s.at.pos+n+1]
	s.open(inDollar, n+1)
}

// quoted reads on inside a quote or a comment, up to its end or that of the
// line.
func (s *source) quoted() {
	rest := s.at.rest()
	n := 0
	switch s.lex.mode {
	case inString:
		n = s.upTo("'")
	case inName:
		n = s.upTo(`"`)
	case inDollar:
		n = s.upTo(s.lex.tag)
	case inEscape:
		n = s.escaped(rest)
	default:
		n = s.comment(rest)
	}
	s.take(n)
}

// escaped is the number of bytes of an E string up to and with its next escape,
// doubled quote or end.
func (s *source) escaped(rest string) int {
	n := strings.IndexAny(rest, `'\`)
	switch {
	case n < 0:
		return len(rest)
	case rest[n] == '\'' && !strings.HasPrefix(rest[n:], "''"):
		s.lex.mode = inNothing
		return n + 1
	}
	return min(n+2, len(rest))
}

// upTo is the number of bytes up to and with a mark that ends the quote. A
// doubled quote ends one string and begins another, which comes to the same.
func (s *source) upTo(end string) int {
	rest := s.at.rest()
	if i := strings.Index(rest, end); i >= 0 {
		s.lex.mode = inNothing
		return i + len(end)
	}
	return len(rest)
}

func (s *source) comment(rest string) int {
	for i := 0; i+1 < len(rest); i++ {
		switch rest[i : i+2] {
		case "/*":
			s.lex.nesting++
			i++
		case "*/":
			s.lex.nesting--
			i++
			if s.lex.nesting == 0 {
				s.lex.mode = inNothing
				return i + 1
			}
		}
	}
	return len(rest)
}

// quoting reports whether the next line begins inside a quote or a comment.
func (x *lexer) quoting() bool { return x.mode != inNothing }
