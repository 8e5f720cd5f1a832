package read

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/sluice-pg/sluice/audit/record"
)

// Damage is a part of a trail that cannot be read.
type Damage struct {
	// File is the segment, Offset the first byte in it that is concerned.
	File   string
	Offset int64
	// Record is the index of the first record that may be missing.
	Record int64
	What   string
}

// String says it in one line.
func (d Damage) String() string {
	return fmt.Sprintf("%s, byte %d, record %d: %s", d.File, d.Offset, d.Record, d.What)
}

// Types calls each with the records of some types, oldest first, and damaged
// with what cannot be read; after that it reads on behind it. "session" stands
// for itself and all types that begin with "session.", as in Filter. Records of
// other types cost little more than their checksum. A record holds until each
// returns. It looks at ctx before every segment. An unfinished record at the
// very end is left out, as in Show.
//
// It is for what must not overlook anything: one spoiled byte in an old record
// is told and hides no other record.
func Types(ctx context.Context, dir string, types []string, each func(record.Record) error, damaged func(Damage) error) error {
	segments, err := list(dir)
	if err != nil {
		return err
	}
	t := typed{wanted: types, each: each, damaged: damaged}
	for i, first := range segments {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("read: %w", err)
		}
		if i == 0 {
			t.next = first
		}
		if err := t.segment(dir, first, i == len(segments)-1); err != nil {
			return err
		}
	}
	return nil
}

// typed is a reader of records of some types.
type typed struct {
	wanted  []string
	next    int64 // index of the record expected next
	each    func(record.Record) error
	damaged func(Damage) error
}

// segment reads one file.
func (t *typed) segment(dir string, first int64, last bool) error {
	name := record.SegmentName(first)
	damage := func(offset int64, format string, args ...any) error {
		return t.damaged(Damage{name, offset, t.next, fmt.Sprintf(format, args...)})
	}
	if first != t.next {
		if err := damage(0, "the segment begins with record %d, and %d is the next: records are missing, or there twice", first, t.next); err != nil {
			return err
		}
		t.next = first
	}
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	defer f.Close()
	in := record.NewScanner(f, 0)
	for header := true; ; header = false {
		frame, err := in.Next()
		var bad *record.FrameError
		switch {
		case err == io.EOF:
			return nil
		case errors.As(err, &bad) && last && errors.Is(err, record.ErrUnfinished):
			return nil
		case errors.As(err, &bad):
			if err := damage(bad.Offset, "%v", bad.Err); err != nil {
				return err
			}
		case err != nil:
			return fmt.Errorf("read: %s: %w", name, err)
		case header:
			if _, err := record.ParseHeader(frame.Payload); err != nil {
				if err := damage(frame.Offset, "the header: %v", err); err != nil {
					return err
				}
			}
		case hasType(frame.Payload, t.wanted):
			if err := t.record(frame, damage); err != nil {
				return err
			}
		}
		if !header {
			t.next++
		}
	}
}

// record hands on one record.
func (t *typed) record(frame record.Frame, damage func(int64, string, ...any) error) error {
	r, err := record.Parse(frame.Payload)
	if err != nil {
		return damage(frame.Offset, "%v", err)
	}
	if r.Index != t.next {
		if err := damage(frame.Offset, "record %d stands where %d belongs", r.Index, t.next); err != nil {
			return err
		}
		t.next = r.Index
	}
	return t.each(r)
}

// typeBytes is more than the end of a record has, from its type on.
const typeBytes = 128

// hasType tells whether a record has one of the types, by its last bytes: a
// record ends with its type and version. A text in a body cannot look like
// that, for its quotation marks are escaped.
func hasType(payload []byte, types []string) bool {
	tail := payload[max(0, len(payload)-typeBytes):]
	const before, after = `,"type":"`, `","v":`
	at := bytes.LastIndex(tail, []byte(before))
	if at < 0 {
		return true // it is none, and record.Parse says what is wrong
	}
	word, _, ok := bytes.Cut(tail[at+len(before):], []byte(after))
	if !ok {
		return true
	}
	for _, want := range types {
		rest, found := strings.CutPrefix(string(word), want)
		if found && (rest == "" || rest[0] == '.') {
			return true
		}
	}
	return false
}
