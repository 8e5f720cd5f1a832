package proxy

import (
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"

	shared "github.com/sluice-pg/sluice/policy/budget"
	"github.com/sluice-pg/sluice/proxy/wire"
)

// notice counts and passes on a notice, which can carry data as a row can.
func (s *session) notice(h wire.Header) error {
	t := s.head()
	pass, first, err := s.charge(t, 0, asQuote(int64(h.Len)), true)
	if err != nil {
		return err
	}
	if !pass {
		return s.withhold(t, first)
	}
	prefix, err := s.upstream.conn.Prefix(smallBody)
	if err != nil {
		return err
	}
	if fields := errorFields(prefix); s.mayQuote(t, fields) {
		return s.keepNotice(t, fields)
	}
	t.says(h.Len)
	_, err = s.upstream.conn.Forward(s.client)
	return err
}

// withhold keeps a message of a statement that is over its limit from the
// client. The first time it has the server stop the statement.
func (s *session) withhold(t *ticket, first bool) error {
	if err := s.upstream.conn.Discard(); err != nil {
		return err
	}
	if first {
		s.stopOver(t)
	}
	return nil
}

// sentTogether tells why a limit ended the session, and how to keep it.
const sentTogether = "The session ended, because statements that were sent together with this one may have run after it. " +
	"Send statements one by one, or select the rows you need with WHERE and LIMIT."

// endWithheld ends a statement for the client that ran to its end before it
// could be stopped. The client is told of an error, and will take what it has
// sent up to the next Sync for skipped. If the server goes on to run any of
// that, no answer would be true, and the session ends.
func (s *session) endWithheld(t *ticket) error {
	p := s.pending
	p.mu.Lock()
	more := t.typ == 'Q' && t.work.completed != t.work.statements || t.typ == 'E' && p.runsMore()
	p.mu.Unlock()
	r := t.work.over.refusal(t.work.decision, !t.work.onlyRead())
	if more {
		return startupError{r.sqlstate, r.message, sentTogether}.because(errOverLimit)
	}
	s.swallowing = true
	return s.client.WriteMessage(r.response("ERROR"))
}

// onlyRead reports whether the command tag is that of a statement that changes
// nothing by itself (protocol section "Message Formats", CommandComplete).
func (w *work) onlyRead() bool {
	return strings.HasPrefix(w.tag, "SELECT") || strings.HasPrefix(w.tag, "FETCH")
}

// runsMore reports whether anything is to run before the next Sync, as far as
// it was sent. Callers hold the lock.
func (p *pending) runsMore() bool {
	for _, t := range p.queue {
		switch t.typ {
		case 'S':
			return false
		case 'E', 'Q', 'F':
			return true
		}
	}
	return len(p.queue) == 0 || p.queue[len(p.queue)-1].typ != 'S'
}

// sayNotices tells the client what the policy wants said about a message,
// before its first answer.
func (s *session) sayNotices(t *ticket) error {
	if t == nil || len(t.notices) == 0 {
		return nil
	}
	for _, n := range t.notices {
		m := &pgproto3.NoticeResponse{
			Severity: "WARNING", SeverityUnlocalized: "WARNING", Code: "01000",
			Message: "sluice: " + n.Text, ConstraintName: n.Rule,
		}
		if n.Position != "" {
			m.Detail = "The rule stands at " + n.Position + "."
		}
		if err := s.client.WriteMessage(m); err != nil {
			return err
		}
	}
	t.notices = nil
	return nil
}

// functionResult counts and passes on the result of a FunctionCall.
func (s *session) functionResult(t *ticket, h wire.Header) error {
	pass, _, err := s.charge(t, 1, shared.Message{Rows: 1, Bytes: int64(h.Len)}, false)
	if err != nil {
		return err
	}
	if err := s.sayNotices(t); err != nil {
		return err
	}
	if pass {
		_, err := s.upstream.conn.Forward(s.client)
		return err
	}
	if err := s.upstream.conn.Discard(); err != nil {
		return err
	}
	return s.client.WriteMessage(t.work.over.refusal(t.work.decision, true).response("ERROR"))
}
