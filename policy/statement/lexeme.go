package statement

import "strings"

// lexClass is what a byte can begin outside quotes and comments.
type lexClass uint8

const (
	classNone  lexClass = iota
	classSpace          // a vertical tab is none: servers differ
	classWord           // scan.l's ident_start
	classDigit
	classDollar
	classQuote
	classDoubleQuote
	classOperator // op_chars
	classSingle
	classColon
	classDot
)

var lexClasses = func() (classes [256]lexClass) {
	for c := range classes {
		switch b := byte(c); {
		case b >= '0' && b <= '9':
			classes[c] = classDigit
		case b == '$':
			classes[c] = classDollar
		case wordByte(b):
			classes[c] = classWord
		}
	}
	for class, chars := range map[lexClass]string{
		classSpace: " \t\n\r\f", classQuote: "'", classDoubleQuote: `"`, classOperator: "~!@#^&|`?+-*/%<>=",
		classSingle: ",()[];", classColon: ":", classDot: ".",
	} {
		for _, c := range []byte(chars) {
			classes[c] = class
		}
	}
	return classes
}()

// word passes a keyword or a name that is not quoted. One letter may be the
// beginning of a string or name of another sort, such as E'...' or U&"...".
func (l *lexer) word() lexKind {
	rest := l.text[l.pos:]
	end := 1
	for end < len(rest) && lexClasses[rest[end]]-classWord <= classDollar-classWord {
		end++
	}
	l.pos += end
	word := rest[:end]
	switch len(word) {
	case 1:
		switch word[0] {
		case 'e', 'E', 'b', 'B', 'x', 'X', 'n', 'N':
			if l.at('\'') {
				return lexDoubt
			}
		case 'u', 'U':
			if l.at('&') {
				return lexDoubt
			}
		}
	case 3, 4, 5, 6, 7:
		l.last = lastWord(word)
	}
	return lexOther
}

func lastWord(word string) lexLast {
	switch first := word[0] | 0x20; {
	case first == 'f' && strings.EqualFold(word, "float"):
		return lastFloat
	case first == 'f' && strings.EqualFold(word, "format"),
		first == 'n' && (strings.EqualFold(word, "not") || strings.EqualFold(word, "nulls")),
		first == 'w' && (strings.EqualFold(word, "with") || strings.EqualFold(word, "without")):
		return lastAhead
	}
	return lastPlain
}

// number passes decimal digits with or without point and exponent. Anything
// that touches a number from behind and could be a part of it is doubtful.
func (l *lexer) number() lexKind {
	start, kind := l.pos, lexInteger
	l.digits()
	if l.at('.') {
		kind = lexFloat
		l.pos++
		l.digits()
	}
	if l.at('e') || l.at('E') {
		kind = lexFloat
		l.pos++
		if l.at('+') || l.at('-') {
			l.pos++
		}
		if !l.digits() {
			return lexDoubt
		}
	}
	if l.atClass(classWord, classDollar) || l.at('.') {
		return lexDoubt
	}
	if kind == lexInteger && !fitsInt4(l.text[start:l.pos]) {
		return lexFloat
	}
	return kind
}

// digits passes digits and reports whether there are any.
func (l *lexer) digits() bool {
	start := l.pos
	for l.atClass(classDigit, classDigit) {
		l.pos++
	}
	return l.pos > start
}

// fitsInt4 reports whether decimal digits are at most 2147483647: the lexer
// makes an integer of them then, and else a number like 1.5.
func fitsInt4(digits string) bool {
	const largest = 1<<31 - 1
	value := 0
	for i := range len(digits) {
		if value = value*10 + int(digits[i]-'0'); value > largest {
			return false
		}
	}
	return true
}

// quoted passes a string in single quotes. A backslash in it means itself.
func (l *lexer) quoted() lexKind {
	l.pos++
	for {
		end := strings.IndexByte(l.text[l.pos:], '\'')
		if end < 0 {
			return lexDoubt
		}
		l.pos += end + 1
		if !l.at('\'') {
			l.last = lastString
			return lexString
		}
		l.pos++
	}
}

// identifier passes a name in double quotes. Control characters in it are
// doubtful, so that none stands in a key but where a literal was.
func (l *lexer) identifier() lexKind {
	start := l.pos
	for l.pos++; l.pos < len(l.text); l.pos++ {
		switch c := l.text[l.pos]; {
		case c != '"' && c < ' ':
			return lexDoubt
		case c != '"':
		case hasAt(l.text, l.pos, `""`) && l.pos > start+1:
			l.pos++
		default:
			l.pos++
			if l.pos == start+len(`""`) {
				return lexDoubt // an empty name
			}
			return lexOther
		}
	}
	return lexDoubt
}

// dollar passes a parameter such as $1 or a string in dollar quotes.
func (l *lexer) dollar() lexKind {
	start := l.pos
	l.pos++
	if l.digits() {
		const most = 9 // digits whose number fits an int4
		if l.atClass(classWord, classDollar) || l.pos-start > 1+most {
			return lexDoubt
		}
		return lexOther
	}
	for l.atClass(classWord, classDigit) && l.text[l.pos] < 0x80 {
		l.pos++
	}
	if !l.at('$') {
		return lexDoubt
	}
	l.pos++
	end := strings.Index(l.text[l.pos:], l.text[start:l.pos])
	if end < 0 {
		return lexDoubt
	}
	l.pos += end + l.pos - start
	return lexString
}

// dot passes a dot, or a number that begins with one.
func (l *lexer) dot() lexKind {
	l.pos++
	switch {
	case l.at('.'):
		return lexDoubt
	case l.atClass(classDigit, classDigit):
		l.pos--
		if kind := l.number(); kind == lexDoubt {
			return lexDoubt
		}
		return lexFloat
	}
	return lexOther
}

// longestOperator is NAMEDATALEN less the terminator; scan.l refuses longer
// ones.
const longestOperator = 63

// operator passes an operator. One of several characters ends in + or - only
// if it has a character that is in no operator of standard SQL; one with the
// beginning of a comment inside is doubtful.
func (l *lexer) operator() lexKind {
	start := l.pos
	other := false
	for ; l.atClass(classOperator, classOperator); l.pos++ {
		switch l.text[l.pos] {
		case '~', '!', '@', '#', '^', '&', '|', '`', '?', '%':
			other = true
		case '-':
			if l.pos > start && l.text[l.pos-1] == '-' {
				return lexDoubt
			}
		case '*':
			if l.pos > start && l.text[l.pos-1] == '/' {
				return lexDoubt
			}
		}
	}
	if l.pos-start > longestOperator {
		return lexDoubt
	}
	for !other && l.pos > start+1 && (l.text[l.pos-1] == '+' || l.text[l.pos-1] == '-') {
		l.pos--
	}
	return lexOther
}
