package ledger

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The colors, by what they mark (ECMA-48, select graphic rendition).
const (
	red    = "31"
	green  = "32"
	yellow = "33"
)

// stateColors are those of states; a state that has none is history.
var stateColors = map[State]string{
	State(LifeLive): green, State(LifeCopying): green, StateLatent: yellow, StateFrozen: yellow, State(LifeExpired): yellow,
	StateDrifted: red, State(LifeUnknown): red, State(LifeLost): red,
}

func painted(text, color string, on bool) string {
	if !on || color == "" {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

// clean makes a text of others fit for a terminal: what could steer it, hide
// something or turn the line around is shown as an escape.
func clean(text string) string {
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(text, "\uFFFD") {
		switch {
		case r == ' ' || unicode.IsGraphic(r) && !unicode.IsSpace(r):
			b.WriteRune(r)
		case r > 0xFFFF:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// table is lines of cells; the last cell of a line may be painted.
type table [][]string

// write writes the cells in columns.
func (t table) write(b *strings.Builder) {
	var widths []int
	for _, line := range t {
		for i, cell := range line {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, line := range t {
		for i, cell := range line {
			b.WriteString(cell)
			if i < len(line)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
			}
		}
		b.WriteString("\n")
	}
}
