package proxy

import (
	"errors"

	"github.com/sluice-pg/sluice/audit"
	"github.com/sluice-pg/sluice/policy/statement"
)

// auditEvent shortens the type of what the recorders take.
type auditEvent = audit.Event

// propose enters what a message will define, and has the ticket confirm it
// or take it back. If there are too many unanswered definitions it waits for
// answers.
func (s *session) propose(t *ticket, space *names, name string, m meaning) *refusal {
	p := s.pending
	enter := func() error {
		p.mu.Lock()
		defer p.mu.Unlock()
		m.sequence, m.segment = p.sequence+1, p.segment
		return space.propose(name, m)
	}
	err := enter()
	if errors.Is(err, errTooManyMeanings) {
		s.upstream.conn.Flush() // an error shows at the next write
		if p.wait(func() bool { return len(p.queue) == 0 }) == nil {
			err = enter()
		}
	}
	if err != nil {
		return refuseNames(newID(), err)
	}
	before := t.done
	t.done = func(ok bool) {
		if before != nil {
			before(ok)
		}
		if ok {
			space.confirm(name, m.statement)
		} else {
			space.withdraw(name, m.statement)
		}
	}
	return nil
}

// proposeNames enters what a text's PREPAREs and DECLAREs define, and has
// the ticket forget what its DEALLOCATEs and CLOSEs drop. A PREPARE outlives
// the failure of its text, so a failed text takes nothing back.
func (s *session) proposeNames(t *ticket, j judgement, statements []statement.Statement) *refusal {
	s.noteSettings(statements)
	for i := range statements {
		for _, use := range statements[i].Names {
			if r := s.proposeName(t, j, use); r != nil {
				return r
			}
		}
	}
	return nil
}

func (s *session) proposeName(t *ticket, j judgement, use statement.NameUse) *refusal {
	switch use.Op {
	case statement.Prepare, statement.Declare:
		if use.Inner == nil {
			return nil
		}
		space := s.pending.statements
		if use.Op == statement.Declare {
			space = s.pending.portals
		}
		keep := &ticket{}
		r := s.propose(keep, space, use.Name, meaning{statement: use.Inner, decision: j.id, policy: j.policy, hold: use.Hold})
		s.after(t, func() { keep.done(true) })
		return r
	case statement.Deallocate:
		s.after(t, func() { s.pending.statements.drop(use.Name, t.sequence) })
	case statement.DeallocateAll:
		s.after(t, func() { s.pending.statements.dropAll(t.sequence) })
	case statement.CloseCursor:
		s.after(t, func() { s.pending.portals.drop(use.Name, t.sequence) })
	case statement.CloseAll:
		s.after(t, func() { s.pending.portals.dropAll(t.sequence) })
	}
	return nil
}

// after adds to what happens when the ticket's message succeeded.
func (s *session) after(t *ticket, then func()) {
	before := t.done
	t.done = func(ok bool) {
		if before != nil {
			before(ok)
		}
		if ok {
			then()
		}
	}
}
