package proxy

import "time"

// State is what a server is doing at one moment.
type State struct {
	// Sessions are open, Strangers have not logged in.
	Sessions, Strangers int
	// Places is how many sessions may be open.
	Places   int
	Draining bool
	// Traffic is by the name of the database.
	Traffic map[string]Traffic
	// NextLeaseEnd is the earliest end of a credential that a session
	// works with; zero if none does.
	NextLeaseEnd time.Time
}

// Traffic counts what has passed between clients and the proxy since its
// start, logins left out.
type Traffic struct {
	// Sessions are open now.
	Sessions int64
	// In is bytes from clients, Out bytes to them, Rows rows to them.
	In, Out, Rows int64
}

func (t *Traffic) add(s *session) {
	t.In += s.bytesIn.Load()
	t.Out += s.bytesOut.Load()
	t.Rows += s.rows.Load()
}

// State may be called at any time. It looks at every session.
func (s *Server) State() State {
	st := State{
		Strangers: int(s.unborn.Load()), Places: s.config.Limits.Connections,
		Draining: s.leaving.Load(), Traffic: map[string]Traffic{},
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st.Sessions = len(s.mu.sessions)
	for name := range s.databases {
		st.Traffic[name] = s.mu.ended[name]
	}
	for session := range s.mu.sessions {
		name := session.database.config.Name
		t := st.Traffic[name]
		t.Sessions++
		t.add(session)
		st.Traffic[name] = t
		if end := session.leaseEnd(); st.NextLeaseEnd.IsZero() || end.Before(st.NextLeaseEnd) {
			st.NextLeaseEnd = end
		}
	}
	return st
}
