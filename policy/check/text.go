package check

import (
	"fmt"
	"io"
	"strings"

	"github.com/sluice-pg/sluice/policy"
)

// Text writes a report for people.
type Text struct {
	out io.Writer
	// Color switches terminal colors on.
	Color bool
	// All lists the statements that are allowed too.
	All bool
}

// NewText returns a sink that writes to out.
func NewText(out io.Writer) *Text { return &Text{out: out} }

// The colors, by what they mark.
const (
	red    = "31"
	green  = "32"
	yellow = "33"
	dim    = "2"
	bold   = "1"
)

func (t *Text) paint(code, text string) string {
	if !t.Color || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// Finding implements Sink.
func (t *Text) Finding(f *Finding) error {
	if f.Decision.Verdict == policy.Allow && !t.All {
		return nil
	}
	var b strings.Builder
	word, code := "refused", red
	switch {
	case f.Ignored != nil:
		word, code = "ignored", yellow
	case f.Decision.Verdict == policy.Allow:
		word, code = "allowed", green
	case f.Decision.Verdict != policy.Deny:
		word = f.Decision.Verdict.String()
	}
	fmt.Fprintf(&b, "%s %s: %s\n", t.paint(bold, place(f.File, f.Line, f.Column)+":"), t.paint(code, word), f.Statement.Kind)
	switch {
	case f.Alongside:
		fmt.Fprintf(&b, "  %s\n\n", printable(f.Decision.Reasons[0].Text))
	case f.Decision.Verdict == policy.Allow:
		fmt.Fprintf(&b, "  %s\n", printable(firstLine(f.Text)))
	default:
		t.refusal(&b, f)
	}
	_, err := io.WriteString(t.out, b.String())
	return err
}

// refusal is the excerpt, the reasons and the next step.
func (t *Text) refusal(b *strings.Builder, f *Finding) {
	t.excerpt(b, f.Caret)
	if f.Sent != "" {
		t.row(b, "sends", f.Sent)
	}
	t.row(b, "what", f.Decision.Subject)
	for _, note := range f.Notes {
		t.row(b, "note", note)
	}
	told := ""
	for _, r := range f.Decision.Reasons {
		rule := strings.TrimPrefix(r.Rule, "builtin:")
		if r.Position != "" {
			rule += " (" + r.Position + ")"
		}
		if r.Rule != told {
			t.row(b, "rule", rule)
		}
		told = r.Rule
		t.row(b, "because", r.Text)
	}
	if f.Ignored != nil {
		t.row(b, "ignored", fmt.Sprintf("%s (line %d)", f.Ignored.Reason, f.Ignored.Line))
	} else {
		t.row(b, "instead", f.Decision.Hint)
	}
	b.WriteByte('\n')
}

// row is one line of a finding: a word and what it says.
func (t *Text) row(b *strings.Builder, word, text string) {
	if text != "" {
		fmt.Fprintf(b, "  %s %s\n", t.paint(dim, fmt.Sprintf("%8s", word)), printable(text))
	}
}

// maxExcerpt is how many characters of a line are shown.
const maxExcerpt = 100

// excerpt shows a line with a caret under a place in it.
func (t *Text) excerpt(b *strings.Builder, c Caret) {
	if c.Line == 0 {
		return
	}
	before, after := []rune(printable(c.Text[:c.At])), []rune(printable(c.Text[c.At:]))
	if len(before) > maxExcerpt/2 {
		before = append([]rune("…"), before[len(before)-maxExcerpt/2:]...)
	}
	if room := maxExcerpt - len(before); len(after) > room {
		after = append(after[:room:room], '…')
	}
	number := fmt.Sprintf("%8d", c.Line)
	fmt.Fprintf(b, "  %s %s%s\n", t.paint(dim, number+" |"), string(before), strings.TrimRight(string(after), " "))
	fmt.Fprintf(b, "  %s %s%s\n", t.paint(dim, strings.Repeat(" ", len(number))+" |"), strings.Repeat(" ", width(before)), t.paint(red, "^"))
}

// Note implements Sink.
func (t *Text) Note(n Note) error {
	_, err := fmt.Fprintf(t.out, "%s %s: %s\n", t.paint(bold, place(n.File, n.Line, n.Column)+":"), t.paint(yellow, "note"), printable(n.Text))
	return err
}

// Summary writes the last line.
func (t *Text) Summary(c *Count) error {
	code := green
	if c.Refused > 0 {
		code = red
	}
	_, err := fmt.Fprintln(t.out, t.paint(code, c.String()))
	return err
}

func place(file string, line, column int) string {
	return fmt.Sprintf("%s:%d:%d", printable(file), line, column)
}

func firstLine(text string) string {
	line, more, _ := strings.Cut(strings.TrimSpace(text), "\n")
	runes := []rune(line)
	if len(runes) > maxExcerpt {
		return string(runes[:maxExcerpt]) + "…"
	}
	if more != "" {
		return line + " …"
	}
	return line
}
