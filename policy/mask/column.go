package mask

import (
	"fmt"
	"strconv"
)

// Column is a column of what leaves.
type Column struct {
	Name    string
	Type    Type
	NotNull bool
	// Mask is what becomes of its values; Pass lets them through.
	Mask Mask
}

// column is a column made ready.
type column struct {
	name    string
	masked  bool
	null    bool
	changer changer
}

// prepare makes columns ready. Each must have a mask that fits its type.
func prepare(columns []Column) ([]column, error) {
	out := make([]column, len(columns))
	for i, c := range columns {
		if err := c.Mask.Fits(c.Type); err != nil {
			return nil, fmt.Errorf("column %s: %w", strconv.Quote(c.Name), err)
		}
		ch, err := newChanger(c.Mask, c.Type)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", strconv.Quote(c.Name), err)
		}
		out[i] = column{name: c.Name, masked: c.Mask.Masks(), null: c.Mask.Kind == Null, changer: ch}
	}
	return out, nil
}

// lastMasked is how many columns must be looked at: up to the last that is
// masked.
func lastMasked(columns []column) int {
	for i := len(columns); i > 0; i-- {
		if columns[i-1].masked {
			return i
		}
	}
	return 0
}

// wrong says of which column a value could not be masked.
func (c *column) wrong(err error) error {
	return fmt.Errorf("column %s cannot be masked: %w", strconv.Quote(c.name), err)
}
