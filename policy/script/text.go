package script

import (
	"strings"
	"unicode/utf8"
)

// gathered is psql's query buffer: what will be sent next, and where each part
// of it stands in the file.
type gathered struct {
	text   []byte
	pieces []piece
	cut    int64
	max    int

	variables []Variable
	doubts    []string
	// copies counts the COPY FROM STDIN, once the text is complete.
	copies int
	binary bool
}

func (g *gathered) empty() bool { return len(g.text) == 0 }

// add appends a part of a line. A place of nil continues the run.
func (g *gathered) add(part string, place *piece) {
	if g.cut > 0 || len(g.text)+len(part) > g.max {
		g.cut += int64(len(part))
		return
	}
	if place != nil {
		place.at = len(g.text)
		g.pieces = append(g.pieces, *place)
	}
	g.text = append(g.text, part...)
}

// drop takes the last byte away again.
func (g *gathered) drop() {
	if g.cut > 0 {
		g.cut--
		return
	}
	g.text = g.text[:len(g.text)-1]
}

// length is that of the whole text, with what was cut.
func (g *gathered) length() int64 { return int64(len(g.text)) + g.cut }

func (g *gathered) doubt(why string) {
	for _, d := range g.doubts {
		if d == why {
			return
		}
	}
	g.doubts = append(g.doubts, why)
}

// reset makes the buffer empty; what was handed out stays as it is.
func (g *gathered) reset() { *g = gathered{max: g.max} }

// cursor is a place in the current line.
type cursor struct {
	line string
	pos  int
	// number is that of the line in the file, start its offset in bytes.
	// COPY data may have been read past it since.
	number int
	start  int64
	// counted bytes of the line are column-1 characters.
	counted int
	column  int
	// broken is true if the next byte does not follow the one added last.
	broken bool
}

func (c *cursor) rest() string { return c.line[c.pos:] }

// columnHere is the column of the current place, in characters from 1. The
// cursor only moves forward, so every byte is counted once.
func (c *cursor) columnHere() int {
	c.column += utf8.RuneCountInString(c.line[c.counted:c.pos])
	c.counted = c.pos
	return c.column
}

func (c *cursor) peek(ahead int) byte {
	if c.pos+ahead < len(c.line) {
		return c.line[c.pos+ahead]
	}
	return 0
}

// run is the number of bytes from the current place on that are in a set.
func (c *cursor) run(in func(byte) bool) int {
	n := c.pos
	for n < len(c.line) && in(c.line[n]) {
		n++
	}
	return n - c.pos
}

func isSpace(b byte) bool { return strings.IndexByte(" \t\n\r\f", b) >= 0 }

func isDigit(b byte) bool { return b >= '0' && b <= '9' }

// isWordStart and isWordPart are the bytes of an identifier.
func isWordStart(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b == '_' || b >= 0x80
}

func isWordPart(b byte) bool { return isTagPart(b) || b == '$' }

// isTagPart are the bytes of a dollar tag and of the name of a variable.
func isTagPart(b byte) bool { return isWordStart(b) || isDigit(b) }
