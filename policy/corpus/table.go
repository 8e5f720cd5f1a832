package corpus

import (
	"fmt"
	"strings"

	"github.com/sluice-pg/sluice/policy/statement"
)

// Row is one statement of the table, or an entry without statements.
type Row struct {
	// Line is where it stands, from 1.
	Line int
	// Section is the number and title of the part it belongs to.
	Section string
	// What says in words what the statements of its entry do.
	What string
	// Catalog says why the text does not tell the worst of it; empty if it
	// does.
	Catalog string
	// Elsewhere is set on an entry without statements, and says where it
	// is looked after.
	Elsewhere string
	// Kind is what a reader of the statement would call it.
	Kind statement.Kind
	SQL  string
}

// Table reads a file of the table:
//
//	section 2.2 COPY
//
//	entry a relation to the client
//	kind export_to_client
//	deny allow | COPY users TO STDOUT
//
//	entry a view
//	kind ordinary_read
//	catalog what a view reads only the catalog knows
//	allow allow | SELECT * FROM v
//
//	entry pipelines
//	elsewhere these are messages
//
// The words before the bar are verdicts, which a test writes; the text after
// it is as in a pool. Comments begin with #. Errors name the line.
func Table(content string) ([]Row, error) {
	var rows []Row
	var current Row
	haveKind := false
	line := 0
	for raw := range strings.Lines(content) {
		line++
		text := strings.TrimSuffix(raw, "\n")
		word, rest, _ := strings.Cut(text, " ")
		var err error
		switch {
		case text == "" || word[0] == '#':
		case word == "section":
			current, haveKind = Row{Section: rest}, false
		case word == "entry":
			current, haveKind = Row{Section: current.Section, What: rest}, false
		case word == "kind":
			current.Kind, err = statement.ParseKind(rest)
			haveKind = true
		case word == "catalog":
			current.Catalog = rest
		case word == "elsewhere":
			row := current
			row.Line, row.Elsewhere = line, rest
			rows = append(rows, row)
		default:
			row := current
			row.Line = line
			row.SQL, err = judged(text)
			if err == nil && (row.Section == "" || row.What == "" || !haveKind) {
				err = fmt.Errorf("a statement before section, entry and kind")
			}
			rows = append(rows, row)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
	}
	return rows, nil
}

// judged gives the text behind the verdicts of a line.
func judged(line string) (string, error) {
	verdicts, sql, found := strings.Cut(" "+line, " | ")
	if !found {
		return "", fmt.Errorf("no such directive, and no bar: %q", line)
	}
	for _, v := range strings.Fields(verdicts) {
		if v != "allow" && v != "deny" && v != "mask" && v != "carry" && v != "hold" {
			return "", fmt.Errorf("%q is not a verdict", v)
		}
	}
	return unquote(sql)
}
