package harness

import (
	"bytes"
	"io"
	"sync"
)

// Buffer holds what a process prints, and can be read meanwhile.
type Buffer struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	also io.Writer // nil: nobody else
}

// Write implements io.Writer.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.also != nil {
		return io.MultiWriter(&b.buf, b.also).Write(p)
	}
	return b.buf.Write(p)
}

// String is all that was printed so far.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
