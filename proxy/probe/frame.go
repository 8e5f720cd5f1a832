package probe

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// What one connection may send before it is given up.
const (
	maxFrame  = 16 << 10
	maxFrames = 64
	maxBytes  = 128 << 10
)

// errTooMuch ends a connection that sends more than a server needs to say
// before a session.
var errTooMuch = errors.New("the server sends more than an answer")

// frames reads the messages of one connection: a type byte, a big-endian
// int32 length that counts itself, the body.
type frames struct {
	in   *bufio.Reader
	seen int
	body [maxFrame]byte
}

func newFrames(r io.Reader) *frames {
	return &frames{in: bufio.NewReaderSize(io.LimitReader(r, maxBytes), 2048)}
}

// next returns one message. The body is valid until the next call.
func (f *frames) next() (kind byte, body []byte, err error) {
	if f.seen++; f.seen > maxFrames {
		return 0, nil, errTooMuch
	}
	var head [5]byte
	if n, err := io.ReadFull(f.in, head[:]); err != nil {
		if n > 0 && errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return 0, nil, fmt.Errorf("reading a message: %w", err)
	}
	length := int64(int32(binary.BigEndian.Uint32(head[1:]))) - 4
	if length < 0 || length > maxFrame {
		return 0, nil, fmt.Errorf("a message announces %d bytes: not PostgreSQL's protocol", length+4)
	}
	if _, err := io.ReadFull(f.in, f.body[:length]); err != nil {
		return 0, nil, fmt.Errorf("reading a message's %d bytes: %w", length, err)
	}
	return head[0], f.body[:length], nil
}
