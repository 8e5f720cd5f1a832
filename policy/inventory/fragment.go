package inventory

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/sluice-pg/sluice/policy/classify"
)

// Fragment writes what a policy would need for the columns that nobody has
// looked at: the classes that it does not declare yet, and an entry for each
// column with its evidence above it. Where nothing speaks for a class there is
// an entry none, in comments. Behind version: 1 it is a policy of its own.
func (r *Report) Fragment(out io.Writer) error {
	var open []*Entry
	for i := range r.Columns {
		if r.Columns[i].State == Unclassified {
			open = append(open, &r.Columns[i])
		}
	}
	slices.SortStableFunc(open, byStrength)
	var b strings.Builder
	fmt.Fprintf(&b, "# Suggested by sluice classify for the columns of %s that nobody has looked at.\n", oneLine(r.Database))
	b.WriteString("# Read every entry, correct it, and take it into the policy.\n")
	r.newClasses(&b, open)
	b.WriteString("columns:\n")
	nothing := r.entries(&b, open)
	if len(nothing) > 0 {
		b.WriteString("  # Nothing was found in these. Somebody has to look; then take the # away.\n")
	}
	for _, e := range nothing {
		fmt.Fprintf(&b, "  # - {columns: [%s], class: none} # %s\n", scalar(e.Name), e.nothing())
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// newClasses writes the classes that are suggested and not declared.
func (r *Report) newClasses(b *strings.Builder, open []*Entry) {
	var missing []string
	for _, e := range open {
		if len(e.Suggestions) > 0 && !slices.Contains(r.declared, e.Suggestions[0].Class) {
			missing = append(missing, e.Suggestions[0].Class)
		}
	}
	slices.Sort(missing)
	if missing = slices.Compact(missing); len(missing) == 0 {
		return
	}
	b.WriteString("classes:\n")
	for _, class := range missing {
		fmt.Fprintf(b, "  %s: {description: %s}\n", class, scalar(classify.About(class)))
	}
}

// entries writes those for which something speaks and returns the others.
func (r *Report) entries(b *strings.Builder, open []*Entry) (nothing []*Entry) {
	for _, e := range open {
		if len(e.Suggestions) == 0 {
			nothing = append(nothing, e)
			continue
		}
		first := e.Suggestions[0]
		fmt.Fprintf(b, "  # %s: %s\n", first.Strength, evidence(first))
		for _, more := range e.Suggestions[1:] {
			fmt.Fprintf(b, "  # or %s: %s\n", more.Class, evidence(more))
		}
		fmt.Fprintf(b, "  - {columns: [%s], class: %s}\n", scalar(e.Name), first.Class)
	}
	return nothing
}

// nothing says what is known of a column for which nothing speaks.
func (e *Entry) nothing() string {
	if e.Note != "" {
		return e.Type + "; " + oneLine(e.Note)
	}
	return fmt.Sprintf("%s; %d values", e.Type, e.Values)
}

// scalar writes a text as YAML reads it back inside of brackets: plain where
// that is safe, else in double quotes, with the escapes that YAML has in common
// with Go.
func scalar(text string) string {
	const plain = "abcdefghijklmnopqrstuvwxyz0123456789_.-"
	if text != "" && strings.Trim(text, plain) == "" && text[0] >= 'a' && text[0] <= 'z' {
		return text
	}
	return strconv.Quote(text)
}
