package transfer

import "strings"

// ident quotes a name, always, so that no list of keywords has to be right.
func ident(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// qualified quotes a name in a schema.
func qualified(schema, name string) string { return ident(schema) + "." + ident(name) }

// quoted quotes each of the names.
func quoted(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = ident(n)
	}
	return out
}

// idents quotes names for a list.
func idents(names []string) string { return strings.Join(quoted(names), ", ") }

// literal quotes a text, whatever standard_conforming_strings says.
func literal(text string) string {
	quoted := "'" + strings.ReplaceAll(text, "'", "''") + "'"
	if strings.Contains(text, `\`) {
		return " E" + strings.ReplaceAll(quoted, `\`, `\\`)
	}
	return quoted
}

// maxName is the longest name that PostgreSQL keeps, in bytes (NAMEDATALEN - 1).
const maxName = 63

// nameable tells whether PostgreSQL would keep the name as it is.
func nameable(name string) bool {
	return name != "" && len(name) <= maxName && !strings.Contains(name, "\x00")
}
