package proxy

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/sluice-pg/sluice/audit"
)

// remembering is a trail that keeps what kind of records came, and can fail.
type remembering struct {
	seen []string
	fail error
}

func (r *remembering) Append(_ context.Context, e audit.Event) (audit.Index, error) {
	return 0, r.Enqueue(e)
}

func (r *remembering) Enqueue(e audit.Event) error {
	if r.fail != nil {
		return r.fail
	}
	word := e.Type
	if body, ok := e.Body.(*repeatRecord); ok {
		word += " " + body.Road
	}
	r.seen = append(r.seen, word)
	return nil
}

func (r *remembering) Healthy() error                              { return r.fail }
func (r *remembering) Put(context.Context, []byte) (string, error) { return "", r.fail }

func (r *remembering) Get(string) ([]byte, error) { return nil, r.fail }

// speak has a session read messages, and rest.
func (s *session) speak(t *testing.T, client, server *loaded, messages ...message) error {
	t.Helper()
	client.unread = encodeAll(t, messages)
	for range messages {
		if err := next(s.client, s.hear); err != nil {
			return err
		}
	}
	return s.clientRests()
}

// TestHeldRecords: a Parse and the Execute behind it are one record, as long as
// nothing was sent in between; whatever comes, the Parse is on record before it
// is sent.
func TestHeldRecords(t *testing.T) {
	parse := &pgproto3.Parse{Query: "SELECT abalance FROM pgbench_accounts WHERE aid = $1;"}
	bind, execute, sync := &pgproto3.Bind{Parameters: [][]byte{[]byte("1")}}, &pgproto3.Execute{}, &pgproto3.Sync{}
	large := &pgproto3.Bind{Parameters: [][]byte{bytes.Repeat([]byte("x"), heldMessage)}}
	other := &pgproto3.Parse{Name: "other", Query: parse.Query}
	for _, c := range []struct {
		name string
		sent []message
		want string
	}{
		{"in one breath", []message{parse, bind, &pgproto3.Describe{ObjectType: 'P'}, execute, sync}, "repeat parse+execute"},
		{"parsed only", []message{parse, sync}, "repeat parse"},
		{"not run", []message{parse, bind, sync}, "repeat parse"},
		{"run twice", []message{parse, bind, execute, execute, sync}, "repeat parse+execute, execute"},
		{"a large Bind", []message{parse, large, execute, sync}, "repeat parse, execute"},
		{"a Flush between", []message{parse, bind, &pgproto3.Flush{}, execute, sync}, "repeat parse, execute"},
		{"a Close between", []message{parse, bind, &pgproto3.Close{ObjectType: 'S', Name: "x"}, execute, sync}, "repeat parse, execute"},
		{"two in a row", []message{parse, bind, execute, parse, bind, execute, sync}, "repeat parse+execute, repeat parse+execute"},
		{"another is run", []message{other, &pgproto3.Bind{PreparedStatement: "nobody"}, execute, sync}, "repeat parse, decision, execute"},
		{"a refused text", []message{parse, bind, &pgproto3.Parse{Query: "SELEC"}, sync}, "repeat parse, decision"},
		{"goodbye", []message{parse, &pgproto3.Terminate{}}, "repeat parse"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, client, server := speakingSession(t)
			trail := &remembering{}
			s.server.recorder = trail
			must(t, s.speak(t, client, server, parse, bind, execute, sync))
			if first := strings.Join(trail.seen, ", "); first != "decision, execute" {
				t.Fatalf("the first time: %s", first)
			}
			trail.seen = nil
			err := s.speak(t, client, server, c.sent...)
			if err != nil && !errors.Is(err, errTerminated) {
				t.Fatal(err)
			}
			if got := strings.Join(trail.seen, ", "); got != c.want {
				t.Errorf("on record: %s; want %s", got, c.want)
			}
		})
	}
}

// Nothing that is not on record is sent: a trail that breaks while a record is
// held ends the session.
func TestHeldRecordsThatFail(t *testing.T) {
	parse := &pgproto3.Parse{Query: "SELECT 1"}
	for name, then := range map[string][]message{
		"sync": {&pgproto3.Sync{}}, "execute": {&pgproto3.Bind{}, &pgproto3.Execute{}}, "large": {&pgproto3.Bind{DestinationPortal: strings.Repeat("x", heldMessage)}},
		"rest": nil, "flush": {&pgproto3.Flush{}}, "terminate": {&pgproto3.Terminate{}}, "query": {&pgproto3.Query{String: "SELECT 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, client, server := speakingSession(t)
			trail := &remembering{}
			s.server.recorder = trail
			must(t, s.speak(t, client, server, parse, &pgproto3.Sync{}))
			before := server.written
			client.unread = encodeAll(t, []message{parse})
			must(t, next(s.client, s.hear))
			trail.fail = errors.New("full")
			if err := s.speak(t, client, server, then...); !errors.Is(err, trail.fail) {
				t.Errorf("the session goes on: %v", err)
			}
			if server.written != before {
				t.Errorf("%d bytes were sent", server.written-before)
			}
		})
	}
}
