package quote

import "strings"

// Name joins the parts of a name with dots and puts those into double quotes
// that need it, as policies and reports write names. Keywords stay as they are:
// it is for people and for comparing names, and not for SQL that is run.
func Name(parts ...string) string {
	out := make([]string, len(parts))
	for i, part := range parts {
		if out[i] = part; !Plain(part) {
			out[i] = Identifier(part)
		}
	}
	return strings.Join(out, ".")
}

// Plain reports whether a name reads the same without quotes, keywords apart:
// PostgreSQL makes capital letters small, and those beyond ASCII depend on the
// server.
func Plain(name string) bool {
	for i, r := range name {
		letter := r == '_' || r >= 'a' && r <= 'z'
		if !letter && (i == 0 || r != '$' && (r < '0' || r > '9')) {
			return false
		}
	}
	return name != ""
}
