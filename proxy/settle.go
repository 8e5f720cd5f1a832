package proxy

import "github.com/sluice-pg/sluice/policy/statement"

// Parser and server read most texts alike under any settings. Texts with a
// backslash or a byte beyond ASCII they do not, and code that cannot be seen
// through (a trigger, a function) may have changed a setting a moment ago.
// The server reports such a change just before ReadyForQuery, which for a
// pipelined text is too late. So a text of this sort waits until the
// settings are known.

// noteSettings notes that the message about to be sent may change a
// setting.
func (s *session) noteSettings(st *statement.Statement) {
	if leavesSettingsAlone(st) {
		return
	}
	s.pending.mu.Lock()
	s.pending.unsettled = s.pending.sequence + 1
	s.pending.mu.Unlock()
}

// leavesSettingsAlone is true only for statements that run no code but the
// server's own: a table may have a trigger, a view a function.
func leavesSettingsAlone(st *statement.Statement) bool {
	switch st.Node {
	case "TransactionStmt", "VariableShowStmt":
		return true
	}
	return st.Kind == statement.OrdinaryRead && len(st.Relations) == 0 && len(st.Settings) == 0 && len(st.Names) == 0
}

// settle returns when the server is known to read the text as the parser
// did.
func (s *session) settle(text string) error {
	if !statement.Sensitive(text) {
		return nil
	}
	p := s.pending
	p.mu.Lock()
	unsettled := p.unsettled
	known := unsettled <= p.settled || p.skipsHere()
	answered := p.willSettle(unsettled)
	p.mu.Unlock()
	switch {
	case known:
		return nil
	case answered:
		if err := s.flush(); err != nil {
			return err
		}
		return p.wait(func() bool { return p.settled >= unsettled || p.skipsHere() })
	}
	return s.askSettings()
}

// willSettle reports whether a ReadyForQuery is under way that says what
// became of the settings. Callers hold the lock.
func (p *pending) willSettle(unsettled uint64) bool {
	for _, t := range p.queue {
		if t.sequence >= unsettled && (t.typ == 'S' || t.typ == 'Q' || t.typ == 'F') {
			return true
		}
	}
	return false
}

// settingsProbe is the name of the statement and the portal of the proxy's own
// questions. It has the session's id, so that no client has it by chance.
func (s *session) settingsProbe() []byte { return []byte("sluice_settings_" + s.id) }

// askSettings asks the server what the settings are. The answers do not reach
// the client.
func (s *session) askSettings() error {
	var questions []string
	for _, setting := range pinned[:2] {
		questions = append(questions, "SHOW "+setting.name)
	}
	return s.askNow(questions, func(typ byte) *ticket { return &ticket{typ: typ, probe: true} })
}

// askNow asks the server in step with what the client has sent, and waits for the
// answers, or until the server is known to skip the questions. In the middle of a
// pipeline no Sync may be added: that would commit what the client has not
// committed. Elsewhere one has to be: a server from 17 on takes what comes behind
// for part of the pipeline, and would not commit it.
func (s *session) askNow(questions []string, newTicket func(typ byte) *ticket) error {
	if err := s.sayHeld(); err != nil {
		return err
	}
	p := s.pending
	p.mu.Lock()
	within := p.unsynced
	p.mu.Unlock()
	for _, text := range questions {
		err := s.askTicketed(text, func(typ byte) *ticket {
			t := newTicket(typ)
			t.alone = !within
			return t
		})
		if err != nil {
			return err
		}
	}
	answered := false
	last := &ticket{typ: 'S', probe: true, alone: !within, done: func(bool) { answered = true }}
	var err error
	if within {
		last.typ = 'C'
		if err = s.send(last, 'C', []byte{'P'}, s.settingsProbe(), nul); err == nil {
			err = s.upstream.conn.WriteFrame('H')
		}
	} else {
		err = s.send(last, 'S')
	}
	if err != nil {
		return err
	}
	if err := s.upstream.conn.Flush(); err != nil {
		return err
	}
	return p.wait(func() bool { return answered || within && p.skipsHere() })
}

// askTicketed is ask with a say in the tickets of its messages.
func (s *session) askTicketed(text string, newTicket func(typ byte) *ticket) error {
	name := s.settingsProbe()
	for _, m := range []struct {
		typ   byte
		parts [][]byte
	}{
		{'P', [][]byte{name, nul, []byte(text), {0, 0, 0}}},
		{'B', [][]byte{name, nul, name, {0, 0, 0, 0, 0, 0, 0}}},
		{'E', [][]byte{name, nul, {0, 0, 0, 0}}},
		{'C', [][]byte{{'P'}, name, nul}},
		{'C', [][]byte{{'S'}, name, nul}},
	} {
		if err := s.send(newTicket(m.typ), m.typ, m.parts...); err != nil {
			return err
		}
	}
	return nil
}
