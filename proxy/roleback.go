package proxy

import (
	"fmt"
	"strings"
)

// roleProbe says where a message stands that takes the role back.
type roleProbe uint8

const (
	noRoleProbe roleProbe = iota
	// betweenSyncs: with a Sync of its own.
	betweenSyncs
	// withinSyncs: among the client's messages up to its next Sync, where
	// none may be added: that would commit what the client has not.
	withinSyncs
)

// takeRoleBack comes before every message that can run something, once the
// session may have left its role.
func (s *session) takeRoleBack(before byte) error {
	if strings.IndexByte("QPBEFDC", before) < 0 {
		return nil
	}
	p := s.pending
	if waits, err := s.waitsForPlanned(before); err != nil || waits {
		return err
	}
	if err := s.knowsState(); err != nil {
		return err
	}
	p.mu.Lock()
	where := betweenSyncs
	if p.unsynced {
		where = withinSyncs
	}
	now := p.canTakeRole()
	if now {
		p.role.takes(where, p.sequence+1, p.status == 'I' && len(p.queue) == 0)
	}
	p.mu.Unlock()
	if !now {
		return nil
	}
	return s.sendResetRole(where)
}

// canTakeRole reports whether the role is to be taken back now. Callers hold the
// lock.
func (p *pending) canTakeRole() bool {
	switch {
	case !p.role.standing, p.held > 0, p.copyIn, p.skipsHere():
		return false
	case !p.role.known && p.lastRound() == 0:
		p.role.passed, p.role.known = p.status == 'E', true
	}
	return !p.role.passed
}

// knowsState waits for the answer that tells whether the transaction has failed,
// where a RESET ROLE would come among the client's messages: if it failed there, the
// rest of them would be skipped.
func (s *session) knowsState() error {
	p := s.pending
	p.mu.Lock()
	last := p.lastRound()
	waits := last > 0 && p.unsynced && p.role.standing && !p.role.known && p.held == 0 && !p.copyIn && !p.skipsHere()
	p.mu.Unlock()
	if !waits {
		return nil
	}
	if err := s.sayHeld(); err != nil {
		return err
	}
	if err := s.upstream.conn.Flush(); err != nil {
		return err
	}
	return p.wait(func() bool { return p.settled >= last || p.copyIn || p.skipsHere() })
}

// lastRound is the number of the last message that ReadyForQuery will answer, zero
// if it has. Callers hold the lock.
func (p *pending) lastRound() (number uint64) {
	for _, t := range p.queue {
		if t.typ == 'S' || t.typ == 'Q' || t.typ == 'F' {
			number = t.sequence
		}
	}
	return number
}

// takes notes that a RESET ROLE is sent, under a number. alone is true if no
// transaction is open and nothing else is under way.
func (d *doubt) takes(where roleProbe, number uint64, alone bool) {
	d.standing, d.planned, d.within = false, false, where == withinSyncs
	if d.within || !alone {
		d.undoable = number
	}
}

// waitsForPlanned reports whether the role is not to be taken back yet, since the
// message belongs to the Bind that may have left it. Some statements insist on
// having nothing else beside them.
func (s *session) waitsForPlanned(before byte) (bool, error) {
	s.pending.mu.Lock()
	planned, of := s.pending.role.planned, s.pending.role.portal
	s.pending.mu.Unlock()
	switch {
	case !planned, strings.IndexByte("EDC", before) < 0:
		return false, nil
	case before != 'E':
		return true, nil // it runs nothing
	}
	prefix, err := s.client.Prefix(smallBody)
	if err != nil {
		return false, err
	}
	portal, _, ok := cutString(prefix)
	return ok && portal == of, nil
}

const resetRole = "RESET ROLE"

// sendResetRole uses names of its own: the unnamed statement is the client's. A
// replication connection has no names, and takes the simple protocol only.
func (s *session) sendResetRole(where roleProbe) error {
	if err := s.sayHeld(); err != nil {
		return err
	}
	p := s.pending
	if s.startup.replication {
		t := &ticket{typ: 'Q', probe: true, role: where}
		t.done = func(bool) { p.role.taken(t, p.status) }
		return s.send(t, 'Q', []byte(resetRole), nul)
	}
	ran := false
	if err := s.askTicketed(resetRole, func(typ byte) *ticket {
		t := &ticket{typ: typ, probe: true, role: where}
		if typ == 'E' {
			t.done = func(ok bool) {
				ran = ok
				p.role.standing = p.role.standing || !ok
			}
		}
		return t
	}); err != nil || where == withinSyncs {
		return err
	}
	t := &ticket{typ: 'S', probe: true, role: where}
	t.done = func(bool) {
		if ran {
			p.role.taken(t, p.status)
		}
	}
	return s.send(t, 'S')
}

// taken notes that a RESET ROLE has succeeded, and in which state that left the
// transaction.
func (d *doubt) taken(t *ticket, status byte) {
	if status == 'I' && d.undoable <= t.sequence {
		d.undoable = 0
	}
}

// transactionEnded notes that behind a message no transaction is open: what was
// done to the role in the last one may be undone.
func (d *doubt) transactionEnded(t *ticket) {
	if t.role == noRoleProbe && d.undoable > 0 && d.undoable < t.sequence {
		d.standing, d.undoable = true, 0
	}
}

// takingRoleBack reports whether the server is answering a RESET ROLE of the
// proxy's own. Those before 14 report is_superuser whenever a role is set, also
// when it stays the same.
func (p *pending) takingRoleBack() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.head()
	return t != nil && t.role != noRoleProbe
}

// inFailedTransaction is the SQLSTATE of a statement in a transaction that has
// failed.
const inFailedTransaction = "25P02"

// roleNotTaken handles the error of a RESET ROLE. In a failed transaction it
// has to wait, and nothing can run meanwhile.
func (s *session) roleNotTaken(t *ticket, sqlstate string) error {
	if t.typ == 'S' || t.role == withinSyncs || sqlstate != inFailedTransaction {
		return &roleError{fmt.Sprintf("the role could not be taken back (%s)", orUnknown(sqlstate))}
	}
	if t.typ == 'Q' {
		s.pending.mu.Lock()
		s.pending.role.standing = true
		s.pending.mu.Unlock()
	}
	return s.upstream.conn.Discard()
}
