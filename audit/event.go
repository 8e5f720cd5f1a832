package audit

import (
	"strings"
	"time"
	"unicode/utf8"
)

// Event is one thing that happened, before it has a place in the trail.
type Event struct {
	// Time is when it happened; the trail keeps microseconds, UTC.
	Time time.Time
	// Type is a word with dots: session.open, decision, result, ...
	Type string
	// ID is the request id a person may be told; empty if there is none.
	ID string
	// Session is the session's id; empty for events of the proxy itself.
	Session string
	// Body is marshalled with encoding/json and then brought into
	// canonical form, unless it is a Canonicalizer. It may hold objects, arrays, strings, integers,
	// booleans and null; a fraction or an exponent is an error.
	Body any
}

// Canonicalizer is a body that writes its own canonical form, for records that
// are made all day. What it appends must be what Canonical returns for it, an
// object without a member whose name ends in _digest; whoever makes such a type
// shows that with a test.
type Canonicalizer interface {
	AppendCanonical(dst []byte) []byte
}

// AppendString appends a string in canonical form, with its quotation marks.
// What is not Unicode in it becomes U+FFFD.
func AppendString(dst []byte, s string) []byte {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return appendString(dst, strings.ToValidUTF8(s, "\uFFFD"))
		}
	}
	return appendString(dst, s)
}
