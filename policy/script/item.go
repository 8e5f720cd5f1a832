package script

import (
	"sort"
	"unicode/utf8"
)

// Item is one thing in a file: a text for the server, or a meta-command.
type Item struct {
	// File, Line and Column say where it begins. Lines and columns count
	// from 1, columns in characters.
	File   string
	Line   int
	Column int
	// Offset is the same place in bytes, from 0.
	Offset int64
	// Text is what goes to the server as one message; empty for a
	// meta-command that sends nothing of the file. It is cut at
	// Options.MaxText.
	Text string
	// Cut is how many bytes of the text were left out, 0 for none.
	Cut int64
	// Command is the meta-command that this is, or that ended the text;
	// nil for a text that ended otherwise.
	Command *Command
	// Like is SQL that does what the command has psql do with the server,
	// where psql makes up what it sends. It is for judging, not for
	// sending.
	Like string
	// Local is the client's end of a COPY or of a result.
	Local Local
	// Variables are psql's variables in Text, in their order.
	Variables []Variable
	// Doubts say why Text may not be what psql sends.
	Doubts []string
	// Copies is how many COPY FROM STDIN of the text have their data in
	// the file, and DataLines how many lines of data were skipped.
	Copies    int
	DataLines int64
	// Wire is true for a file that is one message.
	Wire bool
	// Section is "up" or "down" after the marker of a migration tool.
	Section string
	// Conditional is true inside \if.
	Conditional bool
	// Ignores are the sluice-ignore comments right before the text.
	Ignores []Ignore

	pieces []piece
}

// Ignore is a comment "-- sluice-ignore RULE: reason".
type Ignore struct {
	Rule   string
	Reason string
	Line   int
}

// LocalKind says what is at the client's end.
type LocalKind string

// The ends. The zero value is psql's standard output.
const (
	LocalFile    LocalKind = "file"
	LocalProgram LocalKind = "program"
	LocalStdin   LocalKind = "stdin"
	LocalStdout  LocalKind = "stdout"
)

// Local is a file or program on the client's side.
type Local struct {
	Kind LocalKind
	// Name is the file or the command line as written; it may hold
	// secrets.
	Name string
}

// VariableKind says how a variable is written, and so what it becomes.
type VariableKind byte

// The kinds of variables.
const (
	Plain      VariableKind = ':'  // :name, any text at all
	Literal    VariableKind = '\'' // :'name', one string literal
	Identifier VariableKind = '"'  // :"name", one quoted identifier
	Test       VariableKind = '?'  // :{?name}, TRUE or FALSE
)

// Variable is one use of a psql variable.
type Variable struct {
	Name string
	Kind VariableKind
	// Start and End delimit it in the text, in bytes.
	Start, End int
}

// piece says where a run of the text stands in the file. It ends where the
// next one begins and never holds a line break but as its last byte.
type piece struct {
	at     int
	offset int64
	line   int
	column int
}

// Place finds the place in the file of a byte of Text: line and column from 1,
// the column in characters. An offset outside the text gives the item's own
// place.
func (i *Item) Place(at int) (line, column int) {
	if at < 0 || at > len(i.Text) || len(i.pieces) == 0 {
		return i.Line, i.Column
	}
	n := sort.Search(len(i.pieces), func(k int) bool { return i.pieces[k].at > at }) - 1
	if n < 0 {
		return i.Line, i.Column
	}
	p := i.pieces[n]
	return p.line, p.column + utf8.RuneCountInString(i.Text[p.at:at])
}

// OffsetOf finds the offset in the file, in bytes, of a byte of Text.
func (i *Item) OffsetOf(at int) int64 {
	n := sort.Search(len(i.pieces), func(k int) bool { return i.pieces[k].at > at }) - 1
	if at < 0 || n < 0 {
		return i.Offset
	}
	return i.pieces[n].offset + int64(at-i.pieces[n].at)
}

// Judged is Text with a placeholder of the same length for every variable, so
// that a parser can read it and its positions stay true: a string literal, a
// quoted identifier, TRUE or a bare identifier. No placeholder is a value that
// somebody would write.
func (i *Item) Judged() string {
	if len(i.Variables) == 0 {
		return i.Text
	}
	text := []byte(i.Text)
	for _, v := range i.Variables {
		if v.End > len(text) {
			break // cut
		}
		switch v.Kind {
		case Literal, Identifier:
			text[v.Start], text[v.Start+1] = byte(v.Kind), '?'
		case Test:
			copy(text[v.Start:v.End], "TRUE")
			for k := v.Start + len("TRUE"); k < v.End; k++ {
				text[k] = ' '
			}
		case Plain:
			text[v.Start] = '_'
		}
	}
	return string(text)
}

// Doubtful reports whether Text may become something else than what Judged
// shows a parser.
func (i *Item) Doubtful() bool {
	if len(i.Doubts) > 0 {
		return true
	}
	for _, v := range i.Variables {
		if v.Kind == Plain || v.Kind == Identifier {
			return true
		}
	}
	return false
}
