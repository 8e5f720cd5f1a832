package quote

import "strings"

// Line makes a text of others fit for one line: a blank takes the place of each
// character that ends a line, steers a terminal or turns the direction of
// writing, and U+FFFD that of a byte that is no UTF-8.
func Line(text string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r >= 0x7F && r < 0xA0 || r >= 0x2028 && r <= 0x202E || r >= 0x2066 && r <= 0x2069 {
			return ' '
		}
		return r
	}, text)
}

// Short is the Line of the first characters of a text, at most so many; an
// ellipsis stands for the others.
func Short(text string, most int) string {
	count := 0
	for at := range text {
		if count == most {
			return Line(text[:at]) + "…"
		}
		count++
	}
	return Line(text)
}
