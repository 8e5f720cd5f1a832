package check

import (
	"fmt"
	"strings"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/script"
	"github.com/sluice-pg/sluice/policy/statement"
)

// Sink takes what a check finds, in the order of the files.
type Sink interface {
	// Finding takes a statement with its verdict.
	Finding(f *Finding) error
	// Note takes a remark about something that is no statement.
	Note(n Note) error
}

// Note is a remark about a place in a file.
type Note struct {
	File   string
	Line   int
	Column int
	Text   string
}

// Finding is one statement and what would happen to it.
type Finding struct {
	File string
	// Line and Column say where the statement begins, from 1, the column
	// in characters.
	Line   int
	Column int
	// Statement is what was understood of it, names resolved. Of a text
	// that could not be read only the kind is set.
	Statement statement.Statement
	Decision  policy.Decision
	// Ignored is the comment that overrules the refusal, nil for none.
	Ignored *script.Ignore
	// Notes say what a reader should know besides.
	Notes []string
	// Alongside is true for a statement that is refused because another one
	// in its text is.
	Alongside bool
	// Text is the statement, or the meta-command that stands for it.
	Text string
	// Sent is what psql sends for a meta-command; empty for a statement.
	Sent string
	// Local is the client's end.
	Local script.Local
	// Caret is the line to show with a mark under it.
	Caret Caret
}

// Caret is a line of a file with a place in it to point at.
type Caret struct {
	// Line is its number, 0 if there is nothing to show.
	Line int
	// Text is the line, or the part of it that belongs to the statement.
	Text string
	// At is an offset in Text, in bytes.
	At int
}

// Verdict is the word for a report: that of the decision, or "ignored".
func (f *Finding) Verdict() string {
	if f.Ignored != nil {
		return "ignored"
	}
	return f.Decision.Verdict.String()
}

// Refused reports whether the statement would not run and nobody said that
// this is known.
func (f *Finding) Refused() bool {
	return f.Ignored == nil && f.Decision.Verdict != policy.Allow
}

// reasons are those of the decision, and that of an ignore comment.
func (f *Finding) reasons() []policy.Reason {
	if f.Ignored == nil {
		return f.Decision.Reasons
	}
	return append([]policy.Reason{{
		Rule: "sluice-ignore", Position: fmt.Sprintf("%s:%d:1", f.File, f.Ignored.Line), Text: f.Ignored.Reason,
	}}, f.Decision.Reasons...)
}

// source is a meta-command as it could be written.
func source(c *script.Command) string {
	return strings.TrimSpace(`\` + c.Name + " " + strings.Join(c.Args, " "))
}
