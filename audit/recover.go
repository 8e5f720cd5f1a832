package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/sluice-pg/sluice/audit/record"
)

const (
	// checkpointTail is how much of the checkpoints file Open reads.
	checkpointTail = 64 << 10
	// maxCheckpointEntry is more than one entry has bytes.
	maxCheckpointEntry = 1 << 10
	// maxTornBytes is more than one write to a segment has bytes.
	maxTornBytes = maxBatchBytes + 2*maxRecordBytes + 1<<20
)

// cut says what recovery took away at the end of a file, and where the bytes
// are kept.
type cut struct {
	Bytes  int    `json:"cut_bytes"`
	Digest string `json:"cut_digest"`
	File   string `json:"file"`
	Offset int64  `json:"offset"`
}

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}

// recover opens the files of a trail and brings them into the state of the
// last write that was synced.
func (w *writer) recover(s *store) ([]cut, error) {
	segments, err := w.tidy()
	if err != nil {
		return nil, err
	}
	last, checkpointCut, err := w.openCheckpoints(s)
	if err != nil {
		return nil, err
	}
	if len(segments) == 0 {
		if last.Size > 0 {
			return nil, damaged("%d records are signed and there is no segment", last.Size)
		}
		return checkpointCut, w.begin()
	}
	segmentCut, err := w.resume(segments[len(segments)-1], last, s)
	return append(checkpointCut, segmentCut...), err
}

// tidy removes temporary files and lists the segments in order.
func (w *writer) tidy() (segments []Index, err error) {
	entries, err := w.disk.ReadDir(w.dir)
	if err != nil {
		return nil, fmt.Errorf("listing the trail: %w", err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), temporarySuffix) {
			if err := w.disk.Remove(filepath.Join(w.dir, e.Name())); err != nil {
				return nil, fmt.Errorf("removing a leftover: %w", err)
			}
		}
		if first, ok := record.ParseSegmentName(e.Name()); ok {
			segments = append(segments, Index(first))
		}
	}
	slices.Sort(segments)
	return segments, nil
}

