package wire

import "encoding/binary"

// Write gathers bytes to send. They are sent when enough have come together
// and by Flush.
func (c *Conn) Write(p []byte) error {
	if err := c.settle(); err != nil {
		return err
	}
	return c.gather(p)
}

// gather is Write behind what was borrowed.
func (c *Conn) gather(p []byte) error {
	if len(p) >= writeBuffer {
		if err := c.sendOut(); err != nil {
			return err
		}
		return c.send(p)
	}
	if err := c.room(len(p)); err != nil {
		return err
	}
	c.out = append(c.out, p...)
	return nil
}

// room makes room for n bytes, sending what was gathered if need be.
func (c *Conn) room(n int) error {
	if len(c.out)+n > writeBuffer {
		if err := c.sendOut(); err != nil {
			return err
		}
	}
	if c.out == nil {
		c.out = takeBuffer()[:0]
	}
	return nil
}

// borrow has the next n bytes of another's buffer sent after what has been
// gathered. They are sent from there, or copied before they change.
func (c *Conn) borrow(from *Conn, n int) error {
	if c.lender == from && c.spanEnd == from.rp {
		c.span = c.span[:len(c.span)+n]
		c.spanEnd += n
		return nil
	}
	if err := c.settle(); err != nil {
		return err
	}
	if from.lent != nil {
		if err := from.lent.settle(); err != nil {
			return err
		}
	}
	c.span, c.spanEnd = from.buf[from.rp:from.rp+n], from.rp+n
	c.lender, from.lent = from, c
	return nil
}

// HasRoom reports whether a message with a body of n bytes can be gathered
// without anything being sent.
func (c *Conn) HasRoom(n int) bool { return len(c.out)+len(c.span)+headerLen+n <= writeBuffer }

// settle makes what was borrowed its own, or sends it.
func (c *Conn) settle() error {
	span := c.giveBack()
	if len(span) == 0 {
		return nil
	}
	return c.gather(span)
}

// giveBack ends borrowing and returns what was borrowed.
func (c *Conn) giveBack() []byte {
	span := c.span
	if c.lender != nil {
		c.lender.lent = nil
	}
	c.span, c.lender = nil, nil
	return span
}

// WriteFrame gathers a message made of a type and the parts of its body.
func (c *Conn) WriteFrame(typ byte, parts ...[]byte) error {
	length := 4
	for _, p := range parts {
		length += len(p)
	}
	if length > MaxMessage {
		return tooLarge("message %q of %d bytes", typ, length)
	}
	if err := c.settle(); err != nil {
		return err
	}
	if err := c.room(headerLen); err != nil {
		return err
	}
	c.out = binary.BigEndian.AppendUint32(append(c.out, typ), uint32(length))
	for _, p := range parts {
		if err := c.Write(p); err != nil {
			return err
		}
	}
	return nil
}

// Encoder is what pgproto3's messages are.
type Encoder interface {
	Encode(dst []byte) ([]byte, error)
}

// WriteMessage gathers an encoded message to send.
func (c *Conn) WriteMessage(m Encoder) error {
	encoded, err := m.Encode(nil)
	if err != nil {
		return &SideError{c.side, "write", err}
	}
	return c.Write(encoded)
}

// Flush sends what has been gathered.
func (c *Conn) Flush() error {
	span := c.giveBack()
	if len(c.out) > 0 && len(c.out)+len(span) <= writeBuffer {
		c.out = append(c.out, span...)
		span = nil
	}
	if err := c.sendOut(); err != nil || len(span) == 0 {
		return err
	}
	return c.send(span)
}

// sendOut sends what is its own and gives the buffer back.
func (c *Conn) sendOut() error {
	if c.out == nil {
		return nil
	}
	err := c.send(c.out)
	giveBuffer(c.out)
	c.out = nil
	return err
}

func (c *Conn) send(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	if _, err := c.nc.Write(p); err != nil {
		return &SideError{c.side, "write", err}
	}
	return nil
}
