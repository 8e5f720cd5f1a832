package policy

import (
	"slices"

	"github.com/sluice-pg/sluice/policy/quote"
)

// The sources of a class, in the order in which they are believed.
const (
	FromPolicy  = "policy"
	FromComment = "comment"
	FromLabel   = "label"
)

// ColumnClass is a class that a column has, and who says so.
type ColumnClass struct {
	// Class is family.name, never NoClass.
	Class string
	// Source is FromPolicy, FromComment or FromLabel.
	Source string
	// Text is what gave the class: the entry of the policy as it is written
	// there, such as *.*.email, or class:contact.email.
	Text string
	// Position is file:line:column of the entry; empty for other sources.
	Position string
}

// ClassesOf lists the classes that the document gives a column. Every entry
// that matches counts, and a class is listed once, by the first entry for it.
// An entry with class none that names the column in full takes away what
// entries with wildcards give it; one with wildcards takes nothing away.
// looked is true if any entry matches: without one, nobody has said what the
// column holds. The schema must be known; with an empty one nothing matches.
func (p *Policy) ClassesOf(schema, relation, column string) (classes []ColumnClass, looked bool) {
	if p == nil {
		return nil, false
	}
	name := columnName{schema, relation, column}
	t := &p.columns
	if t.isCleared(schema, relation, column) {
		return nil, true
	}
	t.relation(schema, relation, func(e *columnEntry) {
		same := func(c ColumnClass) bool { return c.Class == e.class }
		if e.matches(name) && !slices.ContainsFunc(classes, same) {
			classes = append(classes, ColumnClass{Class: e.class, Source: FromPolicy, Text: e.text, Position: e.position})
		}
	})
	return classes, len(classes) > 0 || slices.ContainsFunc(t.vague, func(e *columnEntry) bool { return e.matches(name) })
}

// ColumnText writes a column as an entry of the document does.
func ColumnText(schema, relation, column string) string {
	return quote.Name(schema, relation, column)
}

// Classes lists the classes that the document declares, by name.
func (p *Policy) Classes() []string {
	if p == nil {
		return nil
	}
	return slices.Clone(p.classNames)
}

// Marks are what a database says of one of its columns.
type Marks struct {
	// Comment is the column's COMMENT.
	Comment string
	// Labels are the texts of its security labels, of whatever provider.
	Labels []string
}

// ClassesWith lists the classes of a column by the first source that gives
// any: the document, the column's comment, its security labels. An entry with
// class none that names the column in full is an answer too, and so is
// class:none in a comment; an entry none with wildcards is one only if no
// other source gives a class. looked is as in ClassesOf. odd are words of the
// source that look like a class and are none, such as class:mail; a column
// with one has not been looked at.
func (p *Policy) ClassesWith(schema, relation, column string, marks Marks) (classes []ColumnClass, looked bool, odd []string) {
	classes, looked = p.ClassesOf(schema, relation, column)
	if len(classes) > 0 || p != nil && p.columns.isCleared(schema, relation, column) {
		return classes, true, nil
	}
	said, wrong := ClassesInComment(marks.Comment)
	source := FromComment
	if len(said) == 0 {
		source = FromLabel
		for _, label := range marks.Labels {
			more, bad := ClassesInLabel(label)
			said, wrong = append(said, more...), append(wrong, bad...)
		}
	}
	for _, class := range said {
		if class != NoClass {
			classes = append(classes, ColumnClass{Class: class, Source: source, Text: classWord + class})
		}
	}
	return classes, len(wrong) == 0 && (looked || len(said) > 0), wrong
}
