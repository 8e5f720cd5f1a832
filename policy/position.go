package policy

import "github.com/sluice-pg/sluice/policy/statement"

// PlaceIn is the byte offset in a text that the decision about it points at,
// -1 for none. Position alone is a place in the shape of the text, or in the
// text itself if that could not be read.
func (d Decision) PlaceIn(text string) int {
	if d.Rule != ruleParse {
		return statement.Locate(text, d.Position)
	}
	if d.Position > len(text) {
		return -1
	}
	return d.Position
}
