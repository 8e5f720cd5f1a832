package cases

import (
	"regexp"
	"strings"
)

// blanks separate words. A carriage return belongs to a line end.
const blanks = " \t\r"

// scanner takes words off a text.
type scanner struct {
	text string
	at   int
}

func newScanner(text string) *scanner {
	s := &scanner{text: text}
	if strings.HasPrefix(text, bom) {
		s.at = len(bom)
	}
	return s
}

func (s *scanner) skipBlanks() {
	for s.at < len(s.text) && strings.IndexByte(blanks, s.text[s.at]) >= 0 {
		s.at++
	}
}

func (s *scanner) atLineEnd() bool { return s.at >= len(s.text) || s.text[s.at] == '\n' }

func (s *scanner) toLineEnd() {
	if end := strings.IndexByte(s.text[s.at:], '\n'); end >= 0 {
		s.at += end
		return
	}
	s.at = len(s.text)
}

// line is the rest of the line.
func (s *scanner) line() string {
	line, _, _ := strings.Cut(s.text[s.at:], "\n")
	return strings.TrimRight(line, blanks)
}

// until takes everything before the first of some signs.
func (s *scanner) until(signs string) string {
	start := s.at
	for s.at < len(s.text) && strings.IndexByte(signs, s.text[s.at]) < 0 {
		s.at++
	}
	return s.text[start:s.at]
}

// bare takes a word that ends at a blank or a quote.
func (s *scanner) bare() string { return s.until(blanks + "\n\"") }

// key takes a word that ends at an equals sign too.
func (s *scanner) key() string { return s.until(blanks + "\n\"=") }

// value takes a word, or what stands in double quotes.
func (s *scanner) value() (string, *mistake) {
	if s.at < len(s.text) && s.text[s.at] == '"' {
		return s.quoted()
	}
	return s.bare(), nil
}

// quoted takes what stands in double quotes, on one line.
func (s *scanner) quoted() (string, *mistake) {
	open := s.at
	var out strings.Builder
	for s.at++; ; s.at++ {
		if s.atLineEnd() {
			return "", wrong(open, "the quote is not closed on its line; a text in several lines stands between $$ and $$")
		}
		switch c := s.text[s.at]; c {
		case '"':
			s.at++
			return out.String(), nil
		case '\\':
			if s.at++; s.atLineEnd() || s.text[s.at] != '"' && s.text[s.at] != '\\' {
				return "", wrong(s.at-1, `a backslash in quotes is written \\, a quote \"; between $$ and $$ they stand as they are`)
			}
			out.WriteByte(s.text[s.at])
		default:
			out.WriteByte(c)
		}
	}
}

var (
	someDollarTag = regexp.MustCompile(`\$(?:[A-Za-z_][A-Za-z_0-9]*)?\$`)
	dollarTag     = regexp.MustCompile(`^` + someDollarTag.String())
)

// dollarQuoted takes what stands between $$ and $$ or a tag and itself.
func (s *scanner) dollarQuoted() (string, *mistake) {
	open := s.at
	tag := dollarTag.FindString(s.text[s.at:])
	if tag == "" {
		return "", wrong(open, "a text begins with $$ or with a tag such as $sql$")
	}
	s.at += len(tag)
	end := strings.Index(s.text[s.at:], tag)
	if end < 0 {
		return "", wrong(open, "the text that begins with %s does not end with it", tag)
	}
	text := s.text[s.at : s.at+end]
	s.at += end + len(tag)
	return text, nil
}
