package proxy

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
	"github.com/sluice-pg/sluice/proxy/wire"
)

const (
	// smallBody bounds messages that hold a name and little else, in
	// bytes.
	smallBody = 8 << 10
	// parseRoom is what a Parse may be longer than its text: a name and
	// 65,535 parameter types, in bytes.
	parseRoom = smallBody + 4*65535 + 16
)

// errTerminated says that the client said goodbye.
var errTerminated = errors.New("client terminated the session")

// errIdle says that the idle limit was reached.
var errIdle = errors.New("idle limit reached")

// fromClient reads the client's messages until one of them ends the
// session. Each is forwarded as it is, replaced by a marker, or ends the
// session; nothing here writes to the client.
func (s *session) fromClient(ctx context.Context) error {
	for {
		h, err := s.nextFromClient()
		if err != nil {
			return err
		}
		s.bytesIn.Add(int64(h.Len) + 5)
		if err := s.notTooFarAhead(); err != nil {
			return err
		}
		if err := s.clientMessage(ctx, h); err != nil {
			return err
		}
	}
}

// A client that sends on and reads no answers fills sockets, not memory:
// maxAhead is how many messages may wait for an answer, maxTextAhead how many
// bytes of SQL.
const (
	maxAhead     = 5000
	maxTextAhead = 8 << 20
)

// notTooFarAhead waits while the client is too far ahead of the server.
func (s *session) notTooFarAhead() error {
	p := s.pending
	tooFar := func() bool { return len(p.queue) >= maxAhead || p.text >= maxTextAhead }
	p.mu.Lock()
	wait := tooFar()
	p.mu.Unlock()
	if !wait {
		return nil
	}
	if err := s.flushUpstream(); err != nil {
		return err
	}
	return p.wait(func() bool { return !tooFar() })
}

// nextFromClient waits for a message, after sending on what has been
// gathered.
func (s *session) nextFromClient() (wire.Header, error) {
	if !s.pending.holding() && s.client.Buffered() >= 5 {
		return s.client.Next()
	}
	if err := s.upstream.conn.Flush(); err != nil {
		return wire.Header{}, err
	}
	for {
		for range s.pending.owed() {
			if err := s.sync(); err != nil {
				return wire.Header{}, err
			}
		}
		limit := s.patience()
		if err := s.clientDeadline(limit); err != nil {
			return wire.Header{}, err
		}
		h, err := s.client.Next()
		switch {
		case err == nil:
			if limit > 0 {
				// The message itself may take as long as it takes.
				err = s.clientDeadline(0)
			}
			return h, err
		case limit == 0 || !errors.Is(err, os.ErrDeadlineExceeded):
			return h, err
		case limit == s.server.config.Limits.Idle && s.pending.idle() && s.client.Buffered() == 0:
			return h, errIdle
		}
	}
}

// heldTick is how often a client that sent a Sync inside a COPY is left
// waiting to see whether the COPY failed.
const heldTick = 20 * time.Millisecond

// patience is how long to wait for the client before looking around; zero is
// for ever.
func (s *session) patience() time.Duration {
	if s.pending.holding() {
		return heldTick
	}
	return s.server.config.Limits.Idle
}

// clientDeadline bounds reading from the client; zero means not at all.
func (s *session) clientDeadline(limit time.Duration) error {
	var at time.Time
	if limit > 0 {
		at = time.Now().Add(limit)
	}
	if err := s.client.SetReadDeadline(at); err != nil {
		return fmt.Errorf("client: %w", err)
	}
	if s.stopped() {
		// The new deadline may have replaced that of stop.
		return errClosed
	}
	return nil
}

func (s *session) clientMessage(ctx context.Context, h wire.Header) error {
	switch h.Type {
	case 'Q':
		return s.query(ctx, h)
	case 'P':
		return s.parse(ctx, h)
	case 'B':
		return s.bind(ctx)
	case 'E':
		return s.execute(ctx, h)
	case 'D', 'C':
		return s.describeOrClose(h)
	case 'S', 'H':
		return s.syncOrFlush(h)
	case 'F':
		return s.functionCall(ctx, h)
	case 'd', 'c', 'f':
		return s.copyData(h)
	case 'X':
		return s.terminate()
	}
	return fmt.Errorf("%w: client: unexpected message type %q", wire.ErrProtocol, h.Type)
}

func (s *session) terminate() error {
	if err := s.client.Discard(); err != nil {
		return err
	}
	s.left.Store(true)
	if err := s.upstream.conn.WriteFrame('X'); err != nil {
		return err
	}
	if err := s.upstream.conn.Flush(); err != nil {
		return err
	}
	return errTerminated
}

