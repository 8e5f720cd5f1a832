package transfer

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/sluice-pg/sluice/proxy/wire"
)

// shape says what of a masked column's values the destination changes when it
// stores them, so that both ends can be compared without it.
type shape uint8

const (
	asIs shape = iota
	// padded is char(n): blanks at the end come from the server.
	padded
	// scaled is numeric(p,s): the server adds zeros behind the point.
	scaled
)

// canonical hashes rows without what a server adds to values. Only the columns of
// masks can differ in it: other values come from a server that stores them
// as the destination will.
type canonical struct {
	shapes []shape
	binary bool
}

// newCanonical is nil if rows can be hashed as they are.
func newCanonical(shapes []shape, binary bool) *canonical {
	for _, s := range shapes {
		if s != asIs {
			return &canonical{shapes, binary}
		}
	}
	return nil
}

var errRowShape = fmt.Errorf("%w: a row of the COPY is not what was expected", wire.ErrProtocol)

// add hashes a row.
func (c *canonical) add(h *rowHash, row []byte) error {
	h.start()
	defer h.end()
	if c.binary {
		return c.addBinary(h, row)
	}
	return c.addText(h, row)
}

func (c *canonical) addText(h *rowHash, row []byte) error {
	for i, s := range c.shapes {
		end := bytes.IndexByte(row, '\t')
		if last := i == len(c.shapes)-1; last != (end < 0) {
			return errRowShape
		} else if last {
			end = len(row)
		}
		value := row[:end]
		row = row[min(end+1, len(row)):]
		if i == len(c.shapes)-1 {
			value = bytes.TrimSuffix(value, []byte{'\n'})
		}
		switch s {
		case padded:
			value = bytes.TrimRight(value, " ")
		case scaled:
			value = trimScale(value)
		}
		h.more(value)
		h.more(tab)
	}
	return nil
}

var tab = []byte{'\t'}

// trimScale cuts zeros at the end of a decimal fraction.
func trimScale(value []byte) []byte {
	if bytes.IndexByte(value, '.') < 0 {
		return value
	}
	return bytes.TrimSuffix(bytes.TrimRight(value, "0"), []byte{'.'})
}

func (c *canonical) addBinary(h *rowHash, row []byte) error {
	if len(row) < 2 || int(binary.BigEndian.Uint16(row)) != len(c.shapes) {
		return errRowShape
	}
	row = row[2:]
	for _, s := range c.shapes {
		if len(row) < 4 {
			return errRowShape
		}
		length := int32(binary.BigEndian.Uint32(row))
		if length < -1 || int64(length) > int64(len(row)-4) {
			return errRowShape
		}
		if length == -1 {
			h.more(row[:4])
			row = row[4:]
			continue
		}
		head, value := row[:4], row[4:4+length]
		row = row[4+length:]
		switch s {
		case padded:
			// The length counts the blanks. No text has a zero byte in it.
			h.more(bytes.TrimRight(value, " "))
			h.more(zero)
		case scaled:
			if len(value) < numericHead {
				return errRowShape
			}
			h.more(head)
			h.more(value[:numericHead-2])
			h.more(value[numericHead:])
		default:
			h.more(head)
			h.more(value)
		}
	}
	if len(row) > 0 {
		return errRowShape
	}
	return nil
}

var zero = []byte{0}

// numericHead is the fixed part of a binary numeric: digits, weight, sign and
// scale of 16 bits each (numeric_send).
const numericHead = 8
