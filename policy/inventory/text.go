package inventory

import (
	"fmt"
	"io"
	"strings"

	"github.com/sluice-pg/sluice/policy/classify"
)

// TextOptions say how a report is written for people.
type TextOptions struct {
	// Color paints what needs somebody.
	Color bool
	// All lists the columns with which all is well too.
	All bool
}

// Text writes the report for people: relation by relation the columns that
// need somebody, what speaks for which class, and a sum.
func (r *Report) Text(out io.Writer, o TextOptions) error {
	var b strings.Builder
	relation := ""
	for i := range r.Columns {
		e := &r.Columns[i]
		if !o.All && e.State != Unclassified && e.Disagreement == "" {
			continue
		}
		if e.Relation != relation {
			if relation != "" {
				b.WriteByte('\n')
			}
			relation = e.Relation
			fmt.Fprintf(&b, "%s\n", oneLine(relation))
		}
		e.text(&b, o.Color)
	}
	if relation != "" {
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "%s: %s\n", oneLine(r.Database), r.sum())
	_, err := io.WriteString(out, b.String())
	return err
}

// sum counts the columns by state.
func (r *Report) sum() string {
	words := fmt.Sprintf("%d columns, %d with a class, %d looked at that hold nothing, %d unclassified",
		len(r.Columns), r.Count(Classified), r.Count(None), r.Count(Unclassified))
	if n := r.Disagreements(); n > 0 {
		words += fmt.Sprintf("; something speaks against the class of %d", n)
	}
	return words
}

func (e *Entry) text(b *strings.Builder, color bool) {
	column := strings.TrimPrefix(strings.TrimPrefix(e.Name, e.Relation), ".")
	fmt.Fprintf(b, "  %s %s: %s\n", oneLine(column), e.Type, e.state(color))
	for _, word := range e.Odd {
		fmt.Fprintf(b, "      %q is the name of no class: write class:family.name, or class:none\n", word)
	}
	if e.Disagreement != "" {
		fmt.Fprintf(b, "      %s %s\n", painted("but", yellow, color), e.Disagreement)
		return
	}
	for _, s := range e.Suggestions {
		fmt.Fprintf(b, "      %s %s: %s\n", opinion(s.Strength), s.Class, evidence(s))
	}
	if e.Note != "" {
		fmt.Fprintf(b, "      %s\n", e.Note)
	}
}

// opinion begins a suggestion.
func opinion(s classify.Strength) string {
	switch s {
	case classify.Sure:
		return "surely"
	case classify.Likely:
		return "likely"
	case classify.Weak:
		return "perhaps"
	}
	return "could be"
}

// state is the column's class with who says so.
func (e *Entry) state(color bool) string {
	if e.State == None {
		return "none"
	}
	var words []string
	for _, c := range e.Classes {
		where := c.Source
		if c.Position != "" {
			where = c.Position
		}
		words = append(words, c.Class+" ("+where+")")
	}
	if e.State == Unclassified {
		word := "no class"
		if len(words) > 0 {
			word = "unsettled"
		}
		words = append(words, painted(word, red, color))
	}
	return strings.Join(words, ", ")
}

// Colors, by what they mark.
const (
	red    = "31"
	yellow = "33"
)

func painted(text, code string, color bool) string {
	if !color {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}
