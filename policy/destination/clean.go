package destination

import (
	"strings"
	"unicode"
)

// maxShown is how many bytes of a text from outside are shown.
const maxShown = 200

// Clean makes text from outside fit to be shown and kept: one line, printable,
// at most 200 bytes.
func Clean(text string) string {
	var b strings.Builder
	for _, r := range text {
		if !unicode.IsPrint(r) {
			r = '?'
		}
		if b.Len()+len(string(r)) > maxShown {
			b.WriteString("...")
			break
		}
		b.WriteRune(r)
	}
	return b.String()
}

// named lists names for people, in quotes and at most a few of them.
func named(names []string) string {
	const most = 6
	var b strings.Builder
	for i, name := range names {
		switch {
		case i == most:
			b.WriteString(" and others")
			return b.String()
		case i > 0:
			b.WriteString(", ")
		}
		b.WriteString(`"` + Clean(name) + `"`)
	}
	return b.String()
}
