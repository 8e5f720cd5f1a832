package proxy

import (
	"strings"

	"github.com/sluice-pg/sluice/policy/statement"
)

const (
	// maxSummary bounds a summary, in bytes (OpenTelemetry's semantic
	// conventions for databases, "Generating a summary of the query").
	maxSummary = 255
	// maxSummarized is how many statements of a text are in its summary.
	maxSummarized = 8
)

// summarize says what statements do in a few words: for each its first word,
// or two where one would say little, and the relations it names, in the order
// of the text. It holds no literal. shape is where positions in the statements
// lead to; it may be empty or cut.
func summarize(shape string, statements []statement.Statement) string {
	var b strings.Builder
	for i := range statements[:min(len(statements), maxSummarized)] {
		st := &statements[i]
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(verb(shape, st))
		for _, r := range st.Relations {
			if b.Len() > maxSummary {
				break
			}
			b.WriteByte(' ')
			if r.Schema != "" {
				b.WriteString(r.Schema + ".")
			}
			b.WriteString(r.Name)
		}
	}
	return cutAtWord(b.String(), maxSummary)
}

// verb is what a statement begins with, in upper case: SELECT, CREATE TABLE.
// Its node stands in where the text cannot tell.
func verb(shape string, st *statement.Statement) string {
	node := strings.ToUpper(strings.TrimSuffix(st.Node, "Stmt"))
	if st.Start < 0 || st.Start >= len(shape) {
		return node
	}
	first, rest := keyword(shape[st.Start:])
	switch first {
	case "", "WITH":
		return node
	case "CREATE", "ALTER", "DROP":
		if second, _ := keyword(rest); second != "" {
			return first + " " + second
		}
	}
	return first
}

// keyword takes the first word off a text; empty if the text does not begin
// with one.
func keyword(text string) (word, rest string) {
	text = strings.TrimLeft(text, " \t\r\n")
	end := strings.IndexFunc(text, func(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '_' })
	if end < 0 {
		end = len(text)
	}
	return strings.ToUpper(text[:end]), text[end:]
}

// cutAtWord shortens a text to a number of bytes, after a whole word.
func cutAtWord(text string, most int) string {
	if len(text) <= most {
		return text
	}
	if at := strings.LastIndexByte(text[:most+1], ' '); at >= 0 {
		return text[:at]
	}
	return ""
}
