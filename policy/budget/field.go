package budget

import (
	"bytes"
	"encoding/binary"
)

// Form is how fields lie in a message (protocol sections "DataRow" and "COPY
// Operations").
type Form uint8

// The forms.
const (
	// Row is a DataRow.
	Row Form = iota
	// CopyText and CopyCSV are a line of COPY with the delimiter that the
	// format has by itself, CopyBinary a tuple of it.
	CopyText
	CopyCSV
	CopyBinary
)

// copySignature begins a binary stream; a header of 19 bytes at least, and
// whatever more it says, stands before the first tuple.
var copySignature = []byte("PGCOPY\n\xff\r\n\x00")

// Field returns the value at an index of a message's body, where it stands. ok
// is false for a NULL, and for a body that is cut before its end or is not of
// the form: then nobody can tell.
func (f Form) Field(body []byte, index int) (value []byte, ok bool) {
	if index < 0 {
		return nil, false
	}
	switch f {
	case Row:
		return counted(body, index)
	case CopyText:
		return separated(body, index)
	case CopyCSV:
		return quoted(body, index)
	case CopyBinary:
		if bytes.HasPrefix(body, copySignature) {
			if body = afterHeader(body); body == nil {
				return nil, false
			}
		}
		return counted(body, index)
	}
	return nil, false
}

// counted reads a number of fields, and fields with their length.
func counted(body []byte, index int) ([]byte, bool) {
	if len(body) < 2 || int(int16(binary.BigEndian.Uint16(body))) <= index {
		return nil, false
	}
	body = body[2:]
	for ; len(body) >= 4; index-- {
		n := int(int32(binary.BigEndian.Uint32(body)))
		body = body[4:]
		switch {
		case n > len(body):
			return nil, false
		case index == 0 && n < 0:
			return nil, false
		case index == 0:
			return body[:n], true
		}
		body = body[max(n, 0):]
	}
	return nil, false
}

func afterHeader(body []byte) []byte {
	const fixed = 11 + 4 + 4
	if len(body) < fixed {
		return nil
	}
	more := int64(binary.BigEndian.Uint32(body[fixed-4:]))
	if int64(len(body)-fixed) < more {
		return nil
	}
	return body[fixed+int(more):]
}

// separated reads a line of the text format. A value with an escape in it is
// given as it stands there.
func separated(line []byte, index int) ([]byte, bool) {
	for ; index > 0; index-- {
		at := bytes.IndexByte(line, '\t')
		if at < 0 {
			return nil, false
		}
		line = line[at+1:]
	}
	at := bytes.IndexByte(line, '\t')
	if at < 0 {
		at = len(line)
	}
	if end := bytes.IndexByte(line[:at], '\n'); end >= 0 {
		at = end
	}
	if at == len(line) {
		return nil, false
	}
	value := line[:at]
	return value, string(value) != `\N`
}

// quoted reads a line of the format CSV. A value in quotes is given without
// them, a doubled quote in it as it stands there; what is empty is a NULL.
func quoted(line []byte, index int) ([]byte, bool) {
	for ; ; index-- {
		value, rest, ok := nextQuoted(line)
		switch {
		case !ok:
			return nil, false
		case index == 0:
			return value, len(value) > 0
		case len(rest) == 0 || rest[0] != ',':
			return nil, false
		}
		line = rest[1:]
	}
}

// nextQuoted takes a value off a line; rest begins with what ends it.
func nextQuoted(line []byte) (value, rest []byte, ok bool) {
	if len(line) == 0 || line[0] != '"' {
		at := bytes.IndexAny(line, ",\n\r")
		if at < 0 {
			return nil, nil, false
		}
		return line[:at], line[at:], true
	}
	for at := 1; at < len(line); at++ {
		if line[at] != '"' {
			continue
		}
		if at+1 < len(line) && line[at+1] == '"' {
			at++
			continue
		}
		return line[1:at], line[at+1:], true
	}
	return nil, nil, false
}
