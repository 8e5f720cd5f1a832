package vaulttest

import (
	"errors"
	"strings"
	"time"
)

var errCut = errors.New("the connection was cut")

// Fault is what goes wrong with a request.
type Fault struct {
	// Path limits it to requests whose path contains this.
	Path string
	// Status answers with a status code and does nothing else.
	Status int
	// Words are the errors of that answer.
	Words []string
	// RetryAfter is the header's value in seconds.
	RetryAfter int
	// Cut ends the connection before anything was done, Lose after it.
	Cut, Lose bool
	// Delay comes before everything else.
	Delay time.Duration
	// Times is how many requests it meets; 0 means all.
	Times int
}

func (f Fault) nothing() bool {
	return f.Status == 0 && !f.Cut && !f.Lose && f.Delay == 0
}

// Standby answers as a performance standby.
func Standby() Fault { return Fault{Status: 473} }

// Sealed answers as a sealed Vault.
func Sealed() Fault { return Fault{Status: 503, Words: []string{"Vault is sealed"}} }

// TooMany asks for fewer requests, and says when to come again.
func TooMany(seconds int) Fault { return Fault{Status: 429, RetryAfter: seconds} }

// Denied answers as if no policy allowed it.
func Denied() Fault {
	return Fault{Status: 403, Words: []string{"1 error occurred:\n\t* permission denied\n\n"}}
}

// Set puts faults in the place of those before; none makes all well again.
func (s *Server) Set(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = faults
}

// Decide has a function say for each request what goes wrong with it; nil for
// none. It must not call the server.
func (s *Server) Decide(decide func(Call) Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.decide = decide
}

// fault takes the one that meets a request. The caller holds mu.
func (s *Server) fault(call Call) Fault {
	if s.decide != nil {
		if f := s.decide(call); !f.nothing() {
			return f
		}
	}
	for n := range s.faults {
		f := &s.faults[n]
		if !strings.Contains(call.Path, f.Path) || f.Times < 0 {
			continue
		}
		met := *f
		if f.Times == 1 {
			f.Times = -1
		} else if f.Times > 1 {
			f.Times--
		}
		return met
	}
	return Fault{}
}
