package proxy

import (
	"bytes"
	"errors"
	"strings"

	shared "github.com/sluice-pg/sluice/policy/budget"
	"github.com/sluice-pg/sluice/proxy/wire"
)

// maxReport bounds the messages from the server that are read whole, in
// bytes: reports of settings.
const maxReport = 16 << 20

// fromServer relays the server's messages until one of them ends the
// session. It is the only writer to the client while the session runs.
func (s *session) fromServer() error {
	defer s.endWriting()
	return s.upstream.conn.Serve(s.serverRests, oddFromServer, s.serverMessage)
}

// beginWriting takes the turn to write to the client, and endWriting gives it back.
func (s *session) beginWriting() {
	if !s.writes {
		s.toClient.Lock()
		s.writes = true
	}
}

func (s *session) endWriting() {
	if s.writes {
		s.writes = false
		s.toClient.Unlock()
	}
}

// oddFromServer tells a message that no server sends.
func oddFromServer(h wire.Header) bool {
	return strings.IndexByte("DdESZCIsNA123nTtGHWcV", h.Type) < 0 || h.Type == 'C' && h.Len > smallBody
}

// serverRests sends on what has been gathered.
func (s *session) serverRests() error {
	s.beginWriting()
	defer s.endWriting()
	s.tab.rest()
	if err := s.sayUnasked(); err != nil {
		return err
	}
	return s.client.Flush()
}

func (s *session) serverMessage(h wire.Header) error {
	s.beginWriting()
	s.bytesOut.Add(int64(h.Len) + 5)
	switch h.Type {
	case 'D', 'd':
		return s.data(h)
	case 'E':
		return s.serverError(h)
	case 'S':
		return s.parameterStatus()
	case 'Z':
		return s.ready(h)
	case 'C', 'I', 's':
		return s.completed(h)
	case 'N':
		return s.notice(h)
	case 'A':
		_, err := s.upstream.conn.Forward(s.client)
		return err
	}
	return s.passAnswer(h)
}

// data counts and passes on a row.
func (s *session) data(h wire.Header) error {
	p := s.pending
	p.mu.Lock()
	t := p.head()
	var pass, first bool
	if t != nil && !t.probe {
		pass, first = t.charge(1, int64(h.Len))
	}
	p.mu.Unlock()
	switch {
	case t == nil:
		return desync("a row while waiting for nothing")
	case t.hears != nil:
		return s.sightAnswer(t)
	case t.probe:
		return s.settingAnswer()
	}
	pass, first, err := s.chargeRow(t, h, pass, first)
	switch {
	case err != nil:
		return err
	case !pass || s.swallowing:
		return s.withhold(t, first)
	}
	if t.work != nil {
		if err := s.stillJudged(t); err != nil {
			return s.changedMeanwhile(t, err)
		}
	}
	if err := s.lookAt(t, h); err != nil {
		return err
	}
	if r := t.work.maskedNow(); r != nil {
		return s.maskedData(t, r, h)
	}
	if err := s.sayNotices(t); err != nil {
		return err
	}
	s.rows.Add(1)
	_, err = s.upstream.conn.Forward(s.client)
	return err
}

// head is what the server is answering, nil for nothing.
func (s *session) head() *ticket {
	s.pending.mu.Lock()
	defer s.pending.mu.Unlock()
	return s.pending.head()
}

// chargeRow counts a row against the shared budgets too.
func (s *session) chargeRow(t *ticket, h wire.Header, pass, first bool) (bool, bool, error) {
	m := shared.Message{Rows: 1, Bytes: int64(h.Len)}
	if pass && t.terms.charges != nil {
		var err error
		if m.Subject, err = s.subjectIn(t.terms.subject, h.Type, h.Len); err != nil {
			return false, false, err
		}
		if pass, first, err = s.chargeShared(t, m, false); err != nil {
			return false, false, err
		}
	}
	if pass && t.work != nil {
		t.work.rows++
		t.work.bytes += m.Bytes
	}
	return pass, first, nil
}

