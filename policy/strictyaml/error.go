package strictyaml

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// MaxErrors is the number of mistakes reported for one document; the rest
// is only counted.
const MaxErrors = 40

// excerptWidth is how much of a line an excerpt shows, in characters.
const excerptWidth = 100

// Position is a place in a document. Lines and columns count from 1,
// columns in characters. The zero value is no place.
type Position struct {
	Line   int
	Column int
}

// IsZero reports whether p is no place.
func (p Position) IsZero() bool { return p.Line == 0 }

func (p Position) compare(q Position) int {
	if p.Line != q.Line {
		return p.Line - q.Line
	}
	return p.Column - q.Column
}

// Error is one mistake in a document.
type Error struct {
	// Name is the document's name, usually that of its file.
	Name string
	Position
	Message string
	// Excerpt is the line in question with a mark below the place; empty
	// if the mistake has no place.
	Excerpt string
}

// Error gives name:line:column, the message, and the excerpt on lines of
// its own.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Name)
	if !e.IsZero() {
		fmt.Fprintf(&b, ":%d:%d", e.Line, e.Column)
	}
	b.WriteString(": " + e.Message)
	if e.Excerpt != "" {
		b.WriteString("\n" + e.Excerpt)
	}
	return b.String()
}

// Errors collects mistakes of one document. The zero value is not usable;
// see Document.Errors.
type Errors struct {
	document *Document
	found    []*Error
	more     int
}

// Addf notes a mistake at a place.
func (e *Errors) Addf(at Position, format string, args ...any) {
	if len(e.found) >= MaxErrors {
		e.more++
		return
	}
	e.found = append(e.found, e.document.errorAt(at, fmt.Sprintf(format, args...)))
}

// Err returns all mistakes in the order of the document, joined; nil if
// there are none.
func (e *Errors) Err() error {
	if len(e.found) == 0 {
		return nil
	}
	slices.SortStableFunc(e.found, func(a, b *Error) int { return a.compare(b.Position) })
	joined := make([]error, 0, len(e.found)+1)
	for _, one := range e.found {
		joined = append(joined, one)
	}
	if e.more > 0 {
		joined = append(joined, &Error{Name: e.document.name, Message: fmt.Sprintf("and %d more mistakes", e.more)})
	}
	return errors.Join(joined...)
}

func (d *Document) errorAt(at Position, message string) *Error {
	return &Error{Name: d.name, Position: at, Message: message, Excerpt: d.excerpt(at)}
}

// excerpt shows the line of a place with a caret below the column. A long
// line is cut on both sides of the place.
func (d *Document) excerpt(at Position) string {
	line, ok := d.line(at.Line)
	if !ok {
		return ""
	}
	chars := []rune(line)
	column := min(max(at.Column, 1), len(chars)+1)
	from := max(0, min(column-1-excerptWidth/2, len(chars)-excerptWidth))
	to := min(len(chars), from+excerptWidth)
	before, after := "", ""
	if from > 0 {
		before = "…"
	}
	if to < len(chars) {
		after = "…"
	}
	shown := strings.Map(visible, string(chars[from:to]))
	number := fmt.Sprintf("%6d | ", at.Line)
	indent := strings.Repeat(" ", len(number)-2) + "| " + strings.Repeat(" ", len([]rune(before))+column-1-from)
	return number + before + shown + after + "\n" + indent + "^"
}

// visible keeps a caret below its character and a terminal safe.
func visible(r rune) rune {
	switch {
	case r == '\t':
		return ' '
	case forbidden(r):
		return '\uFFFD'
	}
	return r
}
