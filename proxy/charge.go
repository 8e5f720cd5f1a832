package proxy

import (
	"context"
	"slices"
	"time"

	"github.com/sluice-pg/sluice/policy/statement"
)

// cursorAccount holds the budgets of the cursors that a statement fetches
// from, under the terms of the decision just taken.
func (s *session) cursorAccount(st *statement.Statement, t terms) (a account) {
	if len(st.Names) == 0 {
		return nil
	}
	p := s.pending
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, use := range st.Names {
		if use.Op != statement.Fetch {
			continue
		}
		for _, m := range p.portals.lookup(use.Name) {
			if m.budget != nil && !slices.Contains(a, m.budget) {
				m.budget.under(t)
				a = append(a, m.budget)
			}
		}
	}
	return a
}

// openAccounts says what the answers to each statement of a text are charged
// to.
func (s *session) openAccounts(w *work, j *judgement) {
	if w.accounts = w.one[:]; len(j.statements) != 1 {
		w.accounts = make([]account, len(j.statements))
	}
	for i := range j.statements {
		if w.accounts[i] = s.cursorAccount(&j.statements[i], j.terms); w.accounts[i] == nil {
			w.accounts[i] = w.budget(j.terms, len(j.statements) == 1)
		}
	}
}

// budget returns the account of a statement that fetches from no cursor.
func (w *work) budget(t terms, alone bool) account {
	if !alone {
		return account{newBudget(t)}
	}
	w.own.terms = t.alone()
	w.single[0] = &w.own
	return w.single[:]
}

// spentBefore refuses a text that fetches from a cursor whose budget is spent,
// or whose rows would be charged to a shared budget that is.
func (s *session) spentBefore(ctx context.Context, j *judgement) *refusal {
	for i := range j.statements {
		if over := s.spent(s.cursorAccount(&j.statements[i], j.terms)); over != nil {
			return over.refusal(j.id, false)
		}
	}
	return s.spentBudget(ctx, j.id, j.terms)
}

func (s *session) spent(a account) *overrun {
	if len(a) == 0 {
		return nil
	}
	s.pending.mu.Lock()
	defer s.pending.mu.Unlock()
	return a.spent()
}

// portalAccount is what the answers to an Execute are charged to: the portal,
// or the cursors that its statement fetches from.
func (s *session) portalAccount(meanings []meaning, t terms) (a account) {
	for _, m := range meanings {
		cursors := s.cursorAccount(m.statement, t)
		if cursors == nil && m.budget != nil {
			s.pending.mu.Lock()
			m.budget.under(t)
			s.pending.mu.Unlock()
			cursors = account{m.budget}
		}
		for _, b := range cursors {
			if !slices.Contains(a, b) {
				a = append(a, b)
			}
		}
	}
	if a == nil {
		a = account{newBudget(t)}
	}
	return a
}

// current is the account of the statement of a text that runs now.
func (w *work) current() account {
	switch {
	case len(w.accounts) == 0:
		return nil
	case w.statements < 0:
		return w.accounts[0]
	}
	return w.accounts[min(w.completed, len(w.accounts)-1)]
}

// charge counts a message to the client against what the ticket may still
// send. It reports whether the message may pass, and whether a limit was
// reached just now. Callers hold the queue's lock.
func (t *ticket) charge(rows, bytes int64) (pass, first bool) {
	if t == nil || t.work == nil {
		return true, false
	}
	w := t.work
	first = w.over == nil
	if first {
		w.over = w.current().take(rows, bytes)
	}
	if w.over == nil {
		return true, false
	}
	w.withheld = true
	return false, first
}

// reached is the limit that an execution came up against, nil if it kept within
// all of them.
func (w *work) reached() *overrun {
	if w.over == nil && w.sqlstate == queryCanceled {
		return w.late
	}
	return w.over
}

// push adds a ticket to the queue.
func (s *session) push(t *ticket) error {
	if err := s.pending.push(t); err != nil {
		return err
	}
	s.startClock(t)
	return nil
}

// cancelPatience bounds how long the server may take to hear that a statement
// is to be cancelled.
const cancelPatience = 5 * time.Second

// stopOver has the server cancel a statement that is over a limit. It is not
// told if more of the client's messages wait behind the next Sync, because the
// request could meet one of those; what the statement still sends is then
// thrown away. It returns when the server has heard.
func (s *session) stopOver(t *ticket) {
	p := s.pending
	p.mu.Lock()
	alone := p.running(t) && !p.followed()
	if alone {
		p.cancelling++
	}
	p.mu.Unlock()
	if alone {
		s.cancelOver(t)
	}
}

// cancelOver has the server told to cancel. The caller has counted it among
// those under way in the moment it saw that it was the ticket's turn, so that
// nothing slips in between.
func (s *session) cancelOver(t *ticket) {
	p := s.pending
	s.leave()
	ctx, done := context.WithTimeout(context.Background(), cancelPatience)
	defer done()
	if err := s.upstream.cancel(ctx); err != nil {
		s.log.Warn("a statement over its limit could not be cancelled", "req", t.work.decision, "err", err)
	}
	p.mu.Lock()
	p.cancelling--
	p.mu.Unlock()
	p.changed.Broadcast()
}

// running reports whether the server is at work on a ticket: what may still
// be unanswered before it runs nothing. The server keeps those answers back
// until it has more to send. Callers hold the lock.
func (p *pending) running(t *ticket) bool {
	for _, before := range p.queue {
		switch {
		case before == t:
			return true
		case before.typ != 'P' && before.typ != 'B' && before.typ != 'D' && before.typ != 'C':
			return false
		}
	}
	return false
}

// followed reports whether messages wait behind those that the head's end
// will skip. Callers hold the lock.
func (p *pending) followed() bool {
	for i, t := range p.queue {
		if t.typ == 'S' || t.typ == 'Q' || t.typ == 'F' {
			return i < len(p.queue)-1
		}
	}
	return false
}

// clockTick is how often a statement whose time is up looks whether it is its
// turn to be stopped.
const clockTick = 50 * time.Millisecond

// startClock ends a statement when its time is up.
func (s *session) startClock(t *ticket) {
	if t.work == nil {
		return
	}
	p := s.pending
	p.mu.Lock()
	defer p.mu.Unlock()
	most, over := t.work.current().duration()
	if most == 0 {
		return
	}
	if !slices.Contains(p.queue, t) {
		return
	}
	t.clock = time.AfterFunc(most, func() { s.outOfTime(t, over) })
}

// outOfTime has the server cancel a statement whose time is up, once it is
// its turn. Here the request is sent whatever waits behind: who sends more
// messages does not get more time.
func (s *session) outOfTime(t *ticket, over *overrun) {
	p := s.pending
	p.mu.Lock()
	waits := !p.closed && slices.Contains(p.queue, t)
	turn := waits && p.running(t)
	if turn {
		t.work.late = over
		p.cancelling++
	} else if waits {
		t.clock.Reset(clockTick)
	}
	p.mu.Unlock()
	if turn {
		s.cancelOver(t)
	}
}
