package wire

import (
	"bytes"
	"testing"
)

// The pieces of a message are its body, and what comes after it is whole.
func TestPieces(t *testing.T) {
	for name, deliver := range deliveries {
		for _, size := range sizes {
			body := bytes.Repeat([]byte("abc"), size)[:size]
			c := reading(deliver(bytes.NewReader(append(message('E', body), message('Z', []byte("I"))...))))
			if _, err := c.Next(); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Prefix(min(size, 8)); err != nil {
				t.Fatal(err)
			}
			var got []byte
			if err := c.Pieces(func(p []byte) { got = append(got, p...) }); err != nil || !bytes.Equal(got, body) {
				t.Errorf("%s, %d bytes: got %d, %v", name, size, len(got), err)
			}
			if h, err := c.Next(); err != nil || h.Type != 'Z' {
				t.Errorf("%s, %d bytes: then came %+v, %v", name, size, h, err)
			}
		}
	}
}
