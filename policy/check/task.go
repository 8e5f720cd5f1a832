package check

import (
	"fmt"
	"strings"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/script"
	"github.com/sluice-pg/sluice/policy/statement"
)

// task is one text to judge, from an item of a file.
type task struct {
	item *script.Item
	// text is what the analysis reads; empty if there is only something
	// that cannot be judged, which opaque then names.
	text   string
	opaque string
	// command is true if a meta-command stands for the text: then there is
	// no place in the file for a place in the text.
	command bool
	// added holds what was added to the statements because the file does
	// not tell it, by its words.
	added map[string]added
}

// added is why something was added.
type added struct {
	at   int // offset in the text, -1 for none
	hint string
}

const (
	hintValue  = "Write the value into the file, or check the file as it is when psql has put the values in."
	hintDoubt  = "Write it so that what is sent does not depend on more than the file, or have a rule allow opaque_code for it."
	hintResult = "Check the statements that it makes: have psql print them, and check what it printed."
)

// newTask tells what is to be judged of an item; nil if there is nothing.
func newTask(item *script.Item) *task {
	t := &task{item: item, text: item.Judged(), added: map[string]added{}}
	c := item.Command
	switch {
	case item.Like != "":
		t.text, t.command = item.Like, true
	case item.Text != "":
		t.command = c != nil && (c.Name == "copy" || c.Name == "encoding")
	case c == nil:
		return nil
	case c.Unknown:
		t.opaque, t.command = `meta-command \`+c.Name+", which is not known", true
	case c.Refused:
		t.opaque, t.command = `meta-command \`+c.Name+` within \restrict, which psql refuses if it knows \restrict`, true
	case len(item.Doubts) > 0:
		t.opaque, t.command = `meta-command \`+c.Name+": "+item.Doubts[0], true
	default:
		return nil
	}
	return t
}

// finding begins a finding about a statement that begins at an offset.
func (t *task) finding(start int, st statement.Statement, d policy.Decision) Finding {
	f := Finding{File: t.item.File, Statement: st, Decision: d, Local: t.item.Local, Text: t.source(start, len(t.text))}
	f.Line, f.Column = t.place(start)
	if t.command {
		f.Sent = strings.TrimSpace(t.item.Text)
	}
	f.Caret = t.caret(start)
	if d.Verdict != policy.Allow {
		for i := range t.item.Ignores {
			if rule := t.item.Ignores[i].Rule; rule == d.Rule || "builtin:"+rule == d.Rule {
				f.Ignored = &t.item.Ignores[i]
			}
		}
	}
	return f
}

// point sets the caret of a refusal, and the next step if it is for what the
// file does not tell.
func (t *task) point(f *Finding) {
	d := &f.Decision
	if d.Verdict == policy.Allow {
		return
	}
	if at := d.PlaceIn(t.text); at >= 0 {
		f.Caret = t.caret(at)
	}
	if why, ok := t.added[d.Subject]; ok {
		d.Hint = why.hint
		if why.at >= 0 {
			f.Caret = t.caret(why.at)
		}
	}
}

// place is where a byte of the text stands in the file.
func (t *task) place(at int) (line, column int) {
	if t.command {
		return t.item.Line, t.item.Column
	}
	return t.item.Place(at)
}

// extent is where a statement begins and ends in the text, white space and
// comments before it left out.
func (t *task) extent(st *statement.Statement) (start, end int) {
	start, end = statement.Locate(t.text, st.Start), statement.Locate(t.text, st.End)
	if end <= start || end > len(t.text) {
		end = len(t.text)
	}
	start = max(0, min(start, end))
	return start + blank(t.text[start:end]), end
}

// blank is the length of the white space and comments that a text begins
// with.
func blank(text string) int {
	n := 0
	for {
		rest := text[n:]
		trimmed := strings.TrimLeft(rest, " \t\n\r\f\v")
		n += len(rest) - len(trimmed)
		skip := 0
		switch {
		case strings.HasPrefix(trimmed, "--"):
			if skip = strings.IndexAny(trimmed, "\n\r"); skip < 0 {
				skip = len(trimmed)
			}
		case strings.HasPrefix(trimmed, "/*"):
			skip = commentLen(trimmed)
		}
		if skip == 0 {
			return n
		}
		n += skip
	}
}

func commentLen(text string) int {
	nesting := 0
	for i := 0; i+1 < len(text); i++ {
		switch text[i : i+2] {
		case "/*":
			nesting++
			i++
		case "*/":
			if nesting--; nesting == 0 {
				return i + 2
			}
			i++
		}
	}
	return len(text)
}

// source is the statement as it stands in the file.
func (t *task) source(start, end int) string {
	if t.command {
		return source(t.item.Command)
	}
	return strings.TrimSpace(t.item.Text[start:end])
}

// caret is the line around an offset of the text.
func (t *task) caret(at int) Caret {
	if t.command {
		return Caret{Line: t.item.Line, Text: source(t.item.Command)}
	}
	if at < 0 || at > len(t.item.Text) || t.item.Text == "" {
		return Caret{}
	}
	text := t.item.Text
	begin := strings.LastIndexByte(text[:at], '\n') + 1
	end := len(text)
	if n := strings.IndexByte(text[at:], '\n'); n >= 0 {
		end = at + n
	}
	line, _ := t.item.Place(at)
	return Caret{Line: line, Text: text[begin:end], At: at - begin}
}

// doubts adds to the statements what may be hidden in what the file does not
// tell: each may do anything then.
func (t *task) doubts(statements []statement.Statement) {
	if t.opaque != "" {
		return
	}
	for _, v := range t.item.Variables {
		if v.Kind == script.Plain || v.Kind == script.Identifier {
			t.addAt(statements, v.Start, fmt.Sprintf("psql variable %s, which may stand for any text", v.Name), hintValue)
		}
	}
	for _, doubt := range t.item.Doubts {
		t.addAt(statements, -1, doubt, hintDoubt)
	}
	if c := t.item.Command; c != nil && c.Name == "gexec" && len(statements) > 0 {
		t.addAt(statements[len(statements)-1:], -1, `results that \gexec runs as statements`, hintResult)
	}
}

// addAt adds to the statement at an offset of the text, to all if there is
// none.
func (t *task) addAt(statements []statement.Statement, at int, what, hint string) {
	t.added[what] = added{at, hint}
	for i := range statements {
		if start, end := t.extent(&statements[i]); start <= at && at < end {
			t.add(&statements[i], what)
			return
		}
	}
	for i := range statements {
		t.add(&statements[i], what)
	}
}

// add adds code that may do anything to a statement.
func (t *task) add(st *statement.Statement, what string) {
	unseen := policy.Unseen(what)
	names := st.Names
	policy.Merge(st, &unseen)
	st.Names = names
}

// copies compares the COPY data that were skipped with those that the
// statements ask for. If they differ, lines were taken for what they are not.
func (t *task) copies(statements []statement.Statement) {
	if t.command || t.opaque != "" || len(t.item.Text) == 0 {
		return
	}
	asked := 0
	for i := range statements {
		if statements[i].CopyIn != nil {
			asked++
		}
	}
	described := t.item.Command != nil && t.item.Command.Name == "gdesc"
	if asked == t.item.Copies || described || t.item.Copies == 0 && t.item.Wire {
		return
	}
	t.addAt(statements, -1, fmt.Sprintf("data for %d COPY in the file where the text asks for %d", t.item.Copies, asked), hintDoubt)
}
