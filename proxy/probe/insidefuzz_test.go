package probe

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// lyingServer answers every question with rows of the fuzzer's.
type lyingServer struct {
	data    []byte
	queries int
	ends    bool // some question has no answer
}

var errNoAnswer = errors.New("no answer")

// Query gives up to three rows with as many columns as the question has; NULLs,
// booleans, numbers and texts come from the data.
func (s *lyingServer) Query(_ context.Context, sql string, row func([][]byte) error) error {
	s.queries++
	if strings.Contains(strings.ToUpper(sql), "INSERT ") || !strings.HasPrefix(sql, "SELECT") {
		return errors.New("the probe does more than SELECT")
	}
	if s.ends && s.queries == 1+len(s.data)%16 {
		return errNoAnswer
	}
	columns := 0
	for _, n := range []int{8, 3, 2, 1, 9, 5, 4, 10, 6} {
		if len(s.data) > 0 && int(s.data[0])%10 == n {
			columns = n
		}
	}
	if columns == 0 {
		columns = expectedColumns(sql)
	}
	for range 3 {
		values := make([][]byte, columns)
		for i := range values {
			values[i] = s.value()
		}
		if err := row(values); err != nil {
			return err
		}
	}
	return nil
}

func (s *lyingServer) value() []byte {
	if len(s.data) == 0 {
		return nil
	}
	kind, rest := s.data[0], s.data[1:]
	n := min(int(kind/8), len(rest))
	s.data = rest[n:]
	switch kind % 8 {
	case 0:
		return nil
	case 1, 2:
		return []byte{"ft"[kind%2]}
	case 3:
		return []byte("150018")
	case 4:
		return []byte(`["a","b"]`)
	case 5:
		return bytes.Repeat([]byte("x"), maxText+1)
	}
	return rest[:n]
}

// expectedColumns counts for a question how many columns the probe expects.
func expectedColumns(sql string) int {
	for text, n := range map[string]int{
		sqlSelf: 8, sqlTransport: 3, sqlRights: 2, sqlSystem: 1, sqlRoles: 9, sqlMemberships: 5, sqlMemberships16: 5,
		sqlVerifiers: 4, sqlHBA: 10, sqlHBA16: 10, sqlIdent: 4, sqlFileErrors: 2, sqlDatabases: 6, sqlSchemas: 3, sqlDefaultACLs: 5,
		sqlRoleSettings: 3, sqlFileFunctions: 2, sqlSoftPolicies: 2, sqlExtensions: 3, sqlLanguages: 2, sqlEventTriggers: 5,
		sqlForeignServers: 4, sqlPublications: 3, sqlSubscriptions: 3, sqlSlots: 4, sqlWalsenders: 3,
	} {
		if strings.HasPrefix(sql, text) {
			return n
		}
	}
	return 3 // the settings
}

// FuzzInside lets a server answer whatever it likes. Inside ends, with facts
// that have a JSON and a digest, or with an error that names the question.
func FuzzInside(f *testing.F) {
	f.Add([]byte{}, false)
	f.Add([]byte("\x03\x04\x01\x02abcdefghijklmnop"), false)
	f.Add(bytes.Repeat([]byte{3, 1, 4, 0, 5, 30, 'x', 'y', 'z', 2}, 40), true)
	f.Fuzz(func(t *testing.T, data []byte, ends bool) {
		facts, err := Inside(t.Context(), &lyingServer{data: data, ends: ends})
		if err != nil {
			if facts != nil || !strings.HasPrefix(err.Error(), "asking the server for ") {
				t.Errorf("%v", err)
			}
			return
		}
		if text, err := json.Marshal(facts); err != nil || !json.Valid(text) || len(facts.Digest()) != 64 {
			t.Errorf("facts without JSON: %v", err)
		}
		if facts.HBA.Known && facts.HBA.Value.Rules == nil && facts.HBA.Evidence == "" {
			t.Error("rules are known, and nothing says from where")
		}
	})
}

// Longer lists and texts than a server can have leave the fact unknown, and
// what came of it is kept.
func TestInsideIsBounded(t *testing.T) {
	i := &inquiry{ctx: t.Context(), q: answers(func(row func([][]byte) error) error {
		for range maxRows + 5 {
			if err := row([][]byte{[]byte("x")}); err != nil {
				return err
			}
		}
		return nil
	})}
	fact, err := list(i, "things", "SELECT", 1, maxRows, func(r *row) string { return r.text(0) })
	if err != nil || fact.Known || len(fact.Value) != maxRows || fact.Evidence != "things: there are more than 4000" {
		t.Errorf("%d things, %q, known: %t, %v", len(fact.Value), fact.Evidence, fact.Known, err)
	}
	i.q = answers(func(row func([][]byte) error) error { return row([][]byte{bytes.Repeat([]byte("x"), maxText+1)}) })
	fact, err = list(i, "things", "SELECT", 1, maxRows, func(r *row) string { return r.text(0) })
	if err != nil || fact.Known || len(fact.Value[0]) != maxText {
		t.Errorf("%d bytes, %q, known: %t, %v", len(fact.Value[0]), fact.Evidence, fact.Known, err)
	}
}

type answers func(row func([][]byte) error) error

func (a answers) Query(_ context.Context, _ string, row func([][]byte) error) error { return a(row) }
