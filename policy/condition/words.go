package condition

import (
	"reflect"
	"regexp"
	"strings"

	"github.com/sluice-pg/sluice/policy/strictyaml"
)

// unknownField is how the type checker begins what it says of an unknown
// field. For unknown variables it makes a suggestion of its own.
var unknownField = regexp.MustCompile(`^undefined field '([^']*)'`)

// unknownName is all that the type checker says of a variable or function
// for which it has no suggestion.
var unknownName = regexp.MustCompile(`^undeclared reference to '[^']*'$`)

// variables are the names of what a condition may look at.
var variables = []string{"destination", "destinations", "identity", "now", "purpose", "session", "statement"}

// noOverload is what the type checker says of an operator or function whose
// operands have types it is not made for. It writes operators as _==_.
var noOverload = regexp.MustCompile(`^found no matching overload for '(.*)' applied to '(.*)'$`)

// badConstant is what is said of constants that a function could never take.
var badConstant = map[string]string{
	"invalid matches argument":   "this is no regular expression of RE2",
	"invalid timestamp argument": "this is no time: write it as 2026-11-27T09:00:00Z",
	"invalid duration argument":  "this is no duration: write it as 90s, 30m or 8h",
}

// syntaxError begins what the parser says.
const syntaxError = "Syntax error: "

// The parser's words, which are those of its grammar.
var (
	badToken  = regexp.MustCompile(`^token recognition error at: '(.*)'$`)
	badInput  = regexp.MustCompile(`^(?:mismatched|extraneous) input '(.*)' expecting`)
	lacking   = regexp.MustCompile(`^missing ('.*') at`)
	grammarIs = regexp.MustCompile(` expecting \{.*\}$`)
)

// words says what the library found in a way that helps who wrote the
// condition.
func words(message string) string {
	if found := unknownField.FindStringSubmatch(message); found != nil {
		if near := strictyaml.Suggest(found[1], fieldNames()); near != "" {
			return message + "; did you mean " + near + "?"
		}
		return message
	}
	if better := badConstant[message]; better != "" {
		return better
	}
	if unknownName.MatchString(message) {
		return message + "; there are " + strings.Join(variables, ", ")
	}
	if found := noOverload.FindStringSubmatch(message); found != nil {
		return "there is no " + strings.Trim(found[1], "_@") + " for " + found[2]
	}
	if syntax, ok := strings.CutPrefix(message, syntaxError); ok {
		return syntaxWords(syntax)
	}
	return message
}

func syntaxWords(message string) string {
	if found := badToken.FindStringSubmatch(message); found != nil {
		return tokenWords(found[1])
	}
	if found := lacking.FindStringSubmatch(message); found != nil {
		return found[1] + " is missing here"
	}
	found := badInput.FindStringSubmatch(message)
	switch {
	case found == nil:
		return grammarIs.ReplaceAllString(message, "")
	case found[1] == "<EOF>":
		return "the condition ends here and is not complete"
	}
	if operator := map[string]string{"and": "&&", "or": "||", "AND": "&&", "OR": "||"}[found[1]]; operator != "" {
		return "write " + operator + " for " + found[1]
	}
	return "'" + found[1] + "' cannot stand here"
}

// tokenWords speaks of a text that is no part of the language.
func tokenWords(text string) string {
	switch {
	case strings.HasPrefix(text, "="):
		return "write == to compare"
	case strings.HasPrefix(text, "'"), strings.HasPrefix(text, `"`):
		return "the text " + text + " has no closing quote"
	case strings.ContainsAny(text, "\u201c\u201d\u2018\u2019\u00ab\u00bb"):
		return "the quotes of a text are \" or ', not " + text
	}
	return "'" + text + "' cannot stand here"
}

func fieldNames() []string {
	var names []string
	for _, t := range []reflect.Type{
		reflect.TypeFor[Identity](), reflect.TypeFor[Session](), reflect.TypeFor[Statement](), reflect.TypeFor[Destination](),
	} {
		for i := range t.NumField() {
			names = append(names, t.Field(i).Tag.Get("cel"))
		}
	}
	return names
}