// settingAnswer reads the answer to askSettings.
func (s *session) settingAnswer() error {
	body, err := s.upstream.conn.Body(smallBody)
	if err != nil {
		return err
	}
	if len(body) < 6 {
		return desync("a setting without a value")
	}
	switch value := string(body[6:]); value {
	case "on", "UTF8":
		return nil
	default:
		return &settingsError{"a setting that decides how text is read", value}
	}
}

// settingsError ends a session whose server no longer reads text as the
// parser does (contract 7).
type settingsError struct{ name, value string }

func (e *settingsError) Error() string { return e.name + " became " + e.value }

func (s *session) parameterStatus() error {
	body, err := s.upstream.conn.Body(maxReport)
	if err != nil {
		return err
	}
	name, rest, ok1 := cutString(body)
	value, rest, ok2 := cutString(rest)
	if !ok1 || !ok2 || len(rest) != 0 {
		return desync("malformed ParameterStatus")
	}
	if !readsAlike(name, value) {
		return &settingsError{name, value}
	}
	if err := s.checkIdentity(name, value); err != nil {
		return err
	}
	if name == "is_superuser" && s.pending.takingRoleBack() {
		return nil // the client knows: it never had another value
	}
	if pass, err := s.chargeReport(int64(len(body))); !pass || err != nil {
		return err
	}
	return s.client.WriteFrame('S', body)
}

// ready passes a ReadyForQuery on.
func (s *session) ready(h wire.Header) error {
	body, err := s.upstream.conn.Prefix(1)
	if err != nil || h.Len != 1 {
		return errors.Join(desync("malformed ReadyForQuery"), err)
	}
	now := s.server.now()
	p := s.pending
	p.mu.Lock()
	t, err := p.ready(body[0], now)
	if p.shows() {
		s.database.catalog.changed() // before anybody hears of it
		if p.made == 0 {
			s.database.catalog.flight.done(s)
		}
	}
	p.mu.Unlock()
	p.changed.Broadcast()
	if err != nil {
		return err
	}
	s.noteCharges(t, body[0])
	s.lastRun, s.swallowing, s.lastTerms = "", false, terms{}
	if t.probe {
		return s.upstream.conn.Discard()
	}
	if err := s.sayNotices(t); err != nil {
		return err
	}
	if w := t.work; w != nil {
		if w.sqlstate == "" && w.statements >= 0 && w.completed != w.statements {
			return desync("%d statements were judged, %d completed", w.statements, w.completed)
		}
		if err := s.recordResult(w, now); err != nil {
			return err
		}
	}
	if err := s.sayUnasked(); err != nil {
		return err
	}
	_, err = s.upstream.conn.Forward(s.client)
	return err
}

// completed handles the end of one statement: CommandComplete,
// EmptyQueryResponse, PortalSuspended.
func (s *session) completed(h wire.Header) error {
	if h.Len > smallBody {
		return desync("a completion of %d bytes", h.Len)
	}
	body, err := s.upstream.conn.Prefix(h.Len)
	if err != nil {
		return err
	}
	tag := s.commandTag(body)
	p := s.pending
	p.mu.Lock()
	t := p.head()
	err = s.completeHead(t, h.Type, tag)
	p.mu.Unlock()
	p.changed.Broadcast()
	if err != nil {
		return err
	}
	if t.probe {
		return s.upstream.conn.Discard()
	}
	if t.typ == 'E' && t.work != nil {
		s.lastRun, s.lastTerms = t.work.decision, t.terms
		s.transaction = s.transaction.and(t.terms.charges)
		if err := s.recordResult(t.work, s.server.now()); err != nil {
			return err
		}
	}
	switch {
	case t.work != nil && t.work.withheld && !s.swallowing:
		if err := s.upstream.conn.Discard(); err != nil {
			return err
		}
		return s.endWithheld(t)
	case s.swallowing:
		return s.upstream.conn.Discard()
	}
	if err := s.sayNotices(t); err != nil {
		return err
	}
	if tag := t.work.carriedTag(); tag != nil {
		if err := s.upstream.conn.Discard(); err != nil {
			return err
		}
		return s.client.WriteFrame('C', tag)
	}
	_, err = s.upstream.conn.Forward(s.client)
	return err
}

