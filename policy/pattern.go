package policy

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sluice-pg/sluice/policy/quote"
)

// pattern is a name in a rule: schema and name, each possibly any.
type pattern struct {
	schema, name       string
	anySchema, anyName bool
	// bare is true if the rule gave no schema.
	bare bool
}

// parsePattern reads schema.name. A part is a PostgreSQL name as an
// unquoted identifier reads, "a quoted one", or * for any.
func parsePattern(text string) (pattern, error) {
	first, rest, err := parsePart(text)
	if err != nil {
		return pattern{}, err
	}
	if rest == "" {
		return pattern{anySchema: true, bare: true, name: first.name, anyName: first.any}, nil
	}
	if rest[0] != '.' {
		return pattern{}, errors.New("a part in quotes ends before the name does")
	}
	second, rest, err := parsePart(rest[1:])
	if err != nil {
		return pattern{}, err
	}
	if rest != "" {
		return pattern{}, errors.New("write schema.name; the database goes into the list databases")
	}
	return pattern{schema: first.name, anySchema: first.any, name: second.name, anyName: second.any}, nil
}

// part is one side of the dot.
type part struct {
	name string
	any  bool
}

func parsePart(text string) (part, string, error) {
	if strings.HasPrefix(text, `"`) {
		return quotedPart(text)
	}
	name, rest := text, ""
	if at := strings.IndexByte(text, '.'); at >= 0 {
		name, rest = text[:at], text[at:]
	}
	switch {
	case name == "*":
		return part{any: true}, rest, nil
	case strings.Contains(name, "*"):
		return part{}, "", errors.New("* stands for a whole part, as in public.*")
	case strings.ContainsAny(name, " \t\n\"'();,"):
		return part{}, "", errors.New(`a name with signs in it is written in double quotes, as in SQL`)
	case name != folded(name):
		return part{}, "", fmt.Errorf(`PostgreSQL reads %s as %s; write that, or put it in double quotes if its capital letters are real`,
			name, folded(name))
	}
	return checkedPart(name, rest)
}

// folded writes a name as PostgreSQL reads it without quotes: in UTF-8
// databases only A to Z become small.
func folded(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, name)
}

func quotedPart(text string) (part, string, error) {
	var name strings.Builder
	for rest := text[1:]; ; {
		at := strings.IndexByte(rest, '"')
		if at < 0 {
			return part{}, "", errors.New("a double quote is not closed")
		}
		name.WriteString(rest[:at])
		rest = rest[at+1:]
		if !strings.HasPrefix(rest, `"`) {
			return checkedPart(name.String(), rest)
		}
		name.WriteByte('"')
		rest = rest[1:]
	}
}

func checkedPart(name, rest string) (part, string, error) {
	switch {
	case name == "":
		return part{}, "", errors.New("a part of the name is empty")
	case len(name) > maxName:
		return part{}, "", fmt.Errorf("PostgreSQL cuts names after %d bytes, so this one is never met", maxName)
	}
	return part{name: name}, rest, nil
}

// couldBe reports whether a name in a statement might mean something that
// the pattern covers. Without a schema it might be in any.
func (p pattern) couldBe(schema, name string) bool {
	return (p.anyName || p.name == name) && (p.anySchema || schema == "" || p.schema == schema)
}

// is reports whether a name in a statement surely means something that the
// pattern covers.
func (p pattern) is(schema, name string) bool {
	return schema != "" && p.couldBe(schema, name)
}

// covers reports whether the pattern matches everything that other does.
func (p pattern) covers(other pattern) bool {
	schema := p.anySchema || !other.anySchema && p.schema == other.schema
	name := p.anyName || !other.anyName && p.name == other.name
	return schema && name
}

// String writes the pattern as a rule does.
func (p pattern) String() string {
	if p.bare {
		return partString(p.name, p.anyName)
	}
	return partString(p.schema, p.anySchema) + "." + partString(p.name, p.anyName)
}

func partString(name string, wildcard bool) string {
	if wildcard {
		return "*"
	}
	return quote.Name(name)
}