// send pushes a ticket and gathers its message. The ticket comes first, so
// that the answer never finds the queue without it.
func (s *session) send(t *ticket, typ byte, parts ...[]byte) error {
	if err := s.pending.push(t); err != nil {
		return err
	}
	return s.upstream.conn.WriteFrame(typ, parts...)
}

var nul = []byte{0}

// sendMarker sends what the server will refuse in the place of a message of
// the given type. A Parse under a name of its own leaves the unnamed
// statement alone.
func (s *session) sendMarker(typ byte, r *refusal) error {
	t := &ticket{typ: typ, refusal: r}
	switch typ {
	case 'Q':
		return s.send(t, 'Q', []byte(r.marker()), nul)
	case 'F':
		// No function has OID 0.
		return s.send(t, 'F', make([]byte, 8), []byte{0, 0})
	}
	return s.send(t, 'P', []byte("sluice_refused\x00"), []byte(r.marker()), []byte{0, 0, 0})
}

// query is a simple Query (protocol section "Simple Query").
func (s *session) query(ctx context.Context, h wire.Header) error {
	limit := s.server.config.Limits.StatementBytes
	if h.Len > limit+1 {
		if err := s.client.Discard(); err != nil {
			return err
		}
		return s.refuseUnread(ctx, 'Q', h.Len, limit)
	}
	body, err := s.client.Body(limit + 1)
	if err != nil {
		return err
	}
	if end := bytes.IndexByte(body, 0); end < 0 || end != len(body)-1 {
		return fmt.Errorf("%w: client: a Query needs exactly one NUL, at its end", wire.ErrProtocol)
	}
	text := string(body[:len(body)-1])
	j := s.judgeText(ctx, "query", text)
	if j.refusal == nil {
		j.refusal, err = s.settle(j.id, text)
		if err != nil {
			return err
		}
	}
	t := &ticket{typ: 'Q', copyStarts: len(j.copyIns) > 0}
	if j.refusal == nil {
		j.refusal = s.proposeNames(t, j, j.statements)
	}
	if j.refusal != nil {
		return s.sendMarker('Q', j.refusal)
	}
	t.work = &work{decision: j.id, started: s.server.now(), statements: len(j.statements)}
	if j.text != "" {
		text = j.text
	}
	return s.send(t, 'Q', []byte(text), nul)
}

// refuseUnread refuses a text that is too long to be read at all.
func (s *session) refuseUnread(ctx context.Context, typ byte, got, limit int) error {
	id := newID()
	r := refuseTooLarge(id, got, limit)
	p := s.server.policy.Load()
	d := policy.Decision{Rule: r.rule, Statement: -1, Subject: "a text over the size limit", SQLSTATE: r.sqlstate, Position: -1,
		Reasons: []policy.Reason{{Rule: r.rule, Text: r.message}}}
	request := s.request(nil, statement.ParseError, &statement.Problem{SQLSTATE: r.sqlstate, Message: "text over the size limit", Position: -1})
	if err := s.recordDecision(ctx, id, "unread", request, p, d, nil); err != nil {
		s.log.Error("statement refused: not recorded", "req", id, "err", err)
		r = refuseUnrecorded(id)
	}
	return s.sendMarker(typ, r)
}

// parse is a Parse (protocol section "Extended Query").
func (s *session) parse(ctx context.Context, h wire.Header) error {
	limit := s.server.config.Limits.StatementBytes
	if h.Len > limit+parseRoom {
		if err := s.client.Discard(); err != nil {
			return err
		}
		return s.refuseUnread(ctx, 'P', h.Len, limit)
	}
	body, err := s.client.Body(limit + parseRoom)
	if err != nil {
		return err
	}
	name, rest, ok1 := cutString(body)
	text, types, ok2 := cutString(rest)
	if !ok1 || !ok2 || len(types) < 2 || len(types) != 2+4*int(binary.BigEndian.Uint16(types)) {
		return s.sendMarker('P', refuseMalformed(newID(), "Parse"))
	}
	if len(text) > limit {
		return s.refuseUnread(ctx, 'P', len(text), limit)
	}
	types = bytes.Clone(types)
	j := s.judgeText(ctx, "parse", text)
	if j.refusal == nil {
		j.refusal, err = s.settle(j.id, text)
		if err != nil {
			return err
		}
	}
	if j.refusal != nil {
		return s.sendMarker('P', j.refusal)
	}
	st := soleStatement(j.statements)
	t := &ticket{typ: 'P', text: len(text)}
	if r := s.propose(t, s.pending.statements, name, meaning{statement: st, decision: j.id, policy: j.policy}); r != nil {
		return s.sendMarker('P', r)
	}
	if j.text != "" {
		text = j.text
	}
	return s.send(t, 'P', []byte(name), nul, []byte(text), nul, types)
}

