package record

import (
	"fmt"
	"time"
)

// Version is the version of the record and segment formats read here.
const Version = 1

// TimeLayout is how a time is written: UTC, always six digits of a second.
const TimeLayout = "2006-01-02T15:04:05.000000Z"

// Record is one event with its place in the trail.
type Record struct {
	// Index is the record's place, counted from 0.
	Index int64
	// Time is when the event happened, in UTC to the microsecond.
	Time time.Time
	// Type is a word with dots: session.open, decision, result, ...
	Type string
	// ID is the request id, empty if there is none.
	ID string
	// Session is the session's id, empty if there is none.
	Session string
	// Body is a canonical JSON object.
	Body []byte
	// Raw is the whole record as it was written and as the tree holds it.
	Raw []byte
}

// Parse reads a record. The text must be canonical to the byte. The record's
// Body and Raw are parts of data.
func Parse(data []byte) (Record, error) {
	c := cursor{data: data}
	r := Record{Raw: data}
	if err := c.literal(`{"body":`); err != nil {
		return Record{}, err
	}
	start := c.pos
	if c.peek() != '{' {
		return Record{}, c.fail("the body is not an object")
	}
	if err := c.value(1); err != nil {
		return Record{}, err
	}
	r.Body = data[start:c.pos]
	var when string
	steps := []func() error{
		c.textMember(`,"id":`, &r.ID),
		c.numberMember(`,"index":`, &r.Index),
		c.textMember(`,"session":`, &r.Session),
		c.textMember(`,"time":`, &when),
		c.textMember(`,"type":`, &r.Type),
		c.versionMember(`,"v":`),
		func() error { return c.literal(`}`) },
		c.end,
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return Record{}, err
		}
	}
	return r, r.finish(when)
}

// finish checks what the grammar alone cannot.
func (r *Record) finish(when string) error {
	t, err := time.Parse(TimeLayout, when)
	if err != nil || t.Format(TimeLayout) != when {
		return fmt.Errorf("the time %q is not written as %s", when, TimeLayout)
	}
	if r.Index < 0 {
		return fmt.Errorf("the index %d is negative", r.Index)
	}
	if !ValidType(r.Type) {
		return fmt.Errorf("the type %q is not lower-case words with dots", r.Type)
	}
	r.Time = t
	return nil
}

// ValidType tells whether s is one to eight words of [a-z0-9_] joined by
// dots, at most 64 bytes in all.
func ValidType(s string) bool {
	if len(s) > 64 {
		return false
	}
	words, inWord := 0, false
	for i := range len(s) {
		switch b := s[i]; {
		case b >= 'a' && b <= 'z' || b >= '0' && b <= '9' || b == '_':
			if !inWord {
				words++
			}
			inWord = true
		case b == '.' && inWord:
			inWord = false
		default:
			return false
		}
	}
	return inWord && words <= 8
}

func (c *cursor) textMember(name string, to *string) func() error {
	return func() (err error) {
		if err = c.literal(name); err == nil {
			*to, err = c.str()
		}
		return err
	}
}

func (c *cursor) numberMember(name string, to *int64) func() error {
	return func() (err error) {
		if err = c.literal(name); err == nil {
			*to, err = c.integer()
		}
		return err
	}
}

func (c *cursor) versionMember(name string) func() error {
	return func() error {
		var v int64
		if err := c.numberMember(name, &v)(); err != nil {
			return err
		}
		if v != Version {
			return c.fail("version %d is not known here, only %d", v, Version)
		}
		return nil
	}
}
