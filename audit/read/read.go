package read

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sluice-pg/sluice/audit/record"
)

// maxFound bounds what Find returns.
const maxFound = 1000

// Show writes the records that the filter selects, oldest first. An
// unfinished record at the very end is left out: it is being written. Any
// other damage is an error that says where.
func Show(w io.Writer, dir string, f Filter, format Format) error {
	segments, err := list(dir)
	if err != nil {
		return err
	}
	sel := newSelector(f)
	for i, first := range segments {
		err := scan(dir, first, i == len(segments)-1, func(r record.Record) error {
			if !sel.wants(r) {
				return nil
			}
			return format.Write(w, r)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Find returns the records with a request id, newest first, at most the
// newest thousand. It reads the whole trail, and looks at ctx before every
// segment of it.
func Find(ctx context.Context, dir, id string) ([]record.Record, error) {
	segments, err := list(dir)
	if err != nil {
		return nil, err
	}
	// A record that has the id has these bytes; parsing the others would
	// be most of the work.
	var needle []byte
	if !strings.ContainsFunc(id, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
		needle = []byte(`,"id":"` + id + `"`)
	}
	var found []record.Record
	for i := len(segments) - 1; i >= 0 && len(found) < maxFound; i-- {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("read: %w", err)
		}
		var here []record.Record
		err := scan(dir, segments[i], i == len(segments)-1, func(r record.Record) error {
			if r.ID == id {
				here = keepNewest(here, clone(r), maxFound-len(found))
			}
			return nil
		}, needle)
		if err != nil {
			return nil, err
		}
		slices.Reverse(here)
		found = append(found, here...)
	}
	return found, nil
}

// keepNewest appends r and forgets the oldest past the limit.
func keepNewest(list []record.Record, r record.Record, limit int) []record.Record {
	if len(list) == limit {
		copy(list, list[1:])
		list = list[:limit-1]
	}
	return append(list, r)
}

// clone makes a record that outlives the frame it came from.
func clone(r record.Record) record.Record {
	const start = len(`{"body":`)
	raw := bytes.Clone(r.Raw)
	r.Raw, r.Body = raw, raw[start:start+len(r.Body)]
	return r
}

// list returns the first indexes of the segments in order.
func list(dir string) ([]int64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	var segments []int64
	for _, e := range entries {
		if first, ok := record.ParseSegmentName(e.Name()); ok {
			segments = append(segments, first)
		}
	}
	if len(segments) == 0 {
		return nil, fmt.Errorf("read: %s holds no trail", dir)
	}
	slices.Sort(segments)
	return segments, nil
}

// scan calls each with the records of one segment; with needles, only with those
// whose text has one of them.
func scan(dir string, first int64, last bool, each func(record.Record) error, needles ...[]byte) error {
	name := record.SegmentName(first)
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	defer f.Close()
	in := record.NewScanner(f, 0)
	for header := true; ; header = false {
		frame, err := in.Next()
		switch {
		case err == io.EOF, last && errors.Is(err, record.ErrUnfinished):
			return nil
		case err != nil:
			return fmt.Errorf("read: %s: %w", name, err)
		case header, !hasOne(frame.Payload, needles):
			continue
		}
		r, err := record.Parse(frame.Payload)
		if err != nil {
			return fmt.Errorf("read: %s, byte %d: %w", name, frame.Offset, err)
		}
		if err := each(r); err != nil {
			return err
		}
	}
}

func hasOne(text []byte, needles [][]byte) bool {
	return len(needles) == 0 || slices.ContainsFunc(needles, func(n []byte) bool { return bytes.Contains(text, n) })
}
