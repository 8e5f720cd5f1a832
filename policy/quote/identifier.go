package quote

import "strings"

// Identifier writes a name as an identifier of SQL (manual, section 4.1.1). It
// stands in double quotes always, so that no list of keywords has to be right.
func Identifier(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// Qualified writes a name in a schema as SQL.
func Qualified(schema, name string) string { return Identifier(schema) + "." + Identifier(name) }

// Identifiers writes names as a list of SQL, with commas between them; empty if
// there are none.
func Identifiers(names []string) string { return list(names, Identifier) }

// list writes each of the texts and puts commas between them.
func list(texts []string, write func(string) string) string {
	out := make([]string, len(texts))
	for i, text := range texts {
		out[i] = write(text)
	}
	return strings.Join(out, ", ")
}