// openCheckpoints opens the list, cuts off an entry that is not whole, and
// returns the last one.
func (w *writer) openCheckpoints(s *store) (last record.Checkpoint, cuts []cut, err error) {
	f, err := w.disk.OpenFile(filepath.Join(w.dir, checkpointsName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return last, nil, fmt.Errorf("opening the checkpoints: %w", err)
	}
	w.checkpoints = f
	if err := w.disk.SyncDir(w.dir); err != nil {
		return last, nil, fmt.Errorf("syncing %s: %w", w.dir, err)
	}
	tail, start, err := readTail(f, checkpointTail)
	if err != nil {
		return last, nil, fmt.Errorf("reading the checkpoints: %w", err)
	}
	last, raw, good, err := w.lastCheckpoint(tail, start)
	if err != nil {
		return last, nil, err
	}
	if torn := tail[good-start:]; len(torn) > 0 {
		c, err := cutOff(f, checkpointsName, good, torn, s)
		if err != nil {
			return last, nil, err
		}
		cuts = append(cuts, c)
	}
	w.checkpointsSize, w.signed = good, last.Size
	if raw != nil {
		if err := rewrite(f, checkpointsName, good-int64(len(raw))-1, good); err != nil {
			return last, nil, err
		}
	}
	return last, cuts, w.compareLatest(last, raw)
}

// readTail reads the last bytes of a file, at most limit.
func readTail(f File, limit int64) (tail []byte, start int64, err error) {
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	start = max(0, info.Size()-limit)
	tail, err = io.ReadAll(io.NewSectionReader(f, start, info.Size()-start))
	return tail, start, err
}

// lastCheckpoint reads the entries in tail, which begins at offset start of
// the file. It returns the last whole one and where it ends.
func (w *writer) lastCheckpoint(tail []byte, start int64) (last record.Checkpoint, raw []byte, good int64, err error) {
	entryBegins := []byte("\n\n" + w.origin + "\n")
	from := 0
	if start > 0 {
		i := bytes.Index(tail, entryBegins)
		if i < 0 {
			return last, nil, 0, damaged("the last %d bytes of %s hold no checkpoint of %s", len(tail), checkpointsName, w.origin)
		}
		from = i + 2
	}
	in := record.NewCheckpoints(bytes.NewReader(tail[from:]), start+int64(from), w.key.Verifier())
	for {
		good = in.Offset()
		c, err := in.Next()
		if err == io.EOF {
			return last, raw, good, nil
		}
		if err != nil {
			rest := tail[good-start:]
			if len(rest) > maxCheckpointEntry || bytes.Contains(rest, entryBegins) || looksWhole(rest) {
				return last, nil, 0, damaged("%s: %v", checkpointsName, err)
			}
			return last, raw, good, nil
		}
		if c.Origin != w.origin {
			return last, nil, 0, damaged("%s, byte %d: a checkpoint of %s, not of %s", checkpointsName, good, c.Origin, w.origin)
		}
		if c.Size <= last.Size {
			return last, nil, 0, damaged("%s, byte %d: a checkpoint over %d records after one over %d", checkpointsName, good, c.Size, last.Size)
		}
		last, raw = c, bytes.Clone(in.Raw())
	}
}

// looksWhole tells whether an entry that cannot be accepted has nevertheless
// been written to its end. Then it was not a crash that spoiled it: another
// key signed it, or somebody changed it.
func looksWhole(entry []byte) bool {
	return bytes.HasSuffix(entry, []byte("\n\n")) && !bytes.ContainsRune(entry, 0)
}

// compareLatest checks the file with the latest checkpoint against the list.
// It is written after the list, so it may lag behind by a crash, and is
// brought up to date; it cannot be ahead.
func (w *writer) compareLatest(last record.Checkpoint, raw []byte) error {
	have, err := readAll(w.disk, filepath.Join(w.dir, latestName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading the latest checkpoint: %w", err)
	}
	if err == nil {
		c, err := record.OpenCheckpoint(have, w.key.Verifier())
		if err != nil {
			return damaged("%s: %v", latestName, err)
		}
		if c.Size > last.Size {
			return damaged("%s signs %d records and %s ends at %d", latestName, c.Size, checkpointsName, last.Size)
		}
	}
	if bytes.Equal(have, raw) {
		return nil
	}
	return w.publishLatest(raw)
}

// resume opens the last segment, checks it against the last checkpoint and
// cuts off what a crash left at its end.
func (w *writer) resume(first Index, last record.Checkpoint, s *store) ([]cut, error) {
	name := segmentName(first)
	f, err := w.disk.OpenFile(filepath.Join(w.dir, name), os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", name, err)
	}
	w.segment, w.first = f, first
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	in := record.NewScanner(io.NewSectionReader(f, 0, info.Size()), 0)
	if err := w.readHeader(in, first); err != nil {
		return nil, err
	}
	unsigned, bad, err := w.readRecords(in, last)
	if err != nil {
		return nil, err
	}
	w.segmentSize = in.Offset()
	var cuts []cut
	if bad != nil {
		w.segmentSize = bad.Offset
		c, err := w.cutTorn(in, bad, info.Size(), last, s)
		if err != nil {
			return nil, err
		}
		cuts = append(cuts, c)
	}
	return cuts, rewrite(f, name, unsigned, w.segmentSize)
}

// readHeader takes the tree over from the segment's header.
func (w *writer) readHeader(in *record.Scanner, first Index) error {
	name := segmentName(first)
	frame, err := in.Next()
	if err != nil {
		return damaged("%s: %v", name, err)
	}
	h, err := record.ParseHeader(frame.Payload)
	if err != nil {
		return damaged("%s: its header: %v", name, err)
	}
	if h.Origin != w.origin {
		return damaged("%s belongs to %s, not to %s", name, h.Origin, w.origin)
	}
	e, ok := newEdge(h.First, h.Edge)
	if !ok || h.First != int64(first) || e.root() != h.Root {
		return damaged("%s: its header does not fit its name and itself", name)
	}
	w.edge = e
	return nil
}

// readRecords reads up to the end or the first bad frame. It returns where
// the first record begins that no checkpoint covers.
func (w *writer) readRecords(in *record.Scanner, last record.Checkpoint) (unsigned int64, bad *record.FrameError, err error) {
	name := segmentName(w.first)
	if last.Size < w.edge.size {
		return 0, nil, damaged("no checkpoint covers the records before %s", name)
	}
	unsigned = in.Offset()
	for {
		if w.edge.size == last.Size {
			if last.Size > 0 && w.edge.root() != last.Root {
				return 0, nil, damaged("%s: the first %d records are not those that were signed", name, last.Size)
			}
			unsigned = in.Offset()
		}
		frame, err := in.Next()
		if err == io.EOF || errors.As(err, &bad) {
			if w.edge.size < last.Size {
				return 0, nil, damaged("%d records are signed, and %s ends or is spoiled after record %d", last.Size, name, w.edge.size-1)
			}
			return unsigned, bad, nil
		}
		if err != nil {
			return 0, nil, fmt.Errorf("reading %s: %w", name, err)
		}
		r, err := record.Parse(frame.Payload)
		if err != nil {
			return 0, nil, damaged("%s, byte %d: %v", name, frame.Offset, err)
		}
		if r.Index != w.edge.size {
			return 0, nil, damaged("%s, byte %d: record %d stands where %d belongs", name, frame.Offset, r.Index, w.edge.size)
		}
		w.edge.add(tlog.RecordHash(frame.Payload))
	}
}

// cutTorn cuts the segment at the bad frame, if a crash explains it. A later
// write would only have begun once this one was synced, so if one follows,
// the bad frame was whole once.
func (w *writer) cutTorn(in *record.Scanner, bad *record.FrameError, size int64, last record.Checkpoint, s *store) (cut, error) {
	name := segmentName(w.first)
	if size-bad.Offset > maxTornBytes {
		return cut{}, damaged("%s: %v, and %d bytes follow, more than one write has", name, bad, size-bad.Offset-bad.Bytes)
	}
	for {
		frame, err := in.Next()
		var next *record.FrameError
		switch {
		case err == io.EOF:
			torn, err := io.ReadAll(io.NewSectionReader(w.segment, bad.Offset, size-bad.Offset))
			if err != nil {
				return cut{}, fmt.Errorf("reading %s: %w", name, err)
			}
			return cutOff(w.segment, name, bad.Offset, torn, s)
		case errors.As(err, &next):
		case err != nil:
			return cut{}, fmt.Errorf("reading %s: %w", name, err)
		case frame.First:
			return cut{}, damaged("%s: %v, and a later write follows at byte %d", name, bad, frame.Offset)
		}
	}
}

// cutOff keeps the torn bytes in the store and then shortens the file.
func cutOff(f File, name string, offset int64, torn []byte, s *store) (cut, error) {
	digest := digestOf(torn)
	if err := s.put(digest, torn); err != nil {
		return cut{}, fmt.Errorf("keeping what is cut off %s: %w", name, err)
	}
	if err := f.Truncate(offset); err != nil {
		return cut{}, fmt.Errorf("cutting %s: %w", name, err)
	}
	if err := f.Sync(); err != nil {
		return cut{}, fmt.Errorf("syncing %s: %w", name, err)
	}
	return cut{Bytes: len(torn), Digest: digest, File: name, Offset: offset}, nil
}

// rewrite writes the bytes from offset from to offset to again and syncs
// them. After an fsync that failed in an earlier run they may be in memory
// only, and marked as written; signing them would sign what a power cut
// takes away.
func rewrite(f File, name string, from, to int64) error {
	buf := make([]byte, 256<<10)
	for from < to {
		part := buf[:min(int64(len(buf)), to-from)]
		if _, err := f.ReadAt(part, from); err != nil {
			return fmt.Errorf("reading %s: %w", name, err)
		}
		if _, err := f.WriteAt(part, from); err != nil {
			return fmt.Errorf("writing %s: %w", name, err)
		}
		from += int64(len(part))
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("syncing %s: %w", name, err)
	}
	return nil
}
