package audit

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/sluice-pg/sluice/audit/record"
)

const (
	formatVersion = 1
	timeLayout    = "2006-01-02T15:04:05.000000Z"
	segmentFormat = "sluice-trail-segment"

	maxRecordBytes = 1 << 20
	maxIDBytes     = 256
	// roomForIndex is more than an index has digits.
	roomForIndex = 20

	markFirst = '+'
	markMore  = '='

	// ownPrefix begins the types of records that the trail writes itself.
	ownPrefix = "trail."
)

// ErrEvent is the error for an event that cannot be a record: its words, its
// size or its body are not as they must be. The trail itself is unharmed.
var ErrEvent = errors.New("this event cannot be recorded")

// encoded is an event whose index in the trail is the only thing missing; it
// belongs at index in the text.
type encoded struct {
	text  []byte
	index int
}

// size is the most bytes the record can have.
func (e encoded) size() int { return len(e.text) + roomForIndex }

// appendTo appends the record with its index.
func (e encoded) appendTo(out []byte, index Index) []byte {
	out = append(out, e.text[:e.index]...)
	out = strconv.AppendInt(out, int64(index), 10)
	return append(out, e.text[e.index:]...)
}

// encode brings an event into canonical form. The text is appended to room,
// which must be empty.
func encode(room []byte, ev Event) (encoded, error) {
	if err := checkWords(ev); err != nil {
		return encoded{}, err
	}
	when := ev.Time.UTC().Truncate(time.Microsecond)
	if y := when.Year(); y < 1 || y > 9999 {
		return encoded{}, fmt.Errorf("audit: %w: the year %d cannot be written", ErrEvent, y)
	}
	out, err := appendBody(room, ev.Body)
	if err != nil {
		return encoded{}, fmt.Errorf("audit: %w: %w", ErrEvent, err)
	}
	out = append(appendString(append(out, `,"id":`...), ev.ID), `,"index":`...)
	index := len(out)
	out = appendString(append(out, `,"session":`...), ev.Session)
	out = appendTime(append(out, `,"time":"`...), when)
	out = appendString(append(out, `","type":`...), ev.Type)
	out = strconv.AppendInt(append(out, `,"v":`...), formatVersion, 10)
	e := encoded{text: append(out, '}'), index: index}
	if e.size() > maxRecordBytes {
		return encoded{}, fmt.Errorf("audit: %w: it would have %d bytes, more than %d; put large parts into the store", ErrEvent, e.size(), maxRecordBytes)
	}
	return e, nil
}

const (
	// usualBytes is more than most records have.
	usualBytes = 512
	// maxDeskBytes is the largest desk that is kept for later.
	maxDeskBytes = 16 << 10
)

// desks are where records are written before they come into the queue.
var desks = sync.Pool{New: func() any { return &desk{make([]byte, 0, usualBytes)} }}

type desk struct{ room []byte }

// clear gives the desk to the next; what was written on it is gone.
func (d *desk) clear(written encoded) {
	if cap(written.text) > cap(d.room) && cap(written.text) <= maxDeskBytes {
		d.room = written.text[:0]
	}
	desks.Put(d)
}

// appendBody appends the beginning of a record up to the end of its body.
func appendBody(out []byte, body any) ([]byte, error) {
	out = append(out, `{"body":`...)
	start := len(out)
	switch b := body.(type) {
	case nil:
		return append(out, "{}"...), nil
	case Canonicalizer:
		return b.AppendCanonical(out), nil
	}
	canonical, err := Canonical(body)
	if err != nil {
		return nil, err
	}
	out = append(out, canonical...)
	if out[start] != '{' {
		return nil, errors.New("the body is not an object")
	}
	if bytes.Contains(canonical, []byte(`_digest"`)) {
		if _, err := record.Digests(canonical); err != nil {
			return nil, fmt.Errorf("a name that ends in _digest refers to the store: %w", err)
		}
	}
	return out, nil
}

// second is the part of a time that most records share with the one before.
type second struct {
	unix int64
	text string
}

var lastSecond atomic.Pointer[second]

// appendTime appends a time in timeLayout.
func appendTime(out []byte, t time.Time) []byte {
	s := lastSecond.Load()
	if s == nil || s.unix != t.Unix() {
		s = &second{t.Unix(), t.UTC().Format(timeLayout[:len(timeLayout)-len("000000Z")])}
		lastSecond.Store(s)
	}
	out = append(out, s.text...)
	micros := t.Nanosecond() / 1000
	for unit := 100000; unit > 0; unit /= 10 {
		out = append(out, byte('0'+micros/unit%10))
	}
	return append(out, 'Z')
}

func checkWords(ev Event) error {
	if !validType(ev.Type) {
		return fmt.Errorf("audit: %w: the type %.80q is not lower-case words with dots", ErrEvent, ev.Type)
	}
	for _, w := range []struct{ name, text string }{{"id", ev.ID}, {"session", ev.Session}} {
		if len(w.text) > maxIDBytes || !utf8.ValidString(w.text) {
			return fmt.Errorf("audit: %w: its %s is longer than %d bytes or not UTF-8", ErrEvent, w.name, maxIDBytes)
		}
	}
	return nil
}

// validType holds the rule for types: one to eight words of [a-z0-9_] joined
// by dots, at most 64 bytes.
func validType(s string) bool {
	words, begun := 1, false
	for i := range len(s) {
		switch b := s[i]; {
		case b == '.' && begun:
			words++
			begun = false
		case b >= 'a' && b <= 'z' || b >= '0' && b <= '9' || b == '_':
			begun = true
		default:
			return false
		}
	}
	return begun && len(s) <= 64 && words <= 8
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A frame is one line of a segment: a checksum over what follows in the line, a
// mark, the payload.
const (
	sumLen   = 8 // hexadecimal digits
	frameEnd = '\n'
)

// openFrame begins a frame whose checksum is missing; its payload and frameEnd
// are to be appended.
func openFrame(out []byte, first bool) []byte {
	mark := byte(markMore)
	if first {
		mark = markFirst
	}
	return append(append(out, "........"...), mark)
}

// sealFrame writes the checksum of a frame, and returns its payload.
func sealFrame(frame []byte) (payload []byte) {
	covered := frame[sumLen : len(frame)-1]
	sum := crc32.Checksum(covered, castagnoli)
	hex.Encode(frame[:sumLen], []byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)})
	return covered[1:]
}

// newFrame returns a frame of its own, the first of a write.
func newFrame(payload []byte) []byte {
	frame := append(append(openFrame(nil, true), payload...), frameEnd)
	sealFrame(frame)
	return frame
}

// appendHeader appends the payload of a segment's header.
func appendHeader(out []byte, origin string, first Index, e *edge) []byte {
	out = append(out, `{"edge":[`...)
	for i, h := range e.hashes() {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendString(out, h.String())
	}
	out = strconv.AppendInt(append(out, `],"first":`...), int64(first), 10)
	out = appendString(append(out, `,"format":`...), segmentFormat)
	out = appendString(append(out, `,"origin":`...), origin)
	out = appendString(append(out, `,"root":`...), e.root().String())
	out = strconv.AppendInt(append(out, `,"v":`...), formatVersion, 10)
	return append(out, '}')
}
