package wire

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"time"
)

const (
	// headerLen is the type byte and the length of a message.
	headerLen = 5
	// MaxMessage is the protocol's own limit on a body, in bytes: a length
	// is a signed 32-bit number that counts itself.
	MaxMessage = 1<<31 - 1 - 4
)

// Header is the beginning of a message.
type Header struct {
	// Type is the message's type byte.
	Type byte
	// Len is the length of the body in bytes.
	Len int
}

// Conn is one socket: its only reader and its only writer. Reading and
// writing may happen in two goroutines; each of them in one only.
type Conn struct {
	side Side
	nc   net.Conn

	buf    []byte // read-ahead; none while nothing is buffered
	rp, wp int    // unread bytes are buf[rp:wp]
	// lent is where bytes of buf are waiting to be sent: they are to be sent
	// or copied before buf changes.
	lent *Conn

	cur       Header
	remaining int    // bytes of the current message not yet consumed, header included
	body      []byte // reused for bodies larger than buf

	out []byte
	// span follows out; it lies in the buffer of lender, up to spanEnd.
	span    []byte
	spanEnd int
	lender  *Conn
	midsend bool // a message is partly written

	socket *socket // nil if it is none, or something lies over it
}

// NewConn takes over a socket, see Own. Nobody else may read from or write to it
// from now on.
func NewConn(nc net.Conn, side Side) *Conn {
	own, _ := nc.(*socket)
	return &Conn{side: side, nc: nc, socket: own}
}

// NewConnBuffered is NewConn for a socket from which early has been read
// already.
func NewConnBuffered(nc net.Conn, side Side, early []byte) *Conn {
	c := NewConn(nc, side)
	if len(early) > 0 {
		c.buf = make([]byte, max(readBuffer, len(early)))
		c.wp = copy(c.buf, early)
	}
	return c
}

// Buffered returns how many bytes have been read ahead and not consumed.
func (c *Conn) Buffered() int { return c.wp - c.rp }

// fill reads until at least n bytes are buffered. n is at most readBuffer.
func (c *Conn) fill(n int) error {
	if c.Buffered() >= n {
		return nil
	}
	if err := c.makeRoom(); err != nil {
		return err
	}
	for c.Buffered() < n {
		m, err := c.nc.Read(c.buf[c.wp:])
		c.wp += m
		if err != nil && c.Buffered() < n {
			return c.readFailed(err)
		}
	}
	return nil
}

// Part leaves the buffer to whoever has been given a body in it: what comes in from
// now on goes into another. It is to be called before Ahead is.
func (c *Conn) Part() error {
	if c.lent != nil {
		if err := c.lent.settle(); err != nil {
			return err
		}
	}
	if c.buf != nil {
		fresh := takeBuffer()
		c.wp = copy(fresh, c.buf[c.rp:c.wp])
		c.buf, c.rp = fresh, 0
	}
	return nil
}

// Ahead waits until something has come in beyond the first n bytes that are
// buffered, and consumes nothing. It returns an error if the peer has hung up, and
// io.ErrShortBuffer if no more can be buffered. Whoever deals with a message for long
// learns by it that nobody waits for the answer any more. Bodies that were given out
// before hold no longer, but for those before Part.
func (c *Conn) Ahead(n int) error {
	switch {
	case n >= readBuffer:
		return io.ErrShortBuffer
	case c.socket == nil:
		return c.fill(n + 1)
	}
	if err := c.makeRoom(); err != nil {
		return err
	}
	for c.Buffered() <= n {
		m, err := c.socket.look(c.buf[c.wp:])
		c.wp += m
		if err != nil {
			return c.readFailed(err)
		}
		if m == 0 {
			time.Sleep(lookPause)
		}
	}
	return nil
}

// lookPause is how long Ahead waits before it looks at a socket again. A loop that
// runs what deals with the message for long does not wait for the same socket.
const lookPause = 20 * time.Millisecond

// FirstBuffered is the first byte that is buffered and not consumed, the type of the
// next message; zero if there is none.
func (c *Conn) FirstBuffered() byte {
	if c.remaining != 0 || c.Buffered() == 0 {
		return 0
	}
	return c.buf[c.rp]
}

// makeRoom moves what is buffered to the beginning of the buffer, so that a
// message of up to readBuffer bytes fits.
func (c *Conn) makeRoom() error {
	if c.lent != nil {
		if err := c.lent.settle(); err != nil {
			return err
		}
	}
	if c.buf == nil {
		c.buf = takeBuffer()
	}
	if c.rp > 0 {
		c.wp = copy(c.buf, c.buf[c.rp:c.wp])
		c.rp = 0
	}
	return nil
}

// readFailed names the side of a failed read. The end of input is an
// unexpected one where something was begun.
func (c *Conn) readFailed(err error) error {
	if errors.Is(err, io.EOF) && c.Buffered() > 0 {
		err = io.ErrUnexpectedEOF
	}
	return &SideError{c.side, "read", err}
}

