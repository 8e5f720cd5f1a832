package read

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/sluice-pg/sluice/audit/record"
)

// Filter selects records; what is empty selects all.
type Filter struct {
	// Session and ID are compared exactly.
	Session, ID string
	// Type selects the type itself and everything below it: "session"
	// selects session.open and session.close.
	Type string
	// Since and Until bound the time, both inclusive.
	Since, Until time.Time
	// User selects records whose body names this user, in the member user,
	// identity.user or request.identity.user, and all records of the
	// sessions such a record began.
	User string
}

// selector is a filter at work: it remembers the sessions of the user.
type selector struct {
	Filter
	sessions map[string]bool
}

func newSelector(f Filter) *selector {
	return &selector{Filter: f, sessions: make(map[string]bool)}
}

// wants tells whether a record is selected. Records must come in order.
func (s *selector) wants(r record.Record) bool {
	if s.User != "" && !s.ofUser(r) {
		return false
	}
	switch {
	case s.Session != "" && r.Session != s.Session,
		s.ID != "" && r.ID != s.ID,
		s.Type != "" && r.Type != s.Type && !strings.HasPrefix(r.Type, s.Type+"."),
		!s.Since.IsZero() && r.Time.Before(s.Since),
		!s.Until.IsZero() && r.Time.After(s.Until):
		return false
	}
	return true
}

// sessionClose is the type after which a session is forgotten.
const sessionClose = "session.close"

func (s *selector) ofUser(r record.Record) bool {
	mine := s.sessions[r.Session] || UserOf(r) == s.User
	if mine && r.Session != "" {
		s.sessions[r.Session] = true
	}
	if r.Type == sessionClose {
		delete(s.sessions, r.Session)
	}
	return mine
}

// UserOf returns the user a record's body names, empty if it names none.
func UserOf(r record.Record) string {
	type identity struct {
		User string `json:"user"`
	}
	var body struct {
		User     json.RawMessage `json:"user"`
		Identity json.RawMessage `json:"identity"`
		Request  json.RawMessage `json:"request"`
	}
	if json.Unmarshal(r.Body, &body) != nil {
		return ""
	}
	var user string
	if json.Unmarshal(body.User, &user) == nil && user != "" {
		return user
	}
	var direct identity
	if json.Unmarshal(body.Identity, &direct) == nil && direct.User != "" {
		return direct.User
	}
	var request struct {
		Identity identity `json:"identity"`
	}
	if json.Unmarshal(body.Request, &request) == nil {
		return request.Identity.User
	}
	return ""
}
