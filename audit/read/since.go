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

// sinceSlack is how much earlier than a record those before it may have
// happened: records stand in the order in which they were taken.
const sinceSlack = 5 * time.Minute

// Since calls each with the records from a time on, oldest first, and with some
// before it: it looks backwards for the segment to begin with and reads from
// there on. With needles it is only about records whose text has one of them. A
// record holds until each returns. It looks at ctx before every segment. An
// unfinished record at the very end is left out, as in Show.
func Since(ctx context.Context, dir string, since time.Time, needles [][]byte, each func(record.Record) error) error {
	segments, err := list(dir)
	if err != nil {
		return err
	}
	begin := len(segments) - 1
	for ; begin > 0; begin-- {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("read: %w", err)
		}
		first, err := firstTime(dir, segments[begin])
		if err != nil {
			return err
		}
		if !first.IsZero() && first.Before(since.Add(-sinceSlack)) {
			break
		}
	}
	for i := max(begin, 0); i < len(segments); i++ {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("read: %w", err)
		}
		if err := scan(dir, segments[i], i == len(segments)-1, each, needles...); err != nil {
			return err
		}
	}
	return nil
}

// firstTime is the time of a segment's first record, zero if it has none yet.
func firstTime(dir string, segment int64) (time.Time, error) {
	name := record.SegmentName(segment)
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return time.Time{}, fmt.Errorf("read: %w", err)
	}
	defer f.Close()
	in := record.NewScanner(f, 0)
	for header := true; ; header = false {
		frame, err := in.Next()
		switch {
		case err == io.EOF, errors.Is(err, record.ErrUnfinished):
			return time.Time{}, nil
		case err != nil:
			return time.Time{}, fmt.Errorf("read: %s: %w", name, err)
		case header:
			continue
		}
		r, err := record.Parse(frame.Payload)
		if err != nil {
			return time.Time{}, fmt.Errorf("read: %s, byte %d: %w", name, frame.Offset, err)
		}
		return r.Time, nil
	}
}
