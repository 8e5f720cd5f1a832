package proxy

import (
	"errors"
	"slices"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
)

// definition is what a message defines, once the server has taken it.
type definition struct {
	space *names
	name  string
	order uint64
	// A portal means what its statement means, which is the one of this name
	// among statements.
	statements *names
	of         string
}

// settle confirms a definition or takes it back.
func (d *definition) settle(ok bool) {
	switch {
	case d.space == nil:
	case !ok:
		d.space.withdraw(d.name, d.order)
	default:
		d.space.confirm(d.name, d.order)
		if d.statements != nil {
			// When a Bind is answered every Parse before it has been.
			d.space.narrow(d.name, d.order, d.statements.lookup(d.of))
		}
	}
}

// propose enters what a message will define; whoever sends it has it settled.
// If there are too many unanswered definitions it waits for answers. what says
// what is defined; it runs under the queue's lock, and again after a wait,
// because answers take meanings away.
func (s *session) propose(d *definition, what func() []meaning) *refusal {
	err := s.enter(d, what)
	if errors.Is(err, errTooManyMeanings) && s.allAnswered() == nil {
		err = s.enter(d, what)
	}
	if err != nil {
		d.space = nil
		return refuseNames(newID(), err)
	}
	return nil
}

func (s *session) enter(d *definition, what func() []meaning) (err error) {
	p := s.pending
	p.mu.Lock()
	defer p.mu.Unlock()
	meanings := what()
	for i := range meanings {
		meanings[i].segment = p.segment
	}
	d.order, err = d.space.propose(d.name, meanings...)
	return err
}

// statementsMeant returns what the name of a prepared statement may mean here. If
// that is too much to remember, the answers tell.
func (s *session) statementsMeant(name string) []meaning {
	p := s.pending
	look := func() []meaning {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.statements.meant(name, p.segment)
	}
	found := look()
	if slices.ContainsFunc(found, func(m meaning) bool { return m.lost }) && s.allAnswered() == nil {
		found = look()
	}
	return found
}

// proposePortal enters the portal of a Bind: it may mean what its statement
// may mean, with a budget of its own.
func (s *session) proposePortal(t *ticket, portal, name string, j *judgement) *refusal {
	statements := s.pending.statements
	b := newBudget(j.terms)
	t.defines = definition{space: s.pending.portals, name: portal, statements: statements, of: name}
	return s.propose(&t.defines, func() []meaning {
		known := slices.Clone(statements.meant(name, s.pending.segment))
		if len(known) == 0 {
			unknown := policy.Unseen("a prepared statement that nobody saw made")
			known = []meaning{{admitted: &admitted{statement: &unknown}}}
		}
		for i := range known {
			known[i].budget, known[i].behind, known[i].lost = b, 0, false
			known[i].made = s.boundMeant(&known[i])
		}
		return known
	})
}

// meaning is what a name stands for that a judged text gives it.
func (j *judgement) meaning(st *statement.Statement) meaning {
	return meaning{admitted: &admitted{
		statement: st, decision: j.id, policy: j.policy, spoken: j.spoken, terms: j.terms, volatile: j.volatile, changesCode: j.changesCode, sight: j.sight,
		asked: j.asked, sources: j.sources,
	}}
}

// only is what propose takes for a definition with one meaning.
func only(m *meaning) func() []meaning {
	return func() []meaning { return []meaning{*m} }
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
func (s *session) proposeNames(t *ticket, j *judgement, statements []statement.Statement) *refusal {
	for i := range statements {
		if r := s.proposeNamesOf(t, j, &statements[i], i, len(statements)); r != nil {
			return r
		}
	}
	return nil
}

// proposeNamesOf is proposeNames for one statement, the one at index of so
// many.
func (s *session) proposeNamesOf(t *ticket, j *judgement, st *statement.Statement, index, of int) *refusal {
	s.noteSettings(st)
	s.noteDeclared(st)
	s.sight.note(s, st, !j.changesCode)
	if len(st.Names) == 0 {
		return nil
	}
	ran := func() bool { return t.mayHaveRun(index, of) }
	for _, use := range st.Names {
		if r := s.proposeName(t, j, use, ran); r != nil {
			return r
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

func (s *session) proposeName(t *ticket, j *judgement, use statement.NameUse, ran func() bool) *refusal {
	statements, cursors := s.pending.statements, s.pending.portals
	switch use.Op {
	case statement.Prepare, statement.Declare:
		if use.Inner == nil {
			return nil
		}
		space := statements
		m := j.meaning(use.Inner)
		m.meant.prepare(s, j.inner[use.Inner])
		m.hold = use.Hold // it is nobody else's yet
		if use.Op == statement.Declare {
			space = cursors
			m.budget, m.made = newBudget(j.terms), m.meant.first
		}
		d := &definition{space: space, name: use.Name}
		if r := s.propose(d, only(&m)); r != nil {
			return r
		}
		s.after(t, func(ok bool) {
			if ok || !ran() {
				d.settle(ok)
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
