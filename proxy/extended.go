package proxy

import (
	"context"
	"fmt"
	"slices"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
	"github.com/sluice-pg/sluice/proxy/wire"
)

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
	j := s.judgeAgain(ctx, "bind", s.statementsMeant(name))
	// The server may run code when it plans, which is now.
	t := s.pending.tickets.next('B')
	t.notices, t.changesCode, t.terms = j.notices, j.changesCode, j.terms
	r := j.refusal
	if r == nil {
		r = s.proposePortal(t, portal, name, &j)
	}
	if r != nil {
		if err := s.client.Discard(); err != nil {
			return err
		}
		return s.sendMarker('B', r)
	}
	if err := s.push(t); err != nil {
		return err
	}
	s.notePlanned(&j, portal)
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
	s.pending.mu.Lock()
	meanings := s.pending.portals.meant(portal, s.pending.segment)
	s.pending.mu.Unlock()
	j := s.judgeAgain(ctx, roadExecute, meanings)
	if j.refusal != nil {
		return s.sendMarker('E', j.refusal)
	}
	t := s.pending.tickets.next('E')
	t.notices, t.discreet, t.changesCode, t.terms = j.notices, j.terms.discreet, j.changesCode, j.terms
	if r := s.executing(ctx, t, meanings, &j); r != nil {
		return s.sendMarker('E', r)
	}
	if carried := slices.IndexFunc(meanings, func(m meaning) bool { return m.sources != nil }); carried >= 0 {
		if len(meanings) > 1 {
			return s.sendMarker('E', refuseSeveralMasks(j.id))
		}
		j.sources = meanings[carried].sources
		return s.carryExecute(ctx, t, &j, body)
	}
	s.ranIn = s.segment() + 1
	if err := s.askHowItLooks(t.work, portal); err != nil {
		return err
	}
	if err := s.send(t, 'E', body); err != nil {
		return err
	}
	s.noteRoleOf(&j, meanings)
	return nil
}

// executing records an execution, charges it to its portal, and notes what it
// does to names and settings.
func (s *session) executing(ctx context.Context, t *ticket, meanings []meaning, j *judgement) *refusal {
	kind := statement.OpaqueCode
	for i := range meanings {
		m := &meanings[i]
		if i == 0 {
			j.id, kind = m.decision, m.statement.Kind
		}
		kind = statement.Worst(kind, m.statement.Kind)
		t.copyStarts = t.copyStarts || s.startsCopy(m.statement)
	}
	if j.id == "" {
		j.id = newID()
	}
	charge := s.portalAccount(meanings, j.terms)
	if over := s.spent(charge); over != nil {
		return over.refusal(j.id, false)
	}
	if r := s.spentBudget(ctx, j.id, j.terms); r != nil {
		return r
	}
	if err := s.recordExecute(ctx, j.id, kind, j.terms.masks != nil); err != nil {
		return s.unrecorded(j.id, err)
	}
	t.begin(work{decision: j.id, started: s.server.now(), statements: -1})
	t.work.masking.masks = j.terms.masks
	t.work.accounts = append(t.work.one[:0], charge)
	if len(meanings) > 0 {
		t.work.asked = meanings[0].asked
	}
	for i := range meanings {
		if r := s.proposeNamesOf(t, j, meanings[i].statement, i, len(meanings)); r != nil {
			return r
		}
	}
	return nil
}

// askHowItLooks asks the server to describe the result of a portal that is about
// to run, if that is to be masked: clients need not ask.
func (s *session) askHowItLooks(w *work, portal string) error {
	if w.maskedNow() == nil {
		return nil
	}
	return s.send(&ticket{typ: 'D', probe: true, describes: w}, 'D', []byte{'P'}, []byte(portal), nul)
}

// recordExecute puts an execution on record, together with the Parse before it
// if that is held.
func (s *session) recordExecute(ctx context.Context, id string, kind statement.Kind, masked bool) error {
	onDisk := masked || mustBeOnDisk(kind, policy.Allow)
	if s.held.id == id && !onDisk {
		return s.recordHeld(roadParsedAndRun)
	}
	if err := s.sayHeld(); err != nil {
		return err
	}
	s.bodies.execute = executeRecord{Decision: id, Road: "execute", Kind: kind}
	return s.record(ctx, s.event("execute", id, &s.bodies.execute), onDisk)
}

// startsCopy reports whether a statement asks for COPY data, also by EXECUTE.
func (s *session) startsCopy(st *statement.Statement) bool {
	if len(st.Names) == 0 {
		return st.CopyIn != nil
	}
	return len(copyIns(s.resolve([]statement.Statement{*st}))) > 0
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
	t := s.pending.tickets.next(h.Type)
	if h.Type == 'C' {
		space := s.pending.portals
		if which == 'S' {
			space = s.pending.statements
		}
		s.forget(t, space, func(upTo uint64) { space.drop(name, upTo) })
	}
	return s.send(t, h.Type, body)
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
	if err := s.send(s.pending.tickets.next('S'), 'S'); err != nil {
		return err
	}
	return s.flush()
}

// flushUpstream sends what has been gathered and has the server send its
// answers to that.
func (s *session) flushUpstream() error {
	if err := s.sayHeld(); err != nil {
		return err
	}
	if err := s.upstream.conn.WriteFrame('H'); err != nil {
		return err
	}
	return s.upstream.conn.Flush()
}
