package read

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"

	"github.com/sluice-pg/sluice/audit/record"
)

// Format is how records are written.
type Format uint8

// The formats.
const (
	// Text is one line for people.
	Text Format = iota
	// NDJSON is the record as it stands in the trail, one line each.
	NDJSON
)

// ParseFormat reads "text" or "ndjson".
func ParseFormat(s string) (Format, error) {
	switch s {
	case "text":
		return Text, nil
	case "ndjson":
		return NDJSON, nil
	}
	return Text, fmt.Errorf("read: %q is not a format; there are text and ndjson", s)
}

// Write writes one record.
func (f Format) Write(w io.Writer, r record.Record) error {
	line := r.Raw
	if f == Text {
		text, err := textLine(r)
		if err != nil {
			return fmt.Errorf("read: record %d: %w", r.Index, err)
		}
		line = []byte(text)
	}
	if _, err := w.Write(append(line[:len(line):len(line)], '\n')); err != nil {
		return fmt.Errorf("read: writing: %w", err)
	}
	return nil
}

func textLine(r record.Record) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %6d %s", r.Time.Format(record.TimeLayout), r.Index, r.Type)
	for _, w := range []struct{ name, value string }{{"id", r.ID}, {"session", r.Session}} {
		if w.value != "" {
			fmt.Fprintf(&b, " %s=%s", w.name, plain(w.value))
		}
	}
	members, err := parseMembers(r.Body)
	if err != nil {
		return "", err
	}
	if err := writeMembers(&b, members); err != nil {
		return "", err
	}
	return b.String(), nil
}

// writeMembers writes what fits a line: members that are no objects, then of
// each object its plain members. What lies deeper is in the record.
func writeMembers(b *strings.Builder, members []bodyMember) error {
	for _, m := range members {
		if !m.isObject() {
			fmt.Fprintf(b, " %s=%s", plain(m.name), plainValue(m.value))
		}
	}
	for _, m := range members {
		if !m.isObject() {
			continue
		}
		inner, err := parseMembers(m.value)
		if err != nil {
			return err
		}
		for _, in := range inner {
			if in.isPlain() {
				fmt.Fprintf(b, " %s.%s=%s", plain(m.name), plain(in.name), plainValue(in.value))
			}
		}
	}
	return nil
}

// bodyMember is one member of a body, its value still JSON.
type bodyMember struct {
	name  string
	value json.RawMessage
}

func (m bodyMember) isObject() bool { return len(m.value) > 0 && m.value[0] == '{' }

func (m bodyMember) isPlain() bool { return !m.isObject() && len(m.value) > 0 && m.value[0] != '[' }

// parseMembers takes an object apart in the order it is written.
func parseMembers(body []byte) ([]bodyMember, error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	var out []bodyMember
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return nil, err
		}
		name, _ := token.(string)
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, err
		}
		out = append(out, bodyMember{name, value})
	}
	return out, nil
}

// plainValue shows a string without its quotes where that is unambiguous,
// and everything else as JSON.
func plainValue(value json.RawMessage) string {
	var s string
	if len(value) > 0 && value[0] == '"' && json.Unmarshal(value, &s) == nil {
		return plain(s)
	}
	return escape(string(value))
}

// plain quotes a string unless it is a bare word.
func plain(s string) string {
	bare := s != ""
	for _, r := range s {
		if r == '"' || r == '=' || r == '\\' || !unicode.IsGraphic(r) || unicode.IsSpace(r) {
			bare = false
		}
	}
	if bare {
		return s
	}
	return strconv.QuoteToGraphic(s)
}

// escape writes what a terminal might obey, and what a reader cannot see,
// as JSON escapes.
func escape(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == ' ' || unicode.IsGraphic(r) && !unicode.IsSpace(r):
			b.WriteRune(r)
		case r > 0xFFFF:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}
