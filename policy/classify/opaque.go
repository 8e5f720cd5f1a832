package classify

import "math/bits"

// opaqueShape judges a word that is none of the other forms: a digest, or
// something that could be a secret as well as a small picture.
func opaqueShape(value []byte, c *counts) ShapeSet {
	if c.length < 20 || c.length > 128 || c.blanks > 0 {
		return 0
	}
	if c.digits+c.hex == c.length && c.digits < c.length && (c.lower == 0 || c.upper == 0) {
		switch c.length {
		case 32, 40, 48, 56, 64, 96, 128:
			return Digest.set()
		}
		return 0
	}
	if c.rest*8 > c.length || c.digits == 0 || c.letters == 0 || !oneWord(value) || isPicture(value) {
		return 0
	}
	if disorder(value) < leastDisorder(c) {
		return 0
	}
	return Random.set()
}

// oneWord reports whether all bytes are those of base64 and its relatives.
func oneWord(value []byte) bool {
	for _, b := range value {
		if !isAlnum(b) && b != '-' && b != '_' && b != '+' && b != '/' && b != '=' {
			return false
		}
	}
	return true
}

// pictures are how pictures begin in base64: JPEG, PNG, GIF, WebP, SVG.
var pictures = []string{"/9j/", "iVBORw", "R0lGOD", "UklGR", "PHN2Zy"}

func isPicture(value []byte) bool {
	for _, p := range pictures {
		if string(value[:len(p)]) == p {
			return true
		}
	}
	return false
}

// disorder is how many different bytes a text has, and how often the sort of
// byte changes from one to the next, in percent of what could be. It says as
// much as an entropy and needs no logarithms.
func disorder(value []byte) int {
	var seen [4]uint64
	changes := 0
	for i, b := range value {
		seen[b>>6] |= 1 << (b & 63)
		if i > 0 && kindOf[b]&(isDigit|isLower|isUpper) != kindOf[value[i-1]]&(isDigit|isLower|isUpper) {
			changes++
		}
	}
	different := 0
	for _, word := range seen {
		different += bits.OnesCount64(word)
	}
	return min(different*100/min(len(value), 30), 100) * min(changes*200/len(value), 100) / 100
}

// leastDisorder is what a word must have to count as without order. Words in
// one case have fewer letters to choose from.
func leastDisorder(c *counts) int {
	if c.lower == 0 || c.upper == 0 {
		return 40
	}
	return 50
}
