package check

import (
	"fmt"

	"github.com/sluice-pg/sluice/policy"
)

// Count counts findings on their way to a sink.
type Count struct {
	Sink
	// Allowed, Refused and Ignored are numbers of statements.
	Allowed, Refused, Ignored int
}

// Finding implements Sink.
func (c *Count) Finding(f *Finding) error {
	switch {
	case f.Refused():
		c.Refused++
	case f.Decision.Verdict == policy.Allow:
		c.Allowed++
	default:
		c.Ignored++
	}
	return c.Sink.Finding(f)
}

// Total is the number of statements.
func (c *Count) Total() int { return c.Allowed + c.Refused + c.Ignored }

// String is the summary: "3 statements: 2 allowed, 1 refused".
func (c *Count) String() string {
	noun := "statements"
	if c.Total() == 1 {
		noun = "statement"
	}
	text := fmt.Sprintf("%d %s: %d allowed, %d refused", c.Total(), noun, c.Allowed, c.Refused)
	if c.Ignored > 0 {
		text += fmt.Sprintf(", %d ignored", c.Ignored)
	}
	return text
}
