package protection

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/sluice-pg/sluice/policy/quote"
)

// conditionTokens splits what pg_get_expr prints into words: names and
// numbers, quoted names, strings, and signs one by one. White space between
// them is left out, which is all that versions and settings differ in.
func conditionTokens(text string) (tokens []string) {
	for text != "" {
		n := tokenLength(text)
		if token := text[:n]; strings.TrimSpace(token) != "" {
			tokens = append(tokens, token)
		}
		text = text[n:]
	}
	return tokens
}

// tokenLength is the length of the token at the beginning of a text, in bytes;
// at least one.
func tokenLength(text string) int {
	switch c := text[0]; {
	case c == '"' || c == '\'':
		return quotedLength(text, c, false)
	case (c == 'E' || c == 'e') && strings.HasPrefix(text[1:], "'"):
		return 1 + quotedLength(text[1:], '\'', true)
	case isWordByte(c):
		n := 1
		for n < len(text) && isWordByte(text[n]) {
			n++
		}
		return n
	}
	return 1
}

// quotedLength is the length of what stands in quotes, to the end of the text
// if they are not closed.
func quotedLength(text string, quote byte, escapes bool) int {
	for n := 1; n < len(text); n++ {
		switch {
		case escapes && text[n] == '\\':
			n++
		case text[n] == quote && n+1 < len(text) && text[n+1] == quote:
			n++
		case text[n] == quote:
			return n + 1
		}
	}
	return len(text)
}

func isWordByte(c byte) bool {
	return c == '_' || c == '$' || c >= 0x80 || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// renamer says what a column is called at the origin; false if it is made of
// anything but one column as it is.
type renamer func(column string) (string, bool)

// renamed writes tokens with the columns of a relation under their names at
// the origin. It is false if that cannot be said: a condition with a query of
// its own may mean somebody else's column by the same name.
func renamed(tokens []string, columns []string, name renamer) ([]string, bool) {
	query := slices.Contains(tokens, "SELECT")
	out := slices.Clone(tokens)
	for i, token := range tokens {
		column := unquoted(token)
		if !isName(token) || !slices.Contains(columns, column) || !standsForColumn(tokens, i) {
			continue
		}
		origin, plain := name(column)
		if !plain || query && origin != column {
			return nil, false
		}
		out[i] = quote.Identifier(origin)
	}
	return out, true
}

// standsForColumn reports whether the name at a place can be a column: not
// the name of a function, type, collation, or part of a longer name.
func standsForColumn(tokens []string, i int) bool {
	if i+1 < len(tokens) && (tokens[i+1] == "(" || tokens[i+1] == ".") {
		return false
	}
	if i > 1 && tokens[i-1] == ":" && tokens[i-2] == ":" {
		return false
	}
	return i == 0 || tokens[i-1] != "." && tokens[i-1] != "COLLATE" && tokens[i-1] != "AS"
}

func isName(token string) bool {
	return token[0] == '"' || token[0] == '_' || token[0] >= 0x80 || token[0] >= 'a' && token[0] <= 'z'
}

func unquoted(token string) string {
	if len(token) < 2 || token[0] != '"' {
		return token
	}
	return strings.ReplaceAll(token[1:len(token)-1], `""`, `"`)
}

// isSoft reports whether a condition looks at a setting of the session.
func isSoft(tokens []string) bool { return slices.Contains(tokens, "current_setting") }

// always is the condition that every row meets, which is known by itself.
const always = "true"

// digest is how a condition is known: by its words with the columns' names at
// the origin, by the code it calls, and, if it calls code of users or looks at
// other rows, by the place where those are.
func (c condition) digest(columns []string, name renamer, place string) string {
	if c.text == always {
		return always
	}
	tokens := conditionTokens(c.text)
	words, known := renamed(tokens, columns, name)
	h := sha256.New()
	write := func(part string) {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	if !known {
		words = append([]string{"at", place}, tokens...)
	}
	for _, word := range words {
		write(word)
	}
	if c.code != "" || c.elsewhere {
		write("code")
		write(c.code)
		write(place)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// scope makes a scope of rows.
func (r rows) scope(columns []string, name renamer, place string) Scope {
	if r.extent != SomeRows {
		return Scope{Extent: r.extent}
	}
	s := Scope{Extent: SomeRows}
	for _, c := range r.any {
		s.Any = append(s.Any, c.digest(columns, name, place))
		s.Soft = s.Soft || isSoft(conditionTokens(c.text))
	}
	for _, c := range r.every {
		s.Every = append(s.Every, c.digest(columns, name, place))
		s.Soft = s.Soft || isSoft(conditionTokens(c.text))
	}
	s.Any, s.Every = sorted(s.Any), sorted(s.Every)
	return s
}

// words are the condition as SQL on one line, for people.
func (c condition) words() string {
	return quote.Short(strings.Join(strings.Fields(c.text), " "), maxCondition)
}

// words are the conditions as SQL, for people.
func (r rows) words() string {
	switch r.extent {
	case AllRows:
		return "all rows"
	case NoRows:
		return "no rows"
	}
	list := func(conditions []condition, between string) string {
		texts := make([]string, len(conditions))
		for i, c := range conditions {
			texts[i] = c.words()
		}
		slices.Sort(texts)
		return strings.Join(slices.Compact(texts), between)
	}
	text := list(r.any, " OR ")
	if len(r.every) > 0 {
		text = "(" + text + ") AND " + list(r.every, " AND ")
	}
	return "only rows where " + quote.Short(text, maxCondition)
}
