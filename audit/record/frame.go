package record

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// Limits of the format.
const (
	// MaxBytes is the longest payload of one frame, in bytes.
	MaxBytes = 1 << 20
	// MaxDepth is how deep arrays and objects may nest.
	MaxDepth = 64

	prefixBytes = 9 // eight hexadecimal digits and the mark
)

// Marks of a frame.
const (
	// MarkFirst stands on the first frame of a write: everything before
	// it had been synced when it was written.
	MarkFirst = '+'
	// MarkMore stands on the other frames of the same write.
	MarkMore = '='
)

// ErrUnfinished is the error for bytes at the end of a file that no newline
// ends: a write in progress, or one that a crash cut short.
var ErrUnfinished = errors.New("unfinished frame")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Frame is one line of a segment.
type Frame struct {
	// Offset is where the frame begins in its file, in bytes.
	Offset int64
	// First is true for the first frame of a write.
	First bool
	// Payload is the JSON text; it is valid until the next frame is read.
	Payload []byte
	// Size is the length of the whole line with its newline, in bytes.
	Size int64
}

// FrameError says what is wrong with a frame, and where.
type FrameError struct {
	// Offset is where the frame begins in its file, in bytes.
	Offset int64
	// Bytes is how many bytes of it were read.
	Bytes int64
	Err   error
}

// Error implements error.
func (e *FrameError) Error() string { return fmt.Sprintf("byte %d: %v", e.Offset, e.Err) }

// Unwrap returns the cause.
func (e *FrameError) Unwrap() error { return e.Err }

// ParseFrame takes one line, without its newline, apart.
func ParseFrame(line []byte) (payload []byte, first bool, err error) {
	if len(line) < prefixBytes {
		return nil, false, fmt.Errorf("a frame of %d bytes is too short", len(line))
	}
	for _, c := range line[:8] {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return nil, false, fmt.Errorf("the checksum %q is not eight lower-case hexadecimal digits", line[:8])
		}
	}
	mark := line[8]
	if mark != MarkFirst && mark != MarkMore {
		return nil, false, fmt.Errorf("the mark %q is neither + nor =", mark)
	}
	var sum [4]byte
	if _, err := hex.Decode(sum[:], line[:8]); err != nil {
		return nil, false, fmt.Errorf("the checksum cannot be read: %w", err)
	}
	want := uint32(sum[0])<<24 | uint32(sum[1])<<16 | uint32(sum[2])<<8 | uint32(sum[3])
	if got := crc32.Checksum(line[8:], castagnoli); got != want {
		return nil, false, fmt.Errorf("the checksum is %08x, the bytes give %08x", want, got)
	}
	return line[prefixBytes:], mark == MarkFirst, nil
}

// Scanner reads the frames of one file in order.
type Scanner struct {
	in     *bufio.Reader
	offset int64
	line   []byte
}

// NewScanner reads frames from r; offset is where r stands in its file.
func NewScanner(r io.Reader, offset int64) *Scanner {
	return &Scanner{in: bufio.NewReaderSize(r, 64<<10), offset: offset}
}

// Offset returns where the next frame begins, in bytes.
func (s *Scanner) Offset() int64 { return s.offset }

// Next returns the next frame, or io.EOF at a clean end. A frame that is not
// as it should be gives a *FrameError; the scanner then stands behind its
// line, so that a caller may look on. Bytes without a newline at the end give
// a *FrameError around ErrUnfinished.
func (s *Scanner) Next() (Frame, error) {
	start := s.offset
	long, err := s.readLine()
	read := s.offset - start
	if err == io.EOF {
		if read == 0 {
			return Frame{}, io.EOF
		}
		return Frame{}, &FrameError{start, read, ErrUnfinished}
	}
	if err != nil {
		return Frame{}, fmt.Errorf("reading at byte %d: %w", s.offset, err)
	}
	if long {
		return Frame{}, &FrameError{start, read, fmt.Errorf("a frame of %d bytes is longer than %d", read, MaxBytes)}
	}
	payload, first, err := ParseFrame(s.line)
	if err != nil {
		return Frame{}, &FrameError{start, read, err}
	}
	return Frame{Offset: start, First: first, Payload: payload, Size: read}, nil
}

// readLine fills s.line with the next line without its newline. A line past
// the limit is skipped to its end, not kept.
func (s *Scanner) readLine() (long bool, err error) {
	s.line = s.line[:0]
	for {
		part, err := s.in.ReadSlice('\n')
		s.offset += int64(len(part))
		if len(s.line)+len(part) > prefixBytes+MaxBytes+1 {
			long = true
		} else {
			s.line = append(s.line, part...)
		}
		switch {
		case err == nil:
			if !long {
				s.line = s.line[:len(s.line)-1]
			}
			return long, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return long, err
		}
	}
}
