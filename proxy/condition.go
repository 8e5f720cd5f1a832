package proxy

import (
	"errors"

	"github.com/sluice-pg/sluice/audit"
	"github.com/sluice-pg/sluice/proxy/admin"
)

// Conditions implements admin.Subject.
func (s *Server) Conditions() []admin.Condition {
	serving := admin.Condition{Name: "serving"}
	if s.leaving.Load() {
		serving.Problem = "the proxy is stopping"
	}
	conditions := []admin.Condition{serving, s.listening(), s.recording(), s.deciding()}
	if s.vault != nil {
		conditions = append(conditions, s.lending())
	}
	return conditions
}

func (s *Server) lending() admin.Condition {
	c := admin.Condition{Name: "vault"}
	if s.vault() != nil {
		c.Problem = "it cannot be asked for credentials, so no session begins; the log has the cause"
	}
	return c
}

func (s *Server) listening() admin.Condition {
	c := admin.Condition{Name: "listeners"}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.mu.listeners {
		switch {
		case !l.accepting.Load():
			c.Problem = "an address is closed"
		case l.troubled.Load():
			c.Problem = "clients cannot be accepted; the log has the cause"
		}
	}
	if len(s.mu.listeners) == 0 {
		c.Problem = "no address is open"
	}
	return c
}

func (s *Server) recording() admin.Condition {
	c := admin.Condition{Name: "trail"}
	switch err := s.recorder.Healthy(); {
	case errors.Is(err, audit.ErrBroken):
		c.Problem = "a write failed, so nothing runs until the cause is mended and the proxy restarted; the log has the cause"
	case err != nil:
		c.Problem = "it takes no records, so nothing runs; the log has the cause"
	}
	return c
}

func (s *Server) deciding() admin.Condition {
	c := admin.Condition{Name: "policy"}
	if s.policy.Load() == nil {
		c.Problem = "none is in force"
	}
	return c
}

// Alive reports whether the server can still take its own locks and accepts,
// or stops. It is for a watchdog that ends the process otherwise, so nothing
// counts that a restart would not mend.
func (s *Server) Alive() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.mu.listeners {
		if !l.accepting.Load() && !s.leaving.Load() {
			return false
		}
	}
	return true
}