// soleStatement returns what a Parse defines: the one statement of its
// text, or one that does nothing. The server refuses more than one.
func soleStatement(statements []statement.Statement) *statement.Statement {
	if len(statements) == 0 {
		return &statement.Statement{Kind: statement.OrdinaryRead, Node: "empty",
			Effects: []statement.Effect{{Kind: statement.OrdinaryRead, What: "nothing", Position: -1}}}
	}
	return &statements[0]
}

// bind is a Bind. Its parameters are values, which no rule looks at, and
// pass unread.
func (s *session) bind(ctx context.Context) error {
	prefix, err := s.client.Prefix(smallBody)
	if err != nil {
		return err
	}
	portal, rest, ok1 := cutString(prefix)
	name, _, ok2 := cutString(rest)
	if !ok1 || !ok2 {
		if err := s.client.Discard(); err != nil {
			return err
		}
		return s.sendMarker('B', refuseMalformed(newID(), "Bind"))
	}
	s.pending.mu.Lock()
	meanings := s.pending.statements.lookup(name)
	s.pending.mu.Unlock()
	r := s.judgeAgain(ctx, "bind", meanings)
	t := &ticket{typ: 'B'}
	if r == nil {
		r = s.propose(t, s.pending.portals, portal, meanings...)
	}
	if r != nil {
		if err := s.client.Discard(); err != nil {
			return err
		}
		return s.sendMarker('B', r)
	}
	if err := s.pending.push(t); err != nil {
		return err
	}
	_, err = s.client.Forward(s.upstream.conn)
	return err
}

// execute is an Execute: the moment a portal's statement runs.
func (s *session) execute(ctx context.Context, h wire.Header) error {
	if h.Len > smallBody {
		return fmt.Errorf("%w: client: Execute of %d bytes", wire.ErrProtocol, h.Len)
	}
	body, err := s.client.Body(smallBody)
	if err != nil {
		return err
	}
	portal, rows, ok := cutString(body)
	if !ok || len(rows) != 4 {
		return s.sendMarker('E', refuseMalformed(newID(), "Execute"))
	}
	rows = bytes.Clone(rows)
	s.pending.mu.Lock()
	meanings := s.pending.portals.lookup(portal)
	s.pending.mu.Unlock()
	if r := s.judgeAgain(ctx, "execute", meanings); r != nil {
		return s.sendMarker('E', r)
	}
	t := &ticket{typ: 'E'}
	if r := s.executing(ctx, t, meanings); r != nil {
		return s.sendMarker('E', r)
	}
	return s.send(t, 'E', []byte(portal), nul, rows)
}

// executing records an execution and notes what it does to names and
// settings.
func (s *session) executing(ctx context.Context, t *ticket, meanings []meaning) *refusal {
	id, kind := newID(), statement.OpaqueCode
	var statements []statement.Statement
	for i, m := range meanings {
		if i == 0 {
			id, kind = m.decision, m.statement.Kind
		}
		kind = statement.Worst(kind, m.statement.Kind)
		statements = append(statements, *m.statement)
	}
	e := s.event("execute", id, executeRecord{Decision: id, Road: "execute", Kind: kind})
	record := s.enqueue
	if mustBeOnDisk(kind, policy.Allow) {
		record = func(e2 auditEvent) error { return s.append(ctx, e2) }
	}
	if err := record(e); err != nil {
		s.log.Error("statement refused: not recorded", "req", id, "err", err)
		return refuseUnrecorded(id)
	}
	t.copyStarts = len(copyIns(s.resolve(statements))) > 0
	t.work = &work{decision: id, started: s.server.now(), statements: -1}
	return s.proposeNames(t, judgement{id: id}, statements)
}

