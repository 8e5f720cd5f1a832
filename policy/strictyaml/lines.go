package strictyaml

import (
	"bytes"
	"strings"
)

// Lines reads a text that is no YAML, for a reader of another form who wants
// the same limits, the same refusal of characters that hide something, and
// mistakes shown in the same way. Nothing can be decoded from it.
func Lines(name string, data []byte) (*Document, error) {
	d := &Document{name: name}
	if err := d.split(data); err != nil {
		return nil, err
	}
	return d, nil
}

// Excerpt shows the line of a place with a caret below the column; empty if
// the document has no such line.
func (d *Document) Excerpt(at Position) string { return d.excerpt(at) }

// split cuts a document into lines and refuses what is too large or hides
// something. Line ends of Windows read as those of everybody else.
func (d *Document) split(data []byte) error {
	if len(data) > MaxBytes {
		return d.tooLarge(len(data))
	}
	text := strings.ReplaceAll(string(bytes.TrimPrefix(data, []byte("\uFEFF"))), "\r\n", "\n")
	d.lines = strings.Split(text, "\n")
	return d.checkText()
}

// Excerpt shows a line of any text with a caret below the column, as
// mistakes do; empty if the text has no such line.
func Excerpt(text string, at Position) string {
	d := &Document{lines: strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")}
	return d.excerpt(at)
}
