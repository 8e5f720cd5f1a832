package policy_test

import (
	"fmt"
	"strings"

	"github.com/sluice-pg/sluice/policy/corpus"
)

// pageHead begins the table for people.
func pageHead() string {
	return `# What leaves how, and what Sluice says to it

Written by the tests of package policy from [policy/testdata/egress](../policy/testdata/egress):
` + "`go test ./policy -run TestEgress -rewrite`" + `. The kinds are set by hand there; the
verdicts are those of the [example policies](policies), for people on
127.0.0.1 except anna, who is in her office network. No place was measured, so
nothing goes to another server.

A statement marked † does more than its text tells; the note below its part
says what. Sluice judges the text and does not look into the catalog.
`
}

// sectionHead begins a part of the table.
func sectionHead(title string) string {
	head := "\n## " + title + "\n\n| what | statement | kind |"
	rule := "| --- | --- | --- |"
	for _, r := range readers {
		head += " " + r.title + " |"
		rule += " --- |"
	}
	return head + "\n" + rule + "\n"
}

// writeRow adds a statement to the table.
func writeRow(page *strings.Builder, row corpus.Row, verdicts []string) {
	what := row.What
	if row.Catalog != "" {
		what += " †"
	}
	cells := make([]string, 0, len(verdicts))
	for _, v := range verdicts {
		if v != "deny" {
			v = "**" + v + "**"
		}
		cells = append(cells, v)
	}
	fmt.Fprintf(page, "| %s | %s | `%s` | %s |\n", cell(what), code(row.SQL), row.Kind, strings.Join(cells, " | "))
}

// sectionNotes tells why the text does not show it all.
func sectionNotes(rows []corpus.Row) string {
	var out strings.Builder
	seen := map[string]bool{}
	for _, row := range rows {
		if row.Catalog != "" && !seen[row.What] {
			seen[row.What] = true
			fmt.Fprintf(&out, "\n† %s: %s.\n", cell(row.What), cell(row.Catalog))
		}
	}
	return out.String()
}

// cell is text that may stand between the bars of a table.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "*", `\*`, "_", `\_`).Replace(text)
}

// code is a statement as a cell: line ends are shown as spaces, and a bar is
// escaped, as tables of GitHub want it.
func code(sql string) string {
	sql = strings.Join(strings.Fields(sql), " ")
	return "`" + strings.ReplaceAll(sql, "|", `\|`) + "`"
}
