package policy

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/sluice-pg/sluice/policy/strictyaml"
)

// maxColumns is how many patterns of columns a document may hold.
const maxColumns = 10_000

// className is the form of a class: family.name.
var className = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,31}\.[a-z0-9][a-z0-9_-]{0,31}$`)

// classes reads which classes there are.
func (r *reader) classes(entries map[string]classEntry) {
	for name, entry := range entries {
		if !className.MatchString(name) {
			r.errs.Addf(entry.Position, "%q is not the name of a class: write family.name in lower-case letters, such as contact.email", name)
		}
	}
	r.classNames = slices.Sorted(maps.Keys(entries))
}

// columns reads which columns are of which class.
func (r *reader) columns(entries []columnsEntry) columnTable {
	var all []*columnEntry
	seen, places := map[string]strictyaml.Position{}, map[*columnEntry]strictyaml.Position{}
	for i := range entries {
		entry := &entries[i]
		if entry.Class.IsZero() {
			r.errs.Addf(entry.Position, "an entry of columns needs a class")
		} else if entry.Class.Value != NoClass && !slices.Contains(r.classNames, entry.Class.Value) {
			r.errs.Addf(entry.Class.Position, "class %q is not declared under classes%s", entry.Class.Value, r.orDeclared(entry.Class.Value))
		}
		if len(entry.Columns) == 0 {
			r.errs.Addf(entry.Position, "an entry of columns names at least one column")
		}
		for _, text := range entry.Columns {
			one, err := parseColumn(text.Value)
			if err != nil {
				r.errs.Addf(text.Position, "%q is not the name of a column: %v", text.Value, err)
				continue
			}
			key := text.Value + " " + entry.Class.Value
			if first, double := seen[key]; double {
				r.errs.Addf(text.Position, "%s has this class already, on line %d", text.Value, first.Line)
			}
			seen[key] = text.Position
			one.class, one.text, one.position = entry.Class.Value, text.Value, r.source.At(text.Position)
			all, places[one] = append(all, one), text.Position
		}
	}
	if len(all) > maxColumns {
		r.errs.Addf(entries[len(entries)-1].Position, "more than %d columns: use wildcards", maxColumns)
	}
	return r.uncontradicted(newColumnTable(all), places)
}

// uncontradicted refuses a column that is named in full both with a class and
// as one without.
func (r *reader) uncontradicted(t columnTable, places map[*columnEntry]strictyaml.Position) columnTable {
	for _, e := range t.entries {
		none := t.cleared[e.name()]
		if none != nil && e.exact() {
			r.errs.Addf(places[none], "%s is %s by the entry on line %d; it is one or the other", none.text, e.class, places[e].Line)
		}
	}
	return t
}

// parseColumn reads schema.relation.column.
func parseColumn(text string) (*columnEntry, error) {
	var parts [3]part
	rest := text
	for i := range parts {
		if i > 0 {
			if !strings.HasPrefix(rest, ".") {
				return nil, fmt.Errorf("write schema.relation.column")
			}
			rest = rest[1:]
		}
		var err error
		if parts[i], rest, err = parsePart(rest); err != nil {
			return nil, err
		}
	}
	if rest != "" {
		return nil, fmt.Errorf("write schema.relation.column")
	}
	return &columnEntry{
		relation: pattern{schema: parts[0].name, anySchema: parts[0].any, name: parts[1].name, anyName: parts[1].any},
		column:   parts[2],
	}, nil
}

// orDeclared ends a message about an unknown class.
func (r *reader) orDeclared(got string) string {
	if len(r.classNames) == 0 {
		return "; the section is empty"
	}
	if len(r.classNames) > 20 {
		if best := strictyaml.Suggest(got, r.classNames); best != "" {
			return "; did you mean " + best + "?"
		}
		return ""
	}
	return orKnown(got, r.classNames)
}

// classPatterns reads the classes that a rule or a place names.
func (r *reader) classPatterns(texts []strictyaml.Text) []classPattern {
	patterns := make([]classPattern, 0, len(texts))
	for _, text := range texts {
		family, name, found := strings.Cut(text.Value, ".")
		p := classPattern{family: family, name: name, anyName: name == "*"}
		if text.Value == "*" {
			p = classPattern{anyFamily: true, anyName: true}
		}
		switch {
		case !found && text.Value != "*":
			r.errs.Addf(text.Position, "%q is not a class: write family.name, family.* or *%s", text.Value, r.near(text.Value))
		case !slices.ContainsFunc(r.classNames, p.has):
			r.errs.Addf(text.Position, "class %q is not declared under classes%s", text.Value, r.orDeclared(text.Value))
		case slices.Contains(patterns, p):
			r.errs.Addf(text.Position, "%s stands twice in this list", text.Value)
		}
		patterns = append(patterns, p)
	}
	return patterns
}

func (r *reader) near(got string) string {
	if best := strictyaml.Suggest(got, r.classNames); best != "" {
		return "; did you mean " + best + "?"
	}
	return ""
}
