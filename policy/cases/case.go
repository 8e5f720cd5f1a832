package cases

import (
	"path/filepath"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
	"github.com/sluice-pg/sluice/policy/strictyaml"
)

// Case is a question with the answer that is expected.
type Case struct {
	// Name is what the case is called; empty if nobody named it.
	Name string
	// Place is where the case stands in its file.
	Place    strictyaml.Position
	Question Question
	Expect   Expectation
	// verdict is where the verdict word stands, in bytes of the file.
	verdict span
}

// Expectation is what an answer should be. Empty fields expect nothing; the
// verdict is always expected.
type Expectation struct {
	Verdict policy.Verdict
	// Rule is a rule's id; builtin:NAME may be written without builtin:.
	Rule string
	// Kind is the kind of the last text.
	Kind string
	// Subject is what was judged, in the words of the answer.
	Subject string
	// Classes are the classes of columns that the text may touch, sorted;
	// nil expects nothing, an empty list none.
	Classes []string
	// ReasonContains is part of one of the reasons.
	ReasonContains string
}

// span is a part of a file in bytes.
type span struct{ start, end int }

// File is a verdict file that was read and found in order.
type File struct {
	Name  string
	Cases []Case

	data     []byte
	document *strictyaml.Document
	// lines is true for the one-line form.
	lines bool
}

// Read reads a verdict file: YAML if its name ends in .yaml or .yml, else
// the one-line form. The error joins one *strictyaml.Error per mistake.
func Read(name string, data []byte) (*File, error) {
	if ext := filepath.Ext(name); ext == ".yaml" || ext == ".yml" {
		return readYAML(name, data)
	}
	return readLines(name, data)
}

// finish says what is wrong with a file. One without a case tests nothing,
// which its author would take for success.
func finish(f *File, errs *strictyaml.Errors) error {
	if len(f.Cases) == 0 && errs.Err() == nil {
		errs.Addf(strictyaml.Position{}, "the file has no case, so it tests nothing")
	}
	return errs.Err()
}

// At writes the place of a case as file:line:column.
func (f *File) At(c *Case) string { return f.document.At(c.Place) }

// Excerpt shows the line of a case.
func (f *File) Excerpt(c *Case) string { return f.document.Excerpt(c.Place) }

var verdictWords = []string{"deny", "allow", "mask", "carry", "hold"}

func kindWords() []string {
	var words []string
	for _, k := range statement.Kinds() {
		words = append(words, k.String())
	}
	return words
}
