package proxy

import (
	"errors"
	"slices"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
)

// propose enters what a message will define and has the ticket confirm it or
// take it back. If there are too many unanswered definitions it waits for
// answers. of says what is defined; it runs under the queue's lock, and again
// after a wait, because answers take meanings away.
func (s *session) propose(t *ticket, space *names, name string, of func() []meaning) (order uint64, r *refusal) {
	p := s.pending
	enter := func() (err error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		meanings := slices.Clone(of())
		for i := range meanings {
			meanings[i].segment = p.segment
		}
		order, err = space.propose(name, meanings...)
		return err
	}
	err := enter()
	if errors.Is(err, errTooManyMeanings) && s.allAnswered() == nil {
		err = enter()
	}
	if err != nil {
		return 0, refuseNames(newID(), err)
	}
	s.after(t, func(ok bool) {
		if ok {
			space.confirm(name, order)
		} else {
			space.withdraw(name, order)
		}
	})
	return order, nil
}

// proposePortal enters the portal of a Bind: it may mean what its statement
// may mean, with a budget of its own. When the Bind is answered every Parse
// before it has been, so the portal keeps the meanings that its statement has
// left.
func (s *session) proposePortal(t *ticket, portal, name string, j judgement) *refusal {
	statements, portals := s.pending.statements, s.pending.portals
	b := newBudget(j.terms)
	order, r := s.propose(t, portals, portal, func() []meaning {
		known := slices.Clone(statements.lookup(name))
		if len(known) == 0 {
			unknown := policy.Unseen("a prepared statement that nobody saw made")
			known = []meaning{{statement: &unknown}}
		}
		for i := range known {
			known[i].budget = b
		}
		return known
	})
	if r != nil {
		return r
	}
	s.onSuccess(t, func() { portals.narrow(portal, order, statements.lookup(name)) })
	return nil
}

// meaning is what a name stands for that a judged text gives it.
func (j *judgement) meaning(st *statement.Statement) meaning {
	return meaning{
		statement: st, decision: j.id, policy: j.policy, terms: j.terms, volatile: j.volatile, changesCode: j.changesCode,
		asked: j.asked,
	}
}

// only is what propose takes for a definition with one meaning.
func only(m meaning) func() []meaning {
	return func() []meaning { return []meaning{m} }
}

// allAnswered waits until the server has answered everything sent.
func (s *session) allAnswered() error {
	if err := s.flushUpstream(); err != nil {
		return err
	}
	p := s.pending
	// What is being skipped is answered by a Sync that is yet to come.
	return p.wait(func() bool { return len(p.queue) == 0 || p.skipsHere() })
}

// proposeNames enters what a text's PREPAREs and DECLAREs define, and has
// the ticket forget what its DEALLOCATEs and CLOSEs drop.
func (s *session) proposeNames(t *ticket, j judgement, statements []statement.Statement) *refusal {
	s.noteSettings(statements)
	for i := range statements {
		ran := func() bool { return t.mayHaveRun(i, len(statements)) }
		for _, use := range statements[i].Names {
			if r := s.proposeName(t, j, use, ran); r != nil {
				return r
			}
		}
	}
	return nil
}

// mayHaveRun reports whether a statement of a text that failed may have run
// to its end. A PREPARE that has outlives the failure, also if that came at
// the end of the text, when it was committed.
func (t *ticket) mayHaveRun(index, of int) bool {
	w := t.work
	switch {
	case of == 1 || w == nil:
		return false
	case w.statements < 0:
		return true // an Execute of a name with several meanings
	}
	return index < w.completed || index == w.completed && index == of-1
}

func (s *session) proposeName(t *ticket, j judgement, use statement.NameUse, ran func() bool) *refusal {
	statements, cursors := s.pending.statements, s.pending.portals
	switch use.Op {
	case statement.Prepare, statement.Declare:
		if use.Inner == nil {
			return nil
		}
		space := statements
		m := j.meaning(use.Inner)
		m.hold = use.Hold
		if use.Op == statement.Declare {
			space = cursors
			m.budget = newBudget(j.terms)
		}
		definition := &ticket{}
		_, r := s.propose(definition, space, use.Name, only(m))
		if r != nil {
			return r
		}
		s.after(t, func(ok bool) {
			if ok || !ran() {
				definition.done(ok)
			}
		})
	case statement.Deallocate:
		s.forget(t, statements, func(upTo uint64) { statements.drop(use.Name, upTo) })
	case statement.DeallocateAll:
		s.forget(t, statements, statements.dropAll)
	case statement.CloseCursor:
		s.forget(t, cursors, func(upTo uint64) { cursors.drop(use.Name, upTo) })
	case statement.CloseAll:
		s.forget(t, cursors, cursors.dropAll)
	}
	return nil
}

// forget has a ticket that succeeds drop what was defined before it, or
// before this place in its text.
func (s *session) forget(t *ticket, space *names, drop func(upTo uint64)) {
	s.pending.mu.Lock()
	upTo := space.last
	s.pending.mu.Unlock()
	s.onSuccess(t, func() { drop(upTo) })
}

// after adds to what happens at the end of the ticket's message.
func (s *session) after(t *ticket, then func(ok bool)) {
	before := t.done
	t.done = func(ok bool) {
		if before != nil {
			before(ok)
		}
		then(ok)
	}
}

func (s *session) onSuccess(t *ticket, then func()) {
	s.after(t, func(ok bool) {
		if ok {
			then()
		}
	})
}
