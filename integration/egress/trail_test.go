package egress

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"slices"
	"testing"

	"github.com/sluice-pg/sluice/audit/read"
)

// entry is what is looked at of an event in a trail.
type entry struct {
	Type, Session string
	Body          struct {
		Application, Database string
		Decision              json.RawMessage
		Bytes                 int64
	}
}

// ruling is what is looked at of a decision.
type ruling struct {
	Verdict, Rule string
	Classes       []string
}

// account is what the trail has of a road: the decisions, and the bytes that the
// results of its statements are said to have had.
type account struct {
	decisions []ruling
	bytes     int64
}

// onTrail are the accounts of a lane's sessions, by the session's application name,
// which is the road's id.
func onTrail(t *testing.T, l *lane) map[string]account {
	t.Helper()
	var out bytes.Buffer
	if err := read.Show(&out, filepath.Join(l.gate.Dir(), "trail"), read.Filter{}, read.NDJSON); err != nil {
		t.Fatal(err)
	}
	sessions := map[string]string{}
	accounts := map[string]account{}
	for line := range bytes.Lines(out.Bytes()) {
		var e entry
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if e.Type == "session.open" && e.Body.Database == l.database {
			sessions[e.Session] = e.Body.Application
		}
		road, known := sessions[e.Session]
		if !known {
			continue
		}
		of := accounts[road]
		switch e.Type {
		case "decision":
			var r ruling
			if err := json.Unmarshal(e.Body.Decision, &r); err != nil {
				t.Fatalf("%v: %s", err, line)
			}
			of.decisions = append(of.decisions, r)
		case "result":
			of.bytes += e.Body.Bytes
		}
		accounts[road] = of
	}
	return accounts
}

// class is that of the canary.
const class = "contact.email"

// counted reports whether the trail has a statement that was let pass with the
// canary's class, and as many bytes of results as arrived at least, so that what it
// brought counts against that class.
func (a account) counted(arrived bool) bool {
	if arrived && a.bytes < int64(len(canary)) {
		return false
	}
	return slices.ContainsFunc(a.decisions, func(r ruling) bool { return r.Verdict != "deny" && slices.Contains(r.Classes, class) })
}
