package transfer

import "fmt"

// over says that more has been sent than may be, nil if not.
func (c *counter) over() error {
	if c.maxRows > 0 && c.rows.Load() > c.maxRows {
		return tooMuch(fmt.Sprintf("it has more than %d rows", c.maxRows))
	}
	if c.maxBytes > 0 && c.bytes.Load() > c.maxBytes {
		return tooMuch(fmt.Sprintf("it has more than %d bytes", c.maxBytes))
	}
	return nil
}

func tooMuch(why string) error {
	return &Refusal{"the copy", why + ", and that is how many may be copied at once", "copy a part of it, with a condition"}
}
