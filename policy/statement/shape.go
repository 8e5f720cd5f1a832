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
// whole. Tokens that touch in the text touch in the shape.
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
	var r ruler
	for _, t := range tokens {
		if t.comment() {
			continue
		}
		if r.gap(t.start) {
			s.add(" ")
		}
		if hidden(t) {
			s.add("?")
		} else {
			s.add(text[t.start:t.end])
		}
		r.step(t.start, t.end, hidden(t))
	}
	return s.kept.String(), hex.EncodeToString(s.sum.Sum(nil))
}

// ruler follows the tokens of a text along its shape.
type ruler struct {
	begun bool
	// end is where the last token ends in the text, at where it ends in
	// the shape.
	end, at int
}

// gap reports whether the shape has a space before a token that begins at
// start.
func (r *ruler) gap(start int) bool { return r.begun && start > r.end }

// step passes one token, a comment excepted, and returns where it begins in
// the shape.
func (r *ruler) step(start, end int, hidden bool) int {
	if r.gap(start) {
		r.at++
	}
	begin := r.at
	if hidden {
		r.at++
	} else {
		r.at += end - start
	}
	r.begun, r.end = true, end
	return begin
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