// describeOrClose forwards a Describe or Close: a kind byte and a name.
func (s *session) describeOrClose(h wire.Header) error {
	if h.Len > smallBody {
		return fmt.Errorf("%w: client: %q of %d bytes", wire.ErrProtocol, h.Type, h.Len)
	}
	body, err := s.client.Body(smallBody)
	if err != nil {
		return err
	}
	var name string
	var rest []byte
	ok := len(body) > 0 && (body[0] == 'S' || body[0] == 'P')
	if ok {
		name, rest, ok = cutString(body[1:])
	}
	if !ok || len(rest) != 0 {
		return s.sendMarker(h.Type, refuseMalformed(newID(), "Describe or Close"))
	}
	which := body[0]
	t := &ticket{typ: h.Type}
	if h.Type == 'C' {
		space := s.pending.portals
		if which == 'S' {
			space = s.pending.statements
		}
		s.forget(t, space, func(upTo uint64) { space.drop(name, upTo) })
	}
	return s.send(t, h.Type, []byte{which}, []byte(name), nul)
}

// syncOrFlush forwards a Sync or a Flush. While the server takes COPY data it
// ignores both (protocol section "COPY Operations"), unless the COPY fails
// first. So a Sync is kept back then, and sent after all if it does.
func (s *session) syncOrFlush(h wire.Header) error {
	if _, err := s.client.Body(0); err != nil {
		return fmt.Errorf("%w: client: %q with a body", wire.ErrProtocol, h.Type)
	}
	if h.Type == 'H' {
		return s.flushUpstream()
	}
	takes, err := s.takesCopyData()
	if err != nil {
		return err
	}
	if takes {
		s.pending.hold()
		return nil
	}
	return s.sync()
}

// sync sends a Sync.
func (s *session) sync() error {
	if err := s.send(&ticket{typ: 'S'}, 'S'); err != nil {
		return err
	}
	return s.upstream.conn.Flush()
}

// flushUpstream sends what has been gathered and has the server send its
// answers to that.
func (s *session) flushUpstream() error {
	if err := s.upstream.conn.WriteFrame('H'); err != nil {
		return err
	}
	return s.upstream.conn.Flush()
}

// functionCall is a FunctionCall: no text, only an OID, and judged by it
// (contract 3).
func (s *session) functionCall(ctx context.Context, h wire.Header) error {
	prefix, err := s.client.Prefix(4)
	if err != nil {
		return err
	}
	st := unseen("a function called by its OID")
	known := false
	if len(prefix) == 4 {
		var call statement.Statement
		if call, known = policy.FunctionCall(binary.BigEndian.Uint32(prefix)); known {
			st = call
		}
	}
	id := newID()
	p := s.server.policy.Load()
	r := s.request([]statement.Statement{st}, st.Kind, nil)
	d := s.decide(ctx, r, p)
	if !known {
		d = policy.Decision{Rule: "builtin:function-call", SQLSTATE: "42501", Subject: "a function called by its OID",
			Hint: "Call the function by its name in a SELECT.", Position: -1,
			Reasons: []policy.Reason{{Rule: "builtin:function-call", Text: "the function-call message names no function that could be judged"}}}
	}
	var refused *refusal
	if err := s.recordDecision(ctx, id, "function", r, p, d, nil); err != nil {
		s.log.Error("function call refused: not recorded", "req", id, "err", err)
		refused = refuseUnrecorded(id)
	} else if d.Verdict != policy.Allow {
		refused = refuse(d, id, "", "")
	}
	if refused != nil {
		if err := s.client.Discard(); err != nil {
			return err
		}
		return s.sendMarker('F', refused)
	}
	t := &ticket{typ: 'F', work: &work{decision: id, started: s.server.now(), statements: -1}}
	if err := s.pending.push(t); err != nil {
		return err
	}
	_, err = s.client.Forward(s.upstream.conn)
	return err
}

// copyData passes COPY data on while the server takes it. Elsewhere it is
// dropped, as the server drops it; some clients send it before they know.
func (s *session) copyData(h wire.Header) error {
	takes, err := s.takesCopyData()
	if err != nil {
		return err
	}
	if !takes {
		s.pending.copyDropped(h.Type)
		return s.client.Discard()
	}
	s.pending.copyGoes(h.Type != 'd')
	_, err = s.client.Forward(s.upstream.conn)
	return err
}

func (s *session) takesCopyData() (bool, error) {
	p := s.pending
	p.mu.Lock()
	if p.copyIn || !p.mayCopy() {
		takes := p.copyIn
		p.mu.Unlock()
		return takes, nil
	}
	p.mu.Unlock()
	if err := s.flushUpstream(); err != nil {
		return false, err
	}
	err := p.wait(func() bool { return p.copyIn || !p.mayCopy() })
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.copyIn, err
}

// cutString takes a NUL-terminated string off a body.
func cutString(body []byte) (string, []byte, bool) {
	text, rest, ok := bytes.Cut(body, nul)
	return string(text), rest, ok
}
