package proxy

import (
	"bytes"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/sluice-pg/sluice/proxy/wire"
)

// serverError passes an error on, reworded if it is the answer to a marker or
// to a cancel request. An error may quote a value and be as long as that, so
// only its beginning is read: severity and SQLSTATE come first.
func (s *session) serverError(h wire.Header) error {
	prefix, err := s.upstream.conn.Prefix(smallBody)
	if err != nil {
		return err
	}
	fields := errorFields(prefix)
	fatal := fields['V'] == "FATAL" || fields['V'] == "PANIC"
	if fatal {
		s.lastWords.Store(true)
	}
	t, err := s.failHead(fields['C'], fatal)
	if err != nil {
		return err
	}
	if t != nil && t.role != noRoleProbe && !fatal {
		return s.roleNotTaken(t, fields['C'])
	}
	if t != nil && t.alone && !fatal {
		return s.upstream.conn.Discard() // the client's next statement fails by itself
	}
	r, err := s.rewording(t, fields['C'], int64(h.Len))
	if err != nil {
		return err
	}
	quotes := r == nil && !fatal && !s.swallowing && s.mayQuote(t, fields)
	digest := ""
	if quotes {
		if digest, err = s.discardDigest(); err != nil {
			return err
		}
		if t.work != nil {
			t.work.kept.err = digest
		}
	} else if r == nil {
		t.says(h.Len)
	}
	if err := s.recordFailure(t, orUnknown(fields['C']), digest, fatal); err != nil {
		return err
	}
	if s.swallowing && !fatal {
		return s.upstream.conn.Discard()
	}
	if err := s.sayNotices(t); err != nil {
		return err
	}
	if quotes {
		return s.client.WriteMessage(withoutValues(fields))
	}
	if r == nil || fatal {
		_, err := s.upstream.conn.Forward(s.client)
		return err
	}
	return s.reword(t, r)
}

// recordFailure puts on record what failed, unless ReadyForQuery will. digest
// is that of the error if the client is not shown all of it.
func (s *session) recordFailure(t *ticket, sqlstate, digest string, fatal bool) error {
	if t == nil {
		return nil
	}
	if t.work != nil {
		t.work.sqlstate = sqlstate
		if t.typ == 'E' || fatal {
			return s.recordResult(t.work, s.server.now())
		}
	}
	if t.typ == 'S' && s.lastRun != "" {
		// What ran well could not be committed.
		w := &work{decision: s.lastRun, started: s.server.now(), sqlstate: sqlstate, kept: keptBack{err: digest}}
		return s.recordResult(w, w.started)
	}
	return nil
}

// queryCanceled is the SQLSTATE of a statement that was cancelled.
const queryCanceled = "57014"

// rewording is what the client reads in place of the server's error: the
// refusal behind a marker, or the limit that was reached, also by the error
// itself.
func (s *session) rewording(t *ticket, sqlstate string, length int64) (*refusal, error) {
	switch {
	case t == nil:
		return nil, nil
	case t.refusal != nil:
		return t.refusal, nil
	}
	pass, _, err := s.charge(t, 0, asQuote(length), true)
	if err != nil {
		return nil, err
	}
	s.pending.mu.Lock()
	defer s.pending.mu.Unlock()
	switch w := t.work; {
	case w == nil && !pass:
		return refuseUncounted(newID()), nil
	case w == nil:
		return nil, nil
	case w.over != nil:
		return w.over.refusal(w.decision, false), nil
	case w.late != nil && sqlstate == queryCanceled:
		return w.late.refusal(w.decision, false), nil
	}
	return nil, nil
}

// refuseUncounted stands in for an error of a message that runs nothing, if its
// budget has no room for it.
func refuseUncounted(id string) *refusal {
	return &refusal{
		id: id, sqlstate: "42501", rule: "builtin:budget",
		message: "sluice: the database's error is not shown, because a budget for what it may quote is spent [req " + id + "]",
		hint:    "SHOW sluice.budget tells how much there is, and when room comes back.",
	}
}

func (s *session) reword(t *ticket, r *refusal) error {
	if err := s.upstream.conn.Discard(); err != nil {
		return err
	}
	if t.typ == 'Q' && t.refusal != nil {
		if err := s.takeRefusedCopies(t); err != nil {
			return err
		}
	}
	return s.client.WriteMessage(r.response("ERROR"))
}

// failHead returns what an error answers, and takes it off the queue unless
// the server is going away.
func (s *session) failHead(sqlstate string, fatal bool) (*ticket, error) {
	p := s.pending
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.head()
	if fatal {
		return t, nil
	}
	err := p.failed(sqlstate)
	p.changed.Broadcast()
	return t, err
}

// takeRefusedCopies asks for every block of COPY data that a refused text
// announces, and says that nothing was copied, so that the client takes none
// of the blocks for statements. The error that follows ends the last one.
func (s *session) takeRefusedCopies(t *ticket) error {
	blocks := t.refusal.copyIns
	for i, c := range blocks {
		if err := s.client.WriteMessage(copyInResponse(c)); err != nil {
			return err
		}
		if i == len(blocks)-1 {
			return nil
		}
		if err := s.client.Flush(); err != nil {
			return err
		}
		more, err := s.pending.copyEnded(t, i+1)
		if err != nil || !more {
			return err
		}
		if err := s.client.WriteMessage(&pgproto3.CommandComplete{CommandTag: []byte("COPY 0")}); err != nil {
			return err
		}
	}
	return nil
}

// orUnknown stands in for an SQLSTATE that the server left out.
func orUnknown(sqlstate string) string {
	if sqlstate == "" {
		return "XX000"
	}
	return sqlstate
}

// errorFields reads the fields of an ErrorResponse (protocol section "Error
// and Notice Message Fields").
func errorFields(body []byte) map[byte]string {
	fields := map[byte]string{}
	for len(body) > 1 && body[0] != 0 {
		value, rest, ok := bytes.Cut(body[1:], nul)
		if !ok {
			break
		}
		if _, seen := fields[body[0]]; !seen {
			fields[body[0]] = string(value)
		}
		body = rest
	}
	if fields['V'] == "" {
		fields['V'] = fields['S'] // before 9.6
	}
	return fields
}
