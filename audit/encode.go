package audit

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
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

// encoded is an event whose place in the trail is the only thing missing.
type encoded struct {
	beforeIndex, afterIndex []byte
}

// size is the most bytes the record can have.
func (e *encoded) size() int { return len(e.beforeIndex) + roomForIndex + len(e.afterIndex) }

// appendTo appends the record with its index.
func (e *encoded) appendTo(out []byte, index Index) []byte {
	out = append(out, e.beforeIndex...)
	out = strconv.AppendInt(out, int64(index), 10)
	return append(out, e.afterIndex...)
}

// encode brings an event into canonical form.
func encode(ev Event) (*encoded, error) {
	if err := checkWords(ev); err != nil {
		return nil, err
	}
	when := ev.Time.UTC().Truncate(time.Microsecond)
	if y := when.Year(); y < 1 || y > 9999 {
		return nil, fmt.Errorf("audit: %w: the year %d cannot be written", ErrEvent, y)
	}
	body := []byte("{}")
	if ev.Body != nil {
		var err error
		if body, err = Canonical(ev.Body); err != nil {
			return nil, fmt.Errorf("audit: %w: %w", ErrEvent, err)
		}
	}
	if body[0] != '{' {
		return nil, fmt.Errorf("audit: %w: the body is not an object", ErrEvent)
	}
	if bytes.Contains(body, []byte(`_digest"`)) {
		if _, err := record.Digests(body); err != nil {
			return nil, fmt.Errorf("audit: %w: a name that ends in _digest refers to the store: %w", ErrEvent, err)
		}
	}
	e := &encoded{
		beforeIndex: make([]byte, 0, len(body)+len(ev.ID)+64),
		afterIndex:  make([]byte, 0, len(ev.Session)+len(ev.Type)+96),
	}
	e.beforeIndex = append(append(append(e.beforeIndex, `{"body":`...), body...), `,"id":`...)
	e.beforeIndex = append(appendString(e.beforeIndex, ev.ID), `,"index":`...)
	e.afterIndex = appendString(append(e.afterIndex, `,"session":`...), ev.Session)
	e.afterIndex = when.AppendFormat(append(e.afterIndex, `,"time":"`...), timeLayout)
	e.afterIndex = appendString(append(e.afterIndex, `","type":`...), ev.Type)
	e.afterIndex = strconv.AppendInt(append(e.afterIndex, `,"v":`...), formatVersion, 10)
	e.afterIndex = append(e.afterIndex, '}')
	if e.size() > maxRecordBytes {
		return nil, fmt.Errorf("audit: %w: it would have %d bytes, more than %d; put large parts into the store", ErrEvent, e.size(), maxRecordBytes)
	}
	return e, nil
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
	words := strings.Split(s, ".")
	if len(s) > 64 || len(words) > 8 {
		return false
	}
	for _, w := range words {
		if w == "" || strings.Trim(w, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
			return false
		}
	}
	return true
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendFrame appends one line of a segment. payload must not be part of
// out's spare room.
func appendFrame(out []byte, first bool, payload []byte) []byte {
	mark := byte(markMore)
	if first {
		mark = markFirst
	}
	sum := crc32.Update(crc32.Checksum([]byte{mark}, castagnoli), castagnoli, payload)
	out = hex.AppendEncode(out, []byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)})
	out = append(out, mark)
	out = append(out, payload...)
	return append(out, '\n')
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
