package doctor

import (
	"fmt"
	"io"
	"strings"
	"unicode"
)

// width is how wide a line of text may be, in characters. What has no space
// in it is not cut.
const width = 80

// TextOptions say how a report is printed for people.
type TextOptions struct {
	// Color switches terminal colours on.
	Color bool
	// Quiet leaves out what is in order.
	Quiet bool
}

// Text prints a report for people, the worst first.
func (r *Report) Text(w io.Writer, o TextOptions) error {
	var b strings.Builder
	for _, c := range r.Checks {
		if !o.Quiet || c.State != OK {
			writeCheck(&b, c, o.Color)
		}
	}
	fmt.Fprintf(&b, "%s\n", r.Summary())
	_, err := io.WriteString(w, b.String())
	return err
}

// colors are those of a terminal (ECMA-48, select graphic rendition).
var colors = map[State]string{Problem: "1;31", Unknown: "1;35", Warning: "33", OK: "32"}

func writeCheck(b *strings.Builder, c Check, color bool) {
	const indent = "         "
	word := fmt.Sprintf("%-9s", c.State)
	if color {
		word = "\x1b[" + colors[c.State] + "m" + word + "\x1b[0m"
	}
	title := c.Name
	if c.Subject != "" {
		title += " (" + c.Subject + ")"
	}
	b.WriteString(word + printable(title))
	if c.State == OK {
		rest := ": " + printable(c.Evidence)
		b.WriteString(strings.TrimPrefix(wrap(strings.Repeat("x", 9+len(title))+rest, indent, 0), strings.Repeat("x", 9+len(title))) + "\n")
		return
	}
	b.WriteString("\n")
	for line := range strings.Lines(c.Evidence) {
		b.WriteString(wrap(indent+printable(strings.TrimRight(line, "\n")), indent+"  ", len(indent)) + "\n")
	}
	lead := indent + "fix: "
	for line := range strings.Lines(c.Fix) {
		b.WriteString(wrap(lead+printable(strings.TrimRight(line, "\n")), indent+"       ", len(lead)) + "\n")
		lead = indent + "     "
	}
	b.WriteString("\n")
}

// wrap breaks a line at spaces behind its first characters.
func wrap(line, indent string, from int) string {
	var done []string
	runes := []rune(line)
	for len(runes) > width {
		at := lastSpace(runes[:width+1], from)
		if at < 0 {
			if at = firstSpace(runes, width); at < 0 {
				break
			}
		}
		done = append(done, strings.TrimRight(string(runes[:at]), " "))
		runes = []rune(indent + strings.TrimLeft(string(runes[at:]), " "))
		from = len(indent)
	}
	return strings.Join(append(done, strings.TrimRight(string(runes), " ")), "\n")
}

func lastSpace(runes []rune, from int) int {
	for i := len(runes) - 1; i > from; i-- {
		if runes[i] == ' ' {
			return i
		}
	}
	return -1
}

func firstSpace(runes []rune, from int) int {
	for i := from; i < len(runes); i++ {
		if runes[i] == ' ' {
			return i
		}
	}
	return -1
}

// printable replaces what a terminal would act on: a server's words are not
// ours.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, text)
}