// Next waits for a message and returns its header. The message before it
// must have been consumed.
func (c *Conn) Next() (Header, error) {
	if c.remaining != 0 {
		return Header{}, errors.New("wire: Next before the current message was consumed")
	}
	if err := c.fill(headerLen); err != nil {
		return Header{}, err
	}
	length := c.length()
	if length < 4 || length > MaxMessage+4 {
		return Header{}, protocolError("%s sent message %q with length %d", c.side, c.buf[c.rp], length)
	}
	c.cur = Header{Type: c.buf[c.rp], Len: length - 4}
	c.remaining = headerLen + c.cur.Len
	return c.cur, nil
}

// HasMessage reports whether Next and Body can be served from what is
// buffered, without waiting for the socket.
func (c *Conn) HasMessage() bool {
	if c.remaining != 0 || c.Buffered() < headerLen {
		return false
	}
	return c.Buffered() >= c.length()+1
}

// length is the length in the header that is buffered: of the body and itself.
func (c *Conn) length() int { return int(binary.BigEndian.Uint32(c.buf[c.rp+1:])) }

// Prefix returns up to n bytes of the beginning of the current body without
// consuming them. n is at most 8 KiB. The slice is valid until the next
// call.
func (c *Conn) Prefix(n int) ([]byte, error) {
	n = min(n, c.cur.Len)
	if err := c.fill(headerLen + n); err != nil {
		return nil, err
	}
	return c.buf[c.rp+headerLen : c.rp+headerLen+n], nil
}

// Body consumes the current message and returns its body. The slice is
// valid until the next call. A body over limit bytes is not consumed and
// the error wraps ErrTooLarge.
func (c *Conn) Body(limit int) ([]byte, error) {
	if c.cur.Len > limit {
		return nil, tooLarge("%s sent message %q of %d bytes, the limit is %d", c.side, c.cur.Type, c.cur.Len, limit)
	}
	if headerLen+c.cur.Len <= len(c.buf) {
		if err := c.fill(headerLen + c.cur.Len); err != nil {
			return nil, err
		}
		body := c.buf[c.rp+headerLen : c.rp+headerLen+c.cur.Len]
		c.rp += headerLen + c.cur.Len
		c.remaining = 0
		return body, nil
	}
	return c.largeBody()
}

// largeBody grows its buffer as the bytes come, so that announcing a length
// costs nothing.
func (c *Conn) largeBody() ([]byte, error) {
	const step = 64 << 10
	if cap(c.body) > 1<<20 && c.cur.Len < 1<<18 {
		c.body = nil
	}
	c.body = c.body[:0]
	c.rp += headerLen
	c.remaining -= headerLen
	for c.remaining > 0 {
		n := min(c.remaining, max(c.Buffered(), 1))
		if c.Buffered() == 0 {
			if err := c.fill(1); err != nil {
				return nil, unexpected(err)
			}
			n = min(c.remaining, c.Buffered())
		}
		if cap(c.body)-len(c.body) < n {
			grown := make([]byte, len(c.body), min(c.cur.Len, max(2*cap(c.body), len(c.body)+max(n, step))))
			copy(grown, c.body)
			c.body = grown
		}
		c.body = append(c.body, c.buf[c.rp:c.rp+n]...)
		c.rp += n
		c.remaining -= n
	}
	return c.body, nil
}

// whole reports whether all that is left of the current message is buffered.
func (c *Conn) whole() bool { return c.remaining <= c.Buffered() }

// Forward moves the current message to dst as it is and returns the length
// of its body.
func (c *Conn) Forward(dst *Conn) (int, error) {
	length := c.cur.Len
	if c.whole() {
		if err := dst.borrow(c, c.remaining); err != nil {
			return 0, err
		}
		c.rp += c.remaining
		c.remaining = 0
		return length, nil
	}
	err := c.drain(func(p []byte) error {
		dst.midsend = c.remaining > len(p)
		return dst.Write(p)
	})
	return length, err
}

// Discard consumes the current message without looking at it.
func (c *Conn) Discard() error {
	return c.drain(func([]byte) error { return nil })
}

// Pieces consumes the current message and calls each with its body, piece by
// piece as it comes. A piece is valid until each returns.
func (c *Conn) Pieces(each func([]byte)) error {
	header := headerLen
	return c.drain(func(p []byte) error {
		n := min(header, len(p))
		header -= n
		each(p[n:])
		return nil
	})
}

func (c *Conn) drain(each func([]byte) error) error {
	for c.remaining > 0 {
		if c.Buffered() == 0 {
			if err := c.fill(1); err != nil {
				return unexpected(err)
			}
		}
		n := min(c.remaining, c.Buffered())
		if err := each(c.buf[c.rp : c.rp+n]); err != nil {
			return err
		}
		c.rp += n
		c.remaining -= n
	}
	return nil
}

// AtBoundary reports whether everything written so far ends with a whole
// message, so that another one may follow.
func (c *Conn) AtBoundary() bool { return !c.midsend }

// Side returns which end of a session this is.
func (c *Conn) Side() Side { return c.side }

// RemoteAddr returns the peer's address.
func (c *Conn) RemoteAddr() net.Addr { return c.nc.RemoteAddr() }

// SetReadDeadline bounds reads; a time in the past interrupts a read that
// waits.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.nc.SetReadDeadline(t) }

// SetWriteDeadline bounds writes.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.nc.SetWriteDeadline(t) }

// Close closes the socket.
func (c *Conn) Close() error { return c.nc.Close() }
