package quote

import "strings"

// Literal writes a text as a string of SQL (manual, section 4.1.2). Any server
// reads it alike: one with standard_conforming_strings off takes a backslash in
// a plain string for an escape, so a text that has one becomes a string with
// escapes. A blank stands in front of that, since its E must not end a word.
func Literal(text string) string {
	quoted := "'" + strings.ReplaceAll(text, "'", "''") + "'"
	if strings.Contains(text, `\`) {
		return " E" + strings.ReplaceAll(quoted, `\`, `\\`)
	}
	return quoted
}

// Literals writes texts as a list of SQL, with commas between them; empty if
// there are none.
func Literals(texts []string) string { return list(texts, Literal) }
