package audit

import "time"

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
	// canonical form. It may hold objects, arrays, strings, integers,
	// booleans and null; a fraction or an exponent is an error.
	Body any
}
