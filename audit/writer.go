package audit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	checkpointsName = "checkpoints"
	latestName      = "latest"
	segmentSuffix   = ".seg"
	temporarySuffix = ".tmp"
)

// segmentName is a segment's file name: its first index in sixteen digits.
func segmentName(first Index) string { return fmt.Sprintf("%016d%s", first, segmentSuffix) }

// writer owns the files of a trail. Only one goroutine uses it. After any
// error it must not be used again: what an fsync that failed left on disk
// cannot be known, and asking a second time may answer "done" for pages the
// kernel has already given up.
type writer struct {
	disk   Disk
	dir    string
	origin string
	key    *Key
	limit  int64 // bytes after which a segment is full

	segment     File
	segmentSize int64
	first       Index // of the segment
	edge        edge  // over all records that are on disk
	signed      int64 // size of the last checkpoint

	checkpoints     File
	checkpointsSize int64
}

// next is the index of the next record.
func (w *writer) next() Index { return Index(w.edge.size) }

// commit writes a batch as one write and returns when it is on disk.
func (w *writer) commit(b *batch) error {
	if w.segmentSize >= w.limit && w.next() > w.first {
		if err := w.rotate(); err != nil {
			return err
		}
	}
	if b.first != w.next() {
		return fmt.Errorf("records from %d on come after %d records", b.first, w.next())
	}
	grown := w.edge
	b.seal(func(record []byte) { grown.add(tlog.RecordHash(record)) })
	name := segmentName(w.first)
	if _, err := w.segment.WriteAt(b.text, w.segmentSize); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	if err := w.segment.Sync(); err != nil {
		return fmt.Errorf("syncing %s: %w", name, err)
	}
	w.segmentSize += int64(len(b.text))
	w.edge = grown
	return nil
}

// rotate begins a new segment. The old one ends with a checkpoint, so that
// whoever opens the trail needs to read its last segment only.
func (w *writer) rotate() error {
	if err := w.checkpoint(); err != nil {
		return err
	}
	if err := w.segment.Close(); err != nil {
		return fmt.Errorf("closing %s: %w", segmentName(w.first), err)
	}
	w.segment = nil
	return w.begin()
}

// begin makes the segment for the next record and opens it.
func (w *writer) begin() error {
	w.first = w.next()
	name := filepath.Join(w.dir, segmentName(w.first))
	header := newFrame(appendHeader(nil, w.origin, w.first, &w.edge))
	if err := writeNew(w.disk, w.dir, name+temporarySuffix, name, header); err != nil {
		return err
	}
	f, err := w.disk.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("opening %s: %w", name, err)
	}
	w.segment, w.segmentSize = f, int64(len(header))
	return nil
}

// checkpoint signs the tree if it has grown: it appends to the list, then
// replaces the file with the latest. All records it covers are on disk.
func (w *writer) checkpoint() error {
	if w.edge.size == w.signed {
		return nil
	}
	text := fmt.Sprintf("%s\n%d\n%s\n", w.origin, w.edge.size, w.edge.root())
	msg, err := note.Sign(&note.Note{Text: text}, w.key)
	if err != nil {
		return fmt.Errorf("signing a checkpoint: %w", err)
	}
	entry := append(msg, '\n')
	if _, err := w.checkpoints.WriteAt(entry, w.checkpointsSize); err != nil {
		return fmt.Errorf("writing %s: %w", checkpointsName, err)
	}
	if err := w.checkpoints.Sync(); err != nil {
		return fmt.Errorf("syncing %s: %w", checkpointsName, err)
	}
	w.checkpointsSize += int64(len(entry))
	w.signed = w.edge.size
	return w.publishLatest(msg[:len(entry)-1])
}

func (w *writer) publishLatest(msg []byte) error {
	name := filepath.Join(w.dir, latestName)
	return writeNew(w.disk, w.dir, name+temporarySuffix, name, msg)
}

// close closes the files; everything written is on disk already.
func (w *writer) close() error {
	var errs []error
	for _, f := range []File{w.segment, w.checkpoints} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}
