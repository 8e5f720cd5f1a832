package read

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/sluice-pg/sluice/audit/record"
)

const (
	// tailLast is how many records Tail shows of what is there already.
	tailLast = 10
	// tailEvery is how often Tail looks for more.
	tailEvery = 200 * time.Millisecond
)

// Tail writes the last ten records and then every further one as it comes
// to be on disk, across segments, until ctx ends; that is no error.
func Tail(ctx context.Context, w io.Writer, dir string, format Format) error {
	segments, err := list(dir)
	if err != nil {
		return err
	}
	t := &tail{dir: dir, write: func(r record.Record) error { return format.Write(w, r) }}
	if err := t.start(segments); err != nil {
		return err
	}
	tick := time.NewTicker(tailEvery)
	defer tick.Stop()
	for {
		if err := t.more(); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// tail is a place in a trail that moves on.
type tail struct {
	dir     string
	segment int64 // its first index
	offset  int64 // in the segment
	next    int64 // index of the record expected there
	write   func(record.Record) error
}

// start shows the last records and stands behind them. The newest segment
// may have few, so it looks into the one before, too.
func (t *tail) start(segments []int64) error {
	var newest []record.Record
	from := max(0, len(segments)-2)
	for _, first := range segments[from:] {
		t.enter(first)
		err := t.drain(func(r record.Record) error {
			newest = keepNewest(newest, clone(r), tailLast)
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, r := range newest {
		if err := t.write(r); err != nil {
			return err
		}
	}
	return nil
}

func (t *tail) enter(first int64) { t.segment, t.offset, t.next = first, 0, first }

// more writes what has come since, in this segment and in those after it.
// A segment that begins with the next record shows that this one is complete.
func (t *tail) more() error {
	for {
		if err := t.drain(t.write); err != nil {
			return err
		}
		if !t.rotated() {
			return nil
		}
		t.enter(t.next)
	}
}

// rotated tells whether the segment that begins with the next record exists.
func (t *tail) rotated() bool {
	if t.next == t.segment {
		return false
	}
	_, err := os.Stat(filepath.Join(t.dir, record.SegmentName(t.next)))
	return err == nil
}

// drain reads from where the tail stands to the last whole record.
func (t *tail) drain(each func(record.Record) error) error {
	name := record.SegmentName(t.segment)
	f, err := os.Open(filepath.Join(t.dir, name))
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	defer f.Close()
	if _, err := f.Seek(t.offset, io.SeekStart); err != nil {
		return fmt.Errorf("read: %w", err)
	}
	in := record.NewScanner(f, t.offset)
	for {
		frame, err := in.Next()
		if err == io.EOF || errors.Is(err, record.ErrUnfinished) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read: %s: %w", name, err)
		}
		if err := t.frame(frame, each); err != nil {
			return fmt.Errorf("read: %s, byte %d: %w", name, frame.Offset, err)
		}
		t.offset = in.Offset()
	}
}

func (t *tail) frame(frame record.Frame, each func(record.Record) error) error {
	if frame.Offset == 0 {
		_, err := record.ParseHeader(frame.Payload)
		return err
	}
	r, err := record.Parse(frame.Payload)
	if err != nil {
		return err
	}
	if r.Index != t.next {
		return fmt.Errorf("record %d stands where %d belongs", r.Index, t.next)
	}
	t.next++
	return each(r)
}
