package statement

// ColumnUse says what a statement does with a column.
type ColumnUse string

// The uses of columns.
const (
	// Output: its values are in the result, the stream or the copy.
	Output ColumnUse = "output"
	// Used: it is looked at, as in a condition, and may shape the result.
	Used ColumnUse = "used"
	// Written: it gets new values.
	Written ColumnUse = "written"
)

// Column is a column as it was named.
type Column struct {
	// Schema and Relation are those of the relation it belongs to, as that
	// was named; empty as far as the text does not tell.
	Schema   string `json:"schema,omitempty"`
	Relation string `json:"relation,omitempty"`
	// Name is empty for a star.
	Name string `json:"name,omitempty"`
	// Star stands for every column of the relation, or of all relations in
	// scope if Relation is empty.
	Star bool `json:"star,omitempty"`
	// Unresolved is true if it cannot be told from the text whose column
	// this is.
	Unresolved bool      `json:"unresolved,omitempty"`
	Use        ColumnUse `json:"use"`
	Position   int       `json:"position"`
}
