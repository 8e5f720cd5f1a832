package record

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// maxCheckpointBytes bounds a signed checkpoint, with room for the
// signatures of witnesses.
const maxCheckpointBytes = 64 << 10

// Checkpoint is a signed statement: the trail of this origin had this root
// when it held this many records.
type Checkpoint struct {
	Origin string
	// Size is the number of records.
	Size int64
	Root tlog.Hash
}

// OpenCheckpoint reads a signed checkpoint (C2SP tlog-checkpoint, a signed
// note of three lines) and checks its signature. Signatures by other keys,
// such as those of witnesses, may stand beside it.
func OpenCheckpoint(msg []byte, key note.Verifier) (Checkpoint, error) {
	if len(msg) > maxCheckpointBytes {
		return Checkpoint{}, fmt.Errorf("a checkpoint of %d bytes is longer than %d", len(msg), maxCheckpointBytes)
	}
	n, err := note.Open(msg, note.VerifierList(key))
	if err != nil {
		return Checkpoint{}, explainNote(err, key)
	}
	return parseCheckpointText(n.Text)
}

// explainNote says whose key was missing.
func explainNote(err error, key note.Verifier) error {
	var unsigned *note.UnverifiedNoteError
	if !errors.As(err, &unsigned) {
		return err
	}
	var by []string
	for _, s := range unsigned.Note.UnverifiedSigs {
		by = append(by, fmt.Sprintf("%s+%08x", s.Name, s.Hash))
	}
	return fmt.Errorf("not signed by %s+%08x but by %s: %w", key.Name(), key.KeyHash(), strings.Join(by, ", "), err)
}

// parseCheckpointText reads the three lines. It takes no further lines:
// nothing we sign has any, and a line nobody reads can say anything.
func parseCheckpointText(text string) (Checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return Checkpoint{}, fmt.Errorf("a checkpoint has three lines, this one has %d", len(lines)-1)
	}
	if lines[0] == "" {
		return Checkpoint{}, errors.New("the checkpoint has no origin")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return Checkpoint{}, fmt.Errorf("the size %q is not a plain decimal number", lines[1])
	}
	root, err := parseHash(lines[2])
	if err != nil {
		return Checkpoint{}, err
	}
	return Checkpoint{Origin: lines[0], Size: size, Root: root}, nil
}

// checkpointLines is what one entry of the checkpoints file has: three lines
// of text, an empty one, one signature and an empty one.
const checkpointLines = 6

// Checkpoints reads the entries of a checkpoints file in order.
type Checkpoints struct {
	in     *bufio.Reader
	key    note.Verifier
	offset int64
	raw    []byte
}

// NewCheckpoints reads entries from r, which stands at offset in its file.
func NewCheckpoints(r io.Reader, offset int64, key note.Verifier) *Checkpoints {
	return &Checkpoints{in: bufio.NewReader(r), key: key, offset: offset}
}

// Offset returns where the next entry begins, in bytes.
func (s *Checkpoints) Offset() int64 { return s.offset }

// Raw returns the signed note that Next read last, as it was written. It is
// valid until the next call.
func (s *Checkpoints) Raw() []byte { return s.raw }

// Next returns the next checkpoint after checking its signature, or io.EOF
// at a clean end. Errors are *FrameError; one around ErrUnfinished means that
// the file ends in the middle of an entry.
func (s *Checkpoints) Next() (Checkpoint, error) {
	start := s.offset
	entry, err := s.readEntry()
	switch {
	case errors.Is(err, io.EOF) && len(entry) == 0:
		return Checkpoint{}, io.EOF
	case errors.Is(err, io.EOF):
		return Checkpoint{}, &FrameError{start, int64(len(entry)), ErrUnfinished}
	case err != nil:
		return Checkpoint{}, &FrameError{start, int64(len(entry)), err}
	}
	s.raw = entry[:len(entry)-1]
	c, err := openExact(s.raw, s.key)
	if err != nil {
		return Checkpoint{}, &FrameError{start, int64(len(entry)), err}
	}
	return c, nil
}

// readEntry reads the lines of one entry. It stops early where the shape is
// wrong, so that a damaged file is not taken for an unfinished one.
func (s *Checkpoints) readEntry() ([]byte, error) {
	var entry []byte
	for i := range checkpointLines {
		for {
			part, err := s.in.ReadSlice('\n')
			entry = append(entry, part...)
			s.offset += int64(len(part))
			if err == nil {
				break
			}
			if !errors.Is(err, bufio.ErrBufferFull) || len(entry) > maxCheckpointBytes {
				return entry, err
			}
		}
		empty := bytes.HasSuffix(entry, []byte("\n\n")) || len(entry) == 1
		if wantEmpty := i == 3 || i == 5; empty != wantEmpty {
			return entry, fmt.Errorf("line %d of the entry is not as a checkpoint's is", i+1)
		}
	}
	return entry, nil
}

// openExact is OpenCheckpoint for an entry that we wrote: one signature, in
// the one way base64 writes it.
func openExact(msg []byte, key note.Verifier) (Checkpoint, error) {
	c, err := OpenCheckpoint(msg, key)
	if err != nil {
		return Checkpoint{}, err
	}
	fields := strings.Split(strings.TrimSuffix(string(msg), "\n"), " ")
	sig := fields[len(fields)-1]
	raw, err := base64.StdEncoding.Strict().DecodeString(sig)
	if err != nil || base64.StdEncoding.EncodeToString(raw) != sig {
		return Checkpoint{}, errors.New("the signature is not written as base64 writes it")
	}
	return c, nil
}
