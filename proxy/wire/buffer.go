package wire

import "sync"

const (
	// readBuffer is how much is read ahead of a socket, in bytes. A message
	// of up to this size can be looked at without being copied.
	readBuffer = 32 << 10
	// writeBuffer is how much is gathered before a write, in bytes.
	writeBuffer = readBuffer
)

// buffers holds buffers that nobody uses: a session that waits has none.
var buffers = sync.Pool{New: func() any { return new([readBuffer]byte) }}

func takeBuffer() []byte { return buffers.Get().(*[readBuffer]byte)[:] }

// giveBuffer takes a buffer back, unless it is one of another size.
func giveBuffer(b []byte) {
	if cap(b) == readBuffer {
		buffers.Put((*[readBuffer]byte)(b[:readBuffer]))
	}
}
