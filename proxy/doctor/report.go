package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// SchemaVersion is the version of the report's JSON. It changes when a field
// changes its meaning or goes away.
const SchemaVersion = 1

// State is what came of a check, from worst to best as States lists them.
type State uint8

const (
	// Unknown means that it could not be looked at.
	Unknown State = iota
	// OK means that nothing is wrong.
	OK
	// Warning means that it works, and that somebody should know.
	Warning
	// Problem means that it does not work or does not protect.
	Problem
)

// States are all states, worst first.
var States = []State{Problem, Unknown, Warning, OK}

// String is the state's word in text and JSON.
func (s State) String() string {
	switch s {
	case OK:
		return "ok"
	case Warning:
		return "warning"
	case Problem:
		return "problem"
	}
	return "unknown"
}

// MarshalText implements encoding.TextMarshaler.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *State) UnmarshalText(text []byte) error {
	for _, known := range States {
		if known.String() == string(text) {
			*s = known
			return nil
		}
	}
	return fmt.Errorf("state %q is not known", text)
}

// rank orders states as States does.
func (s State) rank() int { return slices.Index(States, s) }

// Check is one thing that was looked at.
type Check struct {
	// Name says what was looked at, the same in every report, such as
	// trail.lock.
	Name string `json:"name"`
	// Subject says which one: an address, a database, a file. It can be
	// empty where there is only one.
	Subject string `json:"subject,omitempty"`
	State   State  `json:"state"`
	// Evidence is what was measured.
	Evidence string `json:"evidence"`
	// Fix is what to type or to change; empty if the state is OK. It can have
	// several lines, and SQL stands on lines of its own.
	Fix string `json:"fix,omitempty"`
}

// Report is what an examination found.
type Report struct {
	SchemaVersion int `json:"schema_version"`
	// Time is when it ended, by this machine's clock.
	Time time.Time `json:"time"`
	// Checks are in order: the worst state first, then by name and subject.
	Checks []Check `json:"checks"`
}

// Count returns how many checks have a state.
func (r *Report) Count(s State) int {
	n := 0
	for _, c := range r.Checks {
		if c.State == s {
			n++
		}
	}
	return n
}

// Summary counts the states in words, worst first.
func (r *Report) Summary() string {
	words := []string{}
	for _, s := range States {
		if n := r.Count(s); n > 0 {
			word := s.String()
			if n > 1 && (s == Problem || s == Warning) {
				word += "s"
			}
			words = append(words, fmt.Sprintf("%d %s", n, word))
		}
	}
	return strings.Join(words, ", ")
}

func (r *Report) sort() {
	slices.SortStableFunc(r.Checks, func(a, b Check) int {
		return cmp.Or(cmp.Compare(a.State.rank(), b.State.rank()), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Subject, b.Subject))
	})
}

// findings collects the checks about one subject.
type findings struct {
	subject string
	checks  []Check
}

func (f *findings) add(s State, name, fix, evidence string, args ...any) {
	if len(args) > 0 {
		evidence = fmt.Sprintf(evidence, args...)
	}
	f.checks = append(f.checks, Check{Name: name, Subject: f.subject, State: s, Evidence: evidence, Fix: fix})
}

func (f *findings) ok(name, evidence string, args ...any) { f.add(OK, name, "", evidence, args...) }

func (f *findings) warning(name, fix, evidence string, args ...any) {
	f.add(Warning, name, fix, evidence, args...)
}

func (f *findings) problem(name, fix, evidence string, args ...any) {
	f.add(Problem, name, fix, evidence, args...)
}

func (f *findings) unknown(name, fix, evidence string, args ...any) {
	f.add(Unknown, name, fix, evidence, args...)
}
