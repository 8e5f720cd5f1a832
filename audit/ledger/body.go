package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/sluice-pg/sluice/audit"
	"github.com/sluice-pg/sluice/audit/record"
)

// ErrBody is the error for a body that cannot be an event of its type: a
// member is missing, too long or says what cannot be.
var ErrBody = errors.New("this cannot be said of a copy or a place")

// ErrForeign is what Decode returns besides a body that it understands in
// part: it has members that this version would not write, as a later one may. A
// ledger takes such an event, and does not believe that it ended anything.
var ErrForeign = errors.New("it has members that this version does not write")

// Body is the body of one event about a copy or a place.
type Body interface {
	// EventType is the type of the event in the trail.
	EventType() string
	// Check says everything that is wrong with the body; its error is ErrBody.
	Check() error
}

// ofCopy is a body about one copy.
type ofCopy interface {
	Body
	copyID() string
}

// CopyOf is the id of the copy that a body is about, empty for one about a place.
func CopyOf(b Body) string {
	if of, is := b.(ofCopy); is {
		return of.copyID()
	}
	return ""
}

// ofPlace is a body about one place.
type ofPlace interface {
	Body
	placeName() string
}

// bodies has an empty body for every type of event.
var bodies = map[string]func() Body{
	"copy.begun":     func() Body { return new(Begun) },
	"copy.published": func() Body { return new(Published) },
	"copy.failed":    func() Body { return new(Failed) },
	"copy.renewed":   func() Body { return new(Renewed) },
	"copy.reminded":  func() Body { return new(Reminded) },
	"copy.drifted":   func() Body { return new(Drifted) },
	"copy.recovered": func() Body { return new(Recovered) },
	"copy.frozen":    func() Body { return new(Frozen) },
	"copy.thawed":    func() Body { return new(Thawed) },
	"copy.purged":    func() Body { return new(Purged) },
	"copy.expired":   func() Body { return new(Expired) },
	"copy.removed":   func() Body { return new(Removed) },
	"copy.lost":      func() Body { return new(Lost) },
	"place.measured": func() Body { return new(Measured) },
	"place.changed":  func() Body { return new(Changed) },
}

// Types are the types of records that a ledger is made of, for read.Types: a
// word without a dot stands for all types below it.
var Types = []string{"copy", "place", "trail.open", "trail.close"}

// Event makes the event of a body. What does not pass its check is not
// recorded: the trail would hold what no ledger believes. id and session are
// the request's, empty where nobody asked. A copy is refused that has too many
// relations and columns for this record, or for the one that would say that it
// is published: when the rows are there it is too late.
func Event(at time.Time, id, session string, body Body) (audit.Event, error) {
	if err := body.Check(); err != nil {
		return audit.Event{}, err
	}
	if begun, ok := body.(*Begun); ok {
		c := &check{event: begun.EventType()}
		c.must(id != "", "a copy is begun by a request, and its id is missing")
		begun.fits(c)
		if err := c.err(); err != nil {
			return audit.Event{}, err
		}
	}
	return audit.Event{Time: at, Type: body.EventType(), ID: id, Session: session, Body: body}, nil
}

// Decode reads the body of a record. The errors are ErrBody; with ErrForeign
// the body is good, and there is more in the record than it holds. A type that
// is not of this package gives nil and no error.
func Decode(eventType string, body []byte) (Body, error) {
	b, err := decode(eventType, body)
	if err == nil && b != nil && record.CheckCanonical(body) != nil {
		err = foreign(eventType)
	}
	return b, err
}

// decode is Decode for a body that is in canonical form, as in every record.
func decode(eventType string, body []byte) (Body, error) {
	empty, known := bodies[eventType]
	if !known {
		return nil, nil
	}
	b := empty()
	if err := json.Unmarshal(body, b); err != nil {
		return nil, fmt.Errorf("ledger: %s: %w: %s", eventType, ErrBody, withoutValues(err))
	}
	if err := b.Check(); err != nil {
		return nil, err
	}
	same, err := written(b, body)
	if err != nil {
		return nil, fmt.Errorf("ledger: %s: %w: %w", eventType, ErrBody, err)
	}
	if !same {
		return b, foreign(eventType)
	}
	return b, nil
}

func foreign(eventType string) error { return fmt.Errorf("ledger: %s: %w", eventType, ErrForeign) }

// written tells whether a canonical text is what the body would be written as.
// Members of all bodies are declared in order, so that encoding/json writes the
// canonical form but for some escapes.
func written(b Body, text []byte) (bool, error) {
	var plain bytes.Buffer
	plain.Grow(len(text) + 1)
	encoder := json.NewEncoder(&plain)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(b); err != nil {
		return false, err
	}
	if bytes.Equal(bytes.TrimSuffix(plain.Bytes(), []byte("\n")), text) {
		return true, nil
	}
	canonical, err := audit.Canonical(b)
	return bytes.Equal(canonical, text), err
}

// withoutValues words an error of encoding/json by the member it is about.
func withoutValues(err error) string {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		found, _, _ := strings.Cut(wrong.Value, " ") // what follows is the value
		return fmt.Sprintf("the type of %s is %s, expected %s", orBody(wrong.Field), found, kindOf(wrong.Type))
	}
	return err.Error()
}

// kindOf is what JSON calls a type of Go.
func kindOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Struct, reflect.Map:
		return "object"
	case reflect.Slice:
		return "array"
	}
	return t.Kind().String()
}

func orBody(field string) string {
	if field == "" {
		return "the body"
	}
	return field
}

// copyOf reads the id out of a body that is otherwise not understood.
func copyOf(body []byte) (string, bool) {
	var b struct {
		Copy json.RawMessage `json:"copy"`
	}
	var id string
	if json.Unmarshal(body, &b) != nil || json.Unmarshal(b.Copy, &id) != nil {
		return "", false
	}
	return id, ValidID(id)
}
