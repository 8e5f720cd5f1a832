package protection

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sluice-pg/sluice/policy/quote"
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
	if quote.Plain(name) && !slices.Contains(reserved, name) {
		return name
	}
	return quote.Identifier(quote.Short(name, maxName))
}

// some lists the first names and says how many more there are.
func some(names []string, most int) string {
	if more := len(names) - most; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), more)
	}
	return strings.Join(names, ", ")
}
