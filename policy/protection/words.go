package protection

import (
	"fmt"
	"slices"
	"strings"
)

// reserved are the words that no object can be called without quotes
// (PostgreSQL's list of keywords, Appendix C, "reserved" and "reserved (can be
// function or type)").
var reserved = strings.Fields(`all analyse analyze and any array as asc asymmetric authorization binary both case cast check
collate collation column concurrently constraint create cross current_catalog current_date current_role current_schema current_time
current_timestamp current_user default deferrable desc distinct do else end except false fetch for foreign freeze from full grant
group having ilike in initially inner intersect into is isnull join lateral leading left like limit localtime localtimestamp natural
not notnull null offset on only or order outer overlaps placing primary references returning right select session_user similar some
symmetric system_user table tablesample then to trailing true union unique user using variadic verbose when where window with`)

// Bounds of texts that come from a server, in characters.
const (
	maxName      = 63
	maxArguments = 120
	maxCondition = 160
)

// clean makes text from elsewhere fit for one line: cut, and without signs
// that steer a terminal or turn the direction of writing.
func clean(text string, most int) string {
	var b strings.Builder
	count := 0
	for _, r := range text {
		if count == most {
			return b.String() + "…"
		}
		if r < 0x20 || r >= 0x7F && r < 0xA0 || r >= 0x2028 && r <= 0x202E || r >= 0x2066 && r <= 0x2069 {
			r = ' '
		}
		b.WriteRune(r)
		count++
	}
	return b.String()
}

// quoted joins the parts of a name with dots and quotes those that need it.
// The names are the server's, so they are cleaned too.
func quoted(parts ...string) string {
	out := make([]string, len(parts))
	for i, part := range parts {
		out[i] = quotedName(part)
	}
	return strings.Join(out, ".")
}

func quotedName(name string) string {
	plain := name != "" && !slices.Contains(reserved, name)
	for i, r := range name {
		letter := r == '_' || r >= 'a' && r <= 'z'
		if !letter && (i == 0 || r != '$' && (r < '0' || r > '9')) {
			plain = false
		}
	}
	if plain {
		return name
	}
	return `"` + strings.ReplaceAll(clean(name, maxName), `"`, `""`) + `"`
}

// some lists the first names and says how many more there are.
func some(names []string, most int) string {
	if more := len(names) - most; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), more)
	}
	return strings.Join(names, ", ")
}
