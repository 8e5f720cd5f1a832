package inventory

import (
	"cmp"
	"slices"
	"strings"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/classify"
	"github.com/sluice-pg/sluice/policy/quote"
)

// SchemaVersion is the version of the report's JSON. It changes when a reader
// has to.
const SchemaVersion = 1

// Column is a column with what is known of it.
type Column struct {
	classify.Column
	// Marks are the comment and the security labels.
	Marks policy.Marks
	// Tally is what was counted in its values; nil if nobody looked.
	Tally *classify.Tally
	// Note says why its values were not looked at; empty if they were.
	Note string
}

// The states of a column.
const (
	Classified   = "classified"
	None         = "none"
	Unclassified = "unclassified"
)

// Report is a database's columns as a policy sees them.
type Report struct {
	SchemaVersion int    `json:"schema_version"`
	Database      string `json:"database"`
	// Policy is the name of the document, and PolicyDigest the SHA-256 of
	// its bytes in hex.
	Policy       string  `json:"policy"`
	PolicyDigest string  `json:"policy_digest"`
	Columns      []Entry `json:"columns"`

	declared []string
}

// Entry is a column of a report.
type Entry struct {
	// Name is schema.relation.column, as a policy writes it.
	Name     string `json:"column"`
	Relation string `json:"relation"`
	Type     string `json:"type"`
	// State is Classified, None or Unclassified.
	State   string   `json:"state"`
	Classes []Class  `json:"classes"`
	Odd     []string `json:"odd,omitempty"`
	// Suggestions are what its name, type and values speak for, the
	// strongest first.
	Suggestions []classify.Suggestion `json:"suggestions"`
	// Values is how many values were looked at, and Note why none were.
	Values uint64 `json:"values"`
	Note   string `json:"note,omitempty"`
	// Disagreement says what speaks against the class it has; empty if
	// nothing does.
	Disagreement string `json:"disagreement,omitempty"`
}

// Class is a class that a column has, and who says so.
type Class struct {
	Class  string `json:"class"`
	Source string `json:"source"`
	// Text and Position are the entry of the policy, or the words of the
	// comment or label.
	Text     string `json:"text"`
	Position string `json:"position,omitempty"`
}

// Take holds columns against a policy, which may be nil.
func Take(p *policy.Policy, database string, columns []Column) *Report {
	r := &Report{
		SchemaVersion: SchemaVersion, Database: database, Policy: p.Name(), PolicyDigest: p.Digest(),
		Columns: make([]Entry, 0, len(columns)), declared: p.Classes(),
	}
	for i := range columns {
		r.Columns = append(r.Columns, entryOf(p, &columns[i]))
	}
	return r
}

func entryOf(p *policy.Policy, c *Column) Entry {
	classes, looked, odd := p.ClassesWith(c.Schema, c.Relation, c.Name, c.Marks)
	e := Entry{
		Name: policy.ColumnText(c.Schema, c.Relation, c.Name), Type: oneLine(c.Type), State: Unclassified, Classes: []Class{},
		Suggestions: append([]classify.Suggestion{}, classify.Suggest(c.Column, c.Tally)...), Note: c.Note,
	}
	e.Relation = quote.Name(c.Schema, c.Relation)
	if c.Tally != nil {
		e.Values = c.Tally.Values()
	}
	for _, one := range classes {
		e.Classes = append(e.Classes, Class(one))
	}
	for _, word := range odd {
		e.Odd = append(e.Odd, oneLine(word))
	}
	switch {
	case looked && len(classes) > 0:
		e.State = Classified
	case looked:
		e.State = None
	}
	e.Disagreement = disagreement(&e)
	return e
}

// disagreement says what speaks against the class of a column: something
// likely of another family, or that it holds something at all. A credential may
// look like anything.
func disagreement(e *Entry) string {
	if e.State == Unclassified {
		return ""
	}
	for _, s := range e.Suggestions {
		if s.Strength < classify.Likely || slices.ContainsFunc(e.Classes, func(c Class) bool {
			return family(c.Class) == family(s.Class) || family(c.Class) == "secret"
		}) {
			continue
		}
		return "speaks for " + s.Class + ": " + evidence(s)
	}
	return ""
}

func family(class string) string {
	name, _, _ := strings.Cut(class, ".")
	return name
}

// evidence puts what was seen into one line.
func evidence(s classify.Suggestion) string {
	var words []string
	for _, e := range s.Evidence {
		words = append(words, oneLine(e.Text))
	}
	return strings.Join(words, ", ")
}

// oneLine makes a text of the database fit for a line: no control characters,
// and not too long.
func oneLine(text string) string {
	const most = 200
	line := quote.Line(text)
	for at := range line {
		if at >= most {
			return line[:at] + "…"
		}
	}
	return line
}

// Count is how many columns are in a state.
func (r *Report) Count(state string) int {
	n := 0
	for i := range r.Columns {
		if r.Columns[i].State == state {
			n++
		}
	}
	return n
}

// Disagreements is for how many columns something speaks against their class.
func (r *Report) Disagreements() int {
	n := 0
	for i := range r.Columns {
		if r.Columns[i].Disagreement != "" {
			n++
		}
	}
	return n
}

// byStrength sorts entries by what speaks loudest.
func byStrength(a, b *Entry) int {
	return cmp.Or(cmp.Compare(strengthOf(b), strengthOf(a)), cmp.Compare(a.Name, b.Name))
}

func strengthOf(e *Entry) classify.Strength {
	if len(e.Suggestions) == 0 {
		return 0
	}
	return e.Suggestions[0].Strength
}
