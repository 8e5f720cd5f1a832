package statement

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"strings"
	"unicode/utf8"
)

// maxShape is how much of a shape is kept, in bytes.
const maxShape = 2 << 10

// shape returns the text with every literal as ?, without comments and with
// one space for any white space, cut at maxShape, and the SHA-256 of the
// whole.
func shape(text string, tokens []token) (cut, digest string) {
	return shapeWithout(text, tokens, token.literal)
}

// unreadShape is the shape of a text that is no SQL. What looks like a name
// there may be a value, such as a line of data that was taken for a
// statement, so names become ? too.
func unreadShape(text string, tokens []token) (cut, digest string) {
	return shapeWithout(text, tokens, func(t token) bool { return t.literal() || t.name() })
}

func shapeWithout(text string, tokens []token, hidden func(token) bool) (cut, digest string) {
	s := shaper{sum: sha256.New()}
	last := -1
	for _, t := range tokens {
		if t.comment() {
			continue
		}
		if last >= 0 && t.start > last {
			s.add(" ")
		}
		if hidden(t) {
			s.add("?")
		} else {
			s.add(text[t.start:t.end])
		}
		last = t.end
	}
	return s.kept.String(), hex.EncodeToString(s.sum.Sum(nil))
}

type shaper struct {
	kept strings.Builder
	sum  hash.Hash
	full bool
}

func (s *shaper) add(part string) {
	s.sum.Write([]byte(part))
	if s.full {
		return
	}
	if room := maxShape - s.kept.Len(); len(part) > room {
		part = part[:wholeRunes(part, room)]
		s.full = true
	}
	s.kept.WriteString(part)
}

// wholeRunes is the largest length up to n that cuts no character.
func wholeRunes(s string, n int) int {
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return n
}
