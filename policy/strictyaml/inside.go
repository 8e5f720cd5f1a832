package strictyaml

import (
	"strings"
	"unicode/utf8"
)

// Inside finds the place in the document of a line and column of a text's
// value, both counting from 1. Where the document does not write the value
// as it is (escapes, folded lines), it is the beginning of the text.
func (d *Document) Inside(text Text, line, column int) Position {
	value := strings.Split(text.Value, "\n")
	if line < 1 || column < 1 || line > len(value) {
		return text.Position
	}
	raw, ok := d.line(text.Line)
	if !ok {
		return text.Position
	}
	rest := fromColumn(raw, text.Column)
	if strings.HasPrefix(rest, "|") {
		return d.insideLiteral(text, value[line-1], line, column)
	}
	opening := 0
	if strings.HasPrefix(rest, `"`) || strings.HasPrefix(rest, "'") {
		opening = 1
	}
	if line != 1 || len(value) != 1 || !strings.HasPrefix(rest[opening:], firstChars(value[0], column-1)) {
		return text.Position
	}
	return Position{Line: text.Line, Column: text.Column + opening + column - 1}
}

// insideLiteral finds a place in a text in several lines, which is indented
// as its first line is.
func (d *Document) insideLiteral(text Text, value string, line, column int) Position {
	raw, ok := d.line(text.Line + line)
	at := strings.Index(raw, value)
	if !ok || at < 0 || strings.TrimLeft(raw[:at], " ") != "" {
		return text.Position
	}
	return Position{Line: text.Line + line, Column: at + column}
}

// fromColumn is a line from a column on, in characters.
func fromColumn(line string, column int) string {
	for i := 1; i < column && line != ""; i++ {
		_, size := utf8.DecodeRuneInString(line)
		line = line[size:]
	}
	return line
}

// firstChars is the beginning of a text, in characters.
func firstChars(text string, count int) string {
	return strings.TrimSuffix(text, fromColumn(text, count+1))
}
