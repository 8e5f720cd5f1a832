package proxytest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// maxFrame bounds what a test reads at once: far above anything a script
// expects, far below what would hurt the machine.
const maxFrame = 64 << 20

// errNoFrame is wrapped by the error for bytes that begin no message.
var errNoFrame = errors.New("proxytest: not a message")

// Frame is one message after start-up: its type byte and its body, without
// the length (PostgreSQL documentation, "Message Formats").
type Frame struct {
	Type byte
	Body []byte
}

// Bytes returns the message as it goes over the wire.
func (f Frame) Bytes() []byte {
	out := make([]byte, 5, 5+len(f.Body))
	out[0] = f.Type
	binary.BigEndian.PutUint32(out[1:], uint32(len(f.Body)+4))
	return append(out, f.Body...)
}

// ReadFrame reads one message. The error is io.EOF only between messages; a
// message cut short is io.ErrUnexpectedEOF. Lengths below 4 and above 64 MiB
// are errors.
func ReadFrame(r io.Reader) (Frame, error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:1]); err != nil {
		return Frame{}, err
	}
	if _, err := io.ReadFull(r, head[1:]); err != nil {
		return Frame{}, cutShort(err)
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n < 4 || n > maxFrame {
		return Frame{}, fmt.Errorf("%w: type %q, length %d", errNoFrame, head[0], n)
	}
	f := Frame{Type: head[0], Body: make([]byte, n-4)}
	if _, err := io.ReadFull(r, f.Body); err != nil {
		return Frame{}, cutShort(err)
	}
	return f, nil
}

// readPacket reads a start-up packet: a length and a body without a type.
func readPacket(r io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n < 8 || n > 10000 {
		return nil, fmt.Errorf("proxytest: start-up packet announces %d bytes", n)
	}
	body := make([]byte, n-4)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, cutShort(err)
	}
	return body, nil
}

func cutShort(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
