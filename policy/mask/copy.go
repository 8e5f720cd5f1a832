package mask

import (
	"errors"
	"fmt"
)

// Copy masks the stream of one COPY ... TO. It takes the stream in pieces of
// any size and gives whole rows; where a piece is a row, so is what it gives.
// It is for one goroutine.
type Copy struct {
	frame frame
	// rest is what has come of a row that is not whole yet.
	rest []byte
	max  int
	rows uint64
	err  error
}

// frame reads a format.
type frame interface {
	// end returns how long the first unit in stream is: a row, a header, a
	// trailer; 0 if it has not come whole. Called again with more behind the
	// same beginning, it goes on where it was.
	end(stream []byte) (int, error)
	// append masks one unit, and says whether it was a row.
	append(dst, unit []byte) ([]byte, bool, error)
	// finished says whether the stream may end after the units that were.
	finished() error
}

var (
	errRowTooLong = errors.New("a row of the COPY is longer than the limit for rows that are masked")
	errHalfRow    = errors.New("the COPY ended within a row")
	errColumns    = errors.New("the COPY has another number of columns than expected")
	errHeader     = errors.New("the header of the COPY is not what was expected")
)

// piece is how much is taken at once behind a row that has begun, in bytes.
const piece = 16 << 10

// NewCopy begins a stream of rows with these columns, in the order in which
// COPY writes them.
func NewCopy(columns []Column, options Options) (*Copy, error) {
	if err := options.valid(); err != nil {
		return nil, err
	}
	if options.MaxRow < 0 {
		return nil, fmt.Errorf("a row cannot have a limit of %d bytes", options.MaxRow)
	}
	ready, err := prepare(columns)
	if err != nil {
		return nil, err
	}
	c := &Copy{max: options.MaxRow}
	if c.max == 0 {
		c.max = DefaultMaxRow
	}
	switch options.Format {
	case Text:
		c.frame, err = newTextFrame(ready, options)
	case CSV:
		c.frame = newCSVFrame(ready, options)
	case Binary:
		c.frame = &binaryFrame{columns: ready, masked: lastMasked(ready)}
	}
	return c, err
}

// Append takes the next piece of the stream and appends to dst the rows that
// are whole with it. After an error it appends nothing, then and later: the
// COPY must be ended with that error. It keeps nothing of src.
func (c *Copy) Append(dst, src []byte) ([]byte, error) {
	if c.err != nil {
		return dst, c.err
	}
	begin := len(dst)
	out, err := c.take(dst, src)
	if err != nil {
		c.err = err
		clear(c.rest)
		c.rest = nil
		clear(out[begin:])
		return dst[:begin], err
	}
	return out, nil
}

// Close says whether the stream was complete. After an error it returns that.
func (c *Copy) Close() error {
	if c.err != nil {
		return c.err
	}
	if len(c.rest) > 0 {
		c.err = errHalfRow
		return c.err
	}
	return c.frame.finished()
}

// Rows is how many rows were masked.
func (c *Copy) Rows() uint64 { return c.rows }

func (c *Copy) take(dst, src []byte) (_ []byte, err error) {
	for len(src) > 0 {
		n := 0
		if len(c.rest) == 0 {
			if n, err = c.frame.end(src); err != nil {
				return dst, err
			}
			if n == 0 {
				return dst, c.keep(src)
			}
			if dst, err = c.unit(dst, src[:n]); err != nil {
				return dst, err
			}
			src = src[n:]
			continue
		}
		if dst, src, err = c.complete(dst, src); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// complete adds to a row that has begun, and returns what is behind it.
func (c *Copy) complete(dst, src []byte) (out, behind []byte, err error) {
	had := len(c.rest)
	more := src[:min(len(src), piece)]
	c.rest = append(c.rest, more...)
	n, err := c.frame.end(c.rest)
	if err != nil {
		return dst, nil, err
	}
	if n == 0 {
		return dst, src[len(more):], c.keep(nil)
	}
	dst, err = c.unit(dst, c.rest[:n])
	c.rest = c.rest[:0]
	return dst, src[n-had:], err
}

// keep adds to the rest, within its limit.
func (c *Copy) keep(src []byte) error {
	if len(c.rest)+len(src) > c.max {
		return errRowTooLong
	}
	c.rest = append(c.rest, src...)
	return nil
}

func (c *Copy) unit(dst, unit []byte) ([]byte, error) {
	if len(unit) > c.max {
		return dst, errRowTooLong
	}
	dst, isRow, err := c.frame.append(dst, unit)
	if isRow {
		c.rows++
	}
	return dst, err
}
