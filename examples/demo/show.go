package demo

import (
	"cmp"
	"fmt"
	"strings"
)

// shownLines is how much of an answer a reader sees, wide how much of a line of words
// stands on one line.
const (
	shownLines = 12
	wide       = 124
)

// tell prints what the story says.
func (p *player) tell(text string) {
	fmt.Fprintf(p.out, "\n   %s\n", strings.Join(wrapped(text), "\n   "))
}

// show prints an answer, cut for a reader after so many lines, shownLines if that is
// 0.
func (p *player) show(text string, most int) {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if text == "" {
		return
	}
	most = cmp.Or(most, shownLines)
	for i, line := range lines {
		if i == most && len(lines) > most+1 {
			fmt.Fprintf(p.out, "     ... %d more lines\n", len(lines)-i)
			return
		}
		fmt.Fprintf(p.out, "     %s\n", strings.Join(wrapped(narrow(line)), "\n       "))
	}
}

// narrow takes the air out of the heading that psql centres over a very wide
// column.
func narrow(line string) string {
	line = strings.TrimRight(line, " ")
	if text := strings.TrimLeft(line, " "); len(line)-len(text) > wide/2 {
		return " " + text
	}
	if len(line) > wide && strings.Trim(line, "-+") == "" {
		return line[:wide]
	}
	return line
}

// wrapped breaks a line of words that is too long. Tables, whose columns are set
// apart by more than one space, stay as they are.
func wrapped(line string) (lines []string) {
	_, words, is := strings.Cut(line, ":  ") // as in DETAIL:  words
	if !is {
		words = line
	}
	if strings.Contains(words, "  ") {
		return []string{line}
	}
	for len(line) > wide {
		at := strings.LastIndexByte(line[:wide], ' ')
		if at <= 0 {
			break
		}
		lines, line = append(lines, line[:at]), line[at+1:]
	}
	return append(lines, line)
}