// commandTag returns the tag in a CommandComplete. The same tag again costs no
// memory.
func (s *session) commandTag(body []byte) string {
	if tag := bytes.TrimRight(body, "\x00"); string(tag) != s.lastTag {
		s.lastTag = string(tag)
	}
	return s.lastTag
}

// completeHead updates the queue under its lock. More completions than
// statements mean that the server read another text than the parser.
func (s *session) completeHead(t *ticket, typ byte, tag string) error {
	p := s.pending
	if t == nil || t.typ != 'Q' && t.typ != 'E' || p.skipping {
		return desync("a completion while waiting for %s", t.name())
	}
	if t.refusal != nil {
		return desync("the marker of a refused statement completed")
	}
	if w := t.work; w != nil {
		w.tag = tag
		if w.carried != nil {
			w.tag = copyTag(w.carried[min(w.completed, len(w.carried)-1)])
		}
		p.rolledBack = p.rolledBack || tag == "ROLLBACK"
		if typ != 'I' {
			w.completed++
			w.masking.next()
		}
		if t.typ == 'Q' && w.statements >= 0 && w.completed > w.statements {
			return desync("%d statements were judged, more completed", w.statements)
		}
	}
	if t.typ == 'E' {
		p.pop(true)
	}
	return nil
}

// passAnswer handles the answers that are passed on as they are, in step with
// the queue.
func (s *session) passAnswer(h wire.Header) error {
	p := s.pending
	p.mu.Lock()
	t := p.head()
	err := s.stepQueue(h.Type)
	p.mu.Unlock()
	p.changed.Broadcast()
	if err != nil {
		return err
	}
	masked := t.work.maskedNow()
	switch {
	case t.describes != nil && h.Type == 'T':
		return s.describedFor(t)
	case t.probe, s.swallowing:
		return s.upstream.conn.Discard()
	case masked != nil && h.Type == 'T':
		return s.describedRows(t, masked)
	case masked != nil && h.Type == 'H':
		return s.announcedCopy(t, masked)
	case masked != nil && h.Type == 'c':
		if err := s.endedCopy(t, masked); err != nil {
			return err
		}
	}
	switch {
	case h.Type == 'c' && t.work != nil && t.work.withheld:
		return s.upstream.conn.Discard() // an error follows in its place
	case h.Type == 'V':
		return s.functionResult(t, h)
	}
	if err := s.sayNotices(t); err != nil {
		return err
	}
	_, err = s.upstream.conn.Forward(s.client)
	return err
}

func (s *session) stepQueue(typ byte) error {
	p := s.pending
	t := p.head()
	if t == nil || p.skipping {
		return desync("message %q while waiting for %s", typ, t.name())
	}
	if t.refusal != nil {
		return desync("message %q in answer to a marker", typ)
	}
	switch typ {
	case '1':
		return p.answered('P', true)
	case '2':
		return p.answered('B', true)
	case '3':
		return p.answered('C', true)
	case 'n':
		return p.answered('D', true)
	case 'T':
		if t.typ == 'D' {
			return p.answered('D', true)
		}
		return expect(t, typ, 'Q')
	case 't':
		return expect(t, typ, 'D')
	case 'G':
		return p.copyStarted()
	case 'W':
		return p.streamStarted()
	case 'H':
		return expect(t, typ, 'Q', 'E')
	case 'c':
		return expect(t, typ, 'Q', 'E')
	case 'V':
		return expect(t, typ, 'F')
	}
	return desync("message type %q", typ)
}

// expect refuses an answer that does not belong to the message at the head
// of the queue.
func expect(t *ticket, typ byte, to ...byte) error {
	if bytes.IndexByte(to, t.typ) < 0 {
		return desync("message %q while waiting for %s", typ, t.name())
	}
	return nil
}
