package proxy

import (
	"bytes"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/sluice-pg/sluice/proxy/wire"
)

// maxReport bounds the messages from the server that are read whole, in
// bytes: reports of settings.
const maxReport = 16 << 20

// fromServer relays the server's messages until one of them ends the
// session. It is the only writer to the client while the session runs.
func (s *session) fromServer() error {
	up := s.upstream.conn
	for {
		if up.Buffered() < 5 {
			if err := s.client.Flush(); err != nil {
				return err
			}
		}
		h, err := up.Next()
		if err != nil {
			return err
		}
		s.bytesOut.Add(int64(h.Len) + 5)
		if err := s.serverMessage(h); err != nil {
			return err
		}
	}
}

func (s *session) serverMessage(h wire.Header) error {
	switch h.Type {
	case 'D', 'd':
		return s.data(h)
	case 'E':
		return s.serverError()
	case 'S':
		return s.parameterStatus()
	case 'Z':
		return s.ready(h)
	case 'C', 'I', 's':
		return s.completed(h)
	case 'N', 'A':
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
	var w *work
	if t != nil {
		w = t.work
	}
	p.mu.Unlock()
	switch {
	case t == nil:
		return desync("a row while waiting for nothing")
	case t.probe:
		return s.settingAnswer()
	case w != nil:
		w.rows++
		w.bytes += int64(h.Len)
	}
	s.rows.Add(1)
	_, err := s.upstream.conn.Forward(s.client)
	return err
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
	return s.client.WriteFrame('S', body)
}

// serverError passes an error on, reworded if it is the answer to a marker.
// An error may quote a value and be as long as that, so only its beginning is
// read: severity and SQLSTATE come first.
func (s *session) serverError() error {
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
	if t != nil && t.work != nil {
		t.work.sqlstate = orUnknown(fields['C'])
		if t.typ == 'E' || fatal {
			if err := s.recordResult(t.work, s.server.now()); err != nil {
				return err
			}
		}
	}
	if t != nil && t.typ == 'S' && s.lastRun != "" {
		// What ran well could not be committed.
		w := &work{decision: s.lastRun, started: s.server.now(), sqlstate: orUnknown(fields['C'])}
		if err := s.recordResult(w, w.started); err != nil {
			return err
		}
	}
	if t == nil || t.refusal == nil || fatal {
		_, err := s.upstream.conn.Forward(s.client)
		return err
	}
	if err := s.upstream.conn.Discard(); err != nil {
		return err
	}
	if t.typ == 'Q' {
		if err := s.takeRefusedCopies(t); err != nil {
			return err
		}
	}
	return s.client.WriteMessage(t.refusal.response("ERROR"))
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

// ready passes a ReadyForQuery on.
func (s *session) ready(h wire.Header) error {
	body, err := s.upstream.conn.Body(1)
	if err != nil || len(body) != 1 {
		return errors.Join(desync("malformed ReadyForQuery"), err)
	}
	now := s.server.now()
	p := s.pending
	p.mu.Lock()
	t, err := p.ready(body[0], now)
	p.mu.Unlock()
	p.changed.Broadcast()
	if err != nil {
		return err
	}
	s.lastRun = ""
	if w := t.work; w != nil {
		if w.sqlstate == "" && w.statements >= 0 && w.completed != w.statements {
			return desync("%d statements were judged, %d completed", w.statements, w.completed)
		}
		if err := s.recordResult(w, now); err != nil {
			return err
		}
	}
	return s.client.WriteFrame('Z', body)
}

// completed handles the end of one statement: CommandComplete,
// EmptyQueryResponse, PortalSuspended.
func (s *session) completed(h wire.Header) error {
	body, err := s.upstream.conn.Body(smallBody)
	if err != nil {
		return err
	}
	tag := strings.TrimRight(string(body), "\x00")
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
		return nil
	}
	if t.typ == 'E' && t.work != nil {
		s.lastRun = t.work.decision
		if err := s.recordResult(t.work, s.server.now()); err != nil {
			return err
		}
	}
	return s.client.WriteFrame(h.Type, body)
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
		if typ != 'I' {
			w.completed++
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
	if t.probe {
		return s.upstream.conn.Discard()
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
