package egress

import (
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/sluice-pg/sluice/policy/egress"
)

// TextOptions say how a report is printed for people.
type TextOptions struct {
	// Color switches terminal colours on.
	Color bool
	// All lists the roads that are closed, too.
	All bool
}

// colors are those of a terminal (ECMA-48, select graphic rendition).
var colors = map[egress.State]string{
	egress.Open: "1;31", egress.Counted: "33", egress.Masked: "32", egress.Passes: "32",
	egress.ByPolicy: "32", egress.ByProxy: "32", egress.ByPrivileges: "32", egress.Absent: "2",
}

// closed are the states that TextOptions.All is about.
var closed = map[egress.State]bool{
	egress.ByPolicy: true, egress.ByProxy: true, egress.ByPrivileges: true, egress.Absent: true,
}

// Text prints a report for people, what is open first.
func (r *Report) Text(w io.Writer, o TextOptions) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s as %s, who works as %s on PostgreSQL %s\n", printable(r.Database), printable(r.User), printable(r.Role), printable(r.Server))
	for _, a := range r.About {
		class := a.Class
		if class == "" {
			class = "no column has a class; this one stands for all"
		}
		fmt.Fprintf(&b, "  %s.%s: %s\n", printable(a.Relation), printable(a.Column), class)
	}
	for _, state := range egress.States() {
		r.writeState(&b, state, o)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Report) writeState(b *strings.Builder, state egress.State, o TextOptions) {
	n := r.Count(state)
	if n == 0 {
		return
	}
	word := string(state)
	if o.Color {
		word = "\x1b[" + colors[state] + "m" + word + "\x1b[0m"
	}
	fmt.Fprintf(b, "\n%s: %d\n", word, n)
	if closed[state] && !o.All {
		return
	}
	for _, road := range r.Roads {
		if road.State == state {
			road.write(b)
		}
	}
}

// write prints a road, with what it is for each class where that differs.
func (r *Road) write(b *strings.Builder) {
	number, _, _ := strings.Cut(r.Section, " ")
	fmt.Fprintf(b, "  %-5s %-24s %s\n", number, r.ID, r.What)
	said := map[string]bool{}
	for _, a := range r.Answers {
		line := string(a.State) + ": " + a.words()
		if a.State == r.State {
			line = a.words()
		}
		if a.Class != "" && len(r.Answers) > 1 {
			line = a.Class + ": " + line
		}
		if !said[line] {
			said[line] = true
			fmt.Fprintf(b, "%s%s\n", strings.Repeat(" ", 33), printable(line))
		}
	}
}

// words say why, by which rule, and up to what.
func (a Answer) words() string {
	words := a.Why
	if a.Rows > 0 || a.Bytes > 0 {
		words += fmt.Sprintf("; up to %s a statement", amount(a.Rows, a.Bytes))
	}
	if a.Rule != "" && a.State != egress.ByPrivileges && a.State != egress.Absent {
		words += " (rule " + a.Rule + ")"
	}
	return words
}

func amount(rows, bytes int64) string {
	var parts []string
	if rows > 0 {
		parts = append(parts, fmt.Sprintf("%d rows", rows))
	}
	if bytes > 0 {
		parts = append(parts, fmt.Sprintf("%d bytes", bytes))
	}
	return strings.Join(parts, " and ")
}

// printable shows what could mislead a terminal as a question mark: names come
// from a database.
func printable(text string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return '?'
	}, text)
}
