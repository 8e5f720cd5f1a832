package catalog

import (
	"slices"
	"strings"
)

// assignment is a place in the body of a trigger function where a column of its row
// gets a value, all in small letters.
type assignment struct {
	// column is the one that gets it, empty if it may be any.
	column string
	// from are columns of the row whose values it may be made of; any is true if
	// it may be anything that the function has read.
	from []string
	any  bool
}

// assignments are those of the body of a trigger function; computes says of which
// functions it can be told that they only compute with what they are given. A body
// that cannot be read may assign anything.
func (f *Function) assignments(computes func(function string) bool) (all []assignment) {
	body, plain := bareCode(strings.ToLower(f.Body))
	if f.Language != "plpgsql" || body == "" || !plain || strings.Contains(body, "alias") || returnsOther(body) {
		return []assignment{{any: true}}
	}
	for at := 0; ; {
		next := strings.Index(body[at:], "new")
		if next < 0 {
			return all
		}
		begin := at + next
		end := begin + len("new")
		for end < len(body) && (wordByte(body[end]) || body[end] == '.' || body[end] == '"') {
			end++
		}
		at = end
		target := body[begin+len("new") : end]
		if begin > 0 && wordByte(body[begin-1]) || target != "" && wordByte(target[0]) {
			continue // another word
		}
		if one, is := assigned(body[:begin], target, body[end:], computes); is {
			all = append(all, one)
		}
	}
}

// bareCode is code with a space in the place of each comment and nothing in that of
// each literal. plain is false if it has strings in it that end elsewhere.
func bareCode(code string) (bare string, plain bool) {
	var b strings.Builder
	for at := 0; at < len(code); {
		end, between := -1, ""
		switch rest := code[at:]; {
		case strings.HasPrefix(rest, "--"):
			end, between = strings.IndexByte(rest, '\n'), " "
			if end < 0 {
				end = len(rest)
			}
		case strings.HasPrefix(rest, "/*"):
			if end, between = strings.Index(rest, "*/")+2, " "; end < 2 || strings.Contains(rest[2:end], "/*") {
				return "", false // they can be nested
			}
		case rest[0] == '\'':
			if end, between = strings.IndexByte(rest[1:], '\'')+2, "''"; end < 2 || strings.IndexByte(rest[:end], '\\') >= 0 {
				return "", false
			}
		case rest[0] == '$' && (at == 0 || !wordByte(code[at-1])) && len(rest) > 1 && (rest[1] < '0' || rest[1] > '9'):
			return "", false // quoted by dollars
		default:
			b.WriteByte(rest[0])
			at++
			continue
		}
		b.WriteString(between)
		at += end
	}
	return b.String(), true
}

// assigned reads what stands around NEW and what of it is named.
func assigned(before, target, after string, computes func(string) bool) (one assignment, is bool) {
	after = strings.TrimLeft(after, " \t\r\n")
	quoted := strings.HasSuffix(before, `"`)
	value, is := strings.CutPrefix(after, ":=")
	switch {
	case is:
	case takesInto(before), strings.HasPrefix(after, "["), strings.HasPrefix(after, "."), quoted && strings.HasPrefix(after, "="):
		return assignment{any: true}, true
	case strings.HasPrefix(after, "=") && !compares(before):
		value = after[1:]
	default:
		return one, false
	}
	one = assignedFrom(value, computes)
	if !quoted && !strings.Contains(target, `"`) { // else its letters may be large
		one.column = strings.TrimPrefix(target, ".")
	}
	return one, true
}

// takesInto reports whether what stands behind this text gets a value: among the
// targets of INTO, of FOR, or as an argument of CALL.
func takesInto(before string) bool {
	words := statementWords(before)
	for i := len(words) - 1; i >= 0; i-- {
		switch word := words[i]; {
		case word == "call", word == "for" && i == len(words)-1:
			return true
		case word == "into":
			return i == 0 || words[i-1] != "insert" && words[i-1] != "merge"
		case conditions[word], word == "from", word == "using", word == "values", word == "in", word == "set", word == "limit":
			return slices.Contains(words, "call")
		}
	}
	return false
}

// statementWords are the words of the statement that a text ends in, which is
// not whole.
func statementWords(text string) []string {
	words := wordsOf(text[strings.LastIndexByte(text, ';')+1:])
	for i := len(words) - 1; i >= 0; i-- {
		switch words[i] {
		case "begin", "then", "else", "loop":
			return words[i+1:]
		}
	}
	return words
}

func wordsOf(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r < 0x80 && !wordByte(byte(r)) })
}

// compares reports whether an equals sign behind this text compares: it does in a
// condition, and else begins with a statement.
func compares(before string) bool {
	return slices.ContainsFunc(statementWords(before), func(word string) bool { return conditions[word] })
}

var conditions = map[string]bool{
	"if": true, "elsif": true, "elseif": true, "when": true, "where": true, "and": true, "or": true, "not": true, "while": true, "select": true,
	"on": true, "having": true, "case": true, "exists": true, "perform": true, "return": true, "assert": true, "update": true, "insert": true, "delete": true,
}

// assignedFrom reads an expression up to its semicolon: it may be anything unless all
// of its words are columns of the row, functions that only compute, or known to bring
// nothing.
func assignedFrom(expression string, computes func(string) bool) (a assignment) {
	for at := 0; at < len(expression) && expression[at] != ';'; {
		if !wordByte(expression[at]) {
			a.any = a.any || expression[at] == '"' || expression[at] == '$'
			at++
			continue
		}
		end := at
		for end < len(expression) && (wordByte(expression[end]) || expression[end] == '.') {
			end++
		}
		word := expression[at:end]
		of, column, qualified := strings.Cut(word, ".")
		switch {
		case qualified && (of == "new" || of == "old") && !strings.Contains(column, "."):
			a.from = append(a.from, column)
		case word[0] >= '0' && word[0] <= '9', bringsNothing[word]:
		case strings.HasPrefix(strings.TrimLeft(expression[end:], " \t\r\n"), "(") && computes(word):
		default:
			a.any = true
		}
		at = end
	}
	return a
}

// bringsNothing are words of expressions that stand for no value of a table.
var bringsNothing = map[string]bool{
	"null": true, "true": true, "false": true, "current_timestamp": true, "current_date": true, "current_time": true, "localtimestamp": true,
	"localtime": true, "current_user": true, "session_user": true, "user": true, "tg_op": true, "tg_table_name": true, "tg_table_schema": true, "tg_name": true,
	"interval": true, "timestamp": true, "timestamptz": true, "date": true, "text": true, "integer": true, "int": true, "bigint": true, "numeric": true,
	"boolean": true, "uuid": true, "and": true, "or": true, "not": true, "is": true, "case": true, "when": true, "then": true, "else": true, "end": true, "distinct": true, "from": true,
}

// returnsOther reports whether a body in small letters returns something else than
// its row or nothing.
func returnsOther(body string) bool {
	for {
		_, after, found := strings.Cut(body, "return")
		if !found {
			return false
		}
		body = after
		next := strings.TrimLeft(after, " \t\r\n(")
		plain := slices.ContainsFunc([]string{"new", "old", "null"}, func(word string) bool {
			rest, is := strings.CutPrefix(next, word)
			return is && strings.HasPrefix(strings.TrimLeft(rest, " \t\r\n)"), ";")
		})
		if !plain && !strings.HasPrefix(after, "ing") && !strings.HasPrefix(after, "s ") { // RETURNING, RETURNS
			return true
		}
	}
}
