package proxy

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/sluice-pg/sluice/policy"
	shared "github.com/sluice-pg/sluice/policy/budget"
)

// What leaves is charged to two things: to the budget of its statement or cursor
// (budget.go), and to the budgets of the policy, which a person has in all
// sessions together. This file is about those. They are charged by the goroutine
// that reads from the server, right before a message goes out.

// Budgets are the accounts that all sessions share.
type Budgets struct {
	Book *shared.Book
	// Hasher hashes subjects with the key of the trail, so that a subject that
	// is on record is known again after a restart.
	Hasher shared.Hasher
}

// newBudgets are empty accounts of which no trail tells.
func newBudgets() *Budgets {
	var key [shared.KeySize]byte
	rand.Read(key[:])
	return &Budgets{Book: shared.NewBook(), Hasher: shared.NewHasher(key)}
}

// charges are the accounts that the answers to a statement count for.
type charges struct {
	holder string
	all    []charge
}

// charge is one of them, with the terms in the policy's words.
type charge struct {
	*shared.Charge
	terms policy.BudgetTerms
}

// onlyQuotes reports whether the account is charged with errors and the like and
// not with rows. Whatever rows there are count as unclassified if nothing else.
func (c *charge) onlyQuotes() bool { return c.terms.Aside && c.terms.Class != policy.Unclassified }

// chargesFor finds the accounts of a decision; nil for none.
func (s *session) chargesFor(d *policy.Decision) *charges {
	if len(d.Budgets) == 0 {
		return nil
	}
	c := &charges{holder: s.person().Holder()}
	for i := range d.Budgets {
		c.all = append(c.all, s.chargeOn(c.holder, d.Budgets[i]))
	}
	return c
}

func (s *session) chargeOn(holder string, t policy.BudgetTerms) charge {
	key := shared.Key{Holder: holder, Budget: t.Budget, Class: t.Class}
	return charge{s.server.budgets.Book.Charge(key, shared.Terms{Window: t.Window, Limits: shared.Amounts(t.Limits)}), t}
}

// and are the charges of both, each account once. An account that one of them
// charges with rows is charged with rows.
func (c *charges) and(other *charges) *charges {
	switch {
	case c == nil || c == other:
		return other
	case other == nil || c.covers(other):
		return c
	case other.covers(c):
		return other
	}
	both := &charges{holder: c.holder, all: append([]charge(nil), c.all...)}
	for _, o := range other.all {
		if have := both.find(o.Key()); have == nil {
			both.all = append(both.all, o)
		} else if have.terms.Aside && !o.terms.Aside {
			*have = o
		}
	}
	return both
}

// covers reports whether all that others charge is charged by c.
func (c *charges) covers(other *charges) bool {
	for _, o := range other.all {
		if have := c.find(o.Key()); have == nil || have.terms.Aside && !o.terms.Aside {
			return false
		}
	}
	return true
}

func (c *charges) find(key shared.Key) *charge {
	for i := range c.all {
		if c.all[i].Key() == key {
			return &c.all[i]
		}
	}
	return nil
}

// subjectAt is where a result says whose a row is.
type subjectAt struct {
	// column is counted from 1; 0 if it cannot be told, and every row counts as
	// a subject of its own.
	column int
	// form is how the messages are made that have it.
	form shared.Form
}

// maxSubjectAt is how far from the beginning of a message a subject is looked
// for, in bytes.
const maxSubjectAt = 4 << 10

// subjectIn is whose the message is that lies at the upstream connection, zero
// if nobody can tell.
func (s *session) subjectIn(at subjectAt, typ byte, length int) (uint64, error) {
	if at.column == 0 || (typ == 'D') != (at.form == shared.Row) {
		return 0, nil
	}
	body, err := s.upstream.conn.Prefix(min(length, maxSubjectAt))
	if err != nil {
		return 0, err
	}
	value, ok := at.form.Field(body, at.column-1)
	if !ok {
		return 0, nil
	}
	return s.server.budgets.Hasher.Subject(value), nil
}

// asQuote is an error or a notice as an account sees it: it can hold a row.
func asQuote(length int64) shared.Message { return shared.Message{Rows: 1, Bytes: length} }

// charge counts a message to the client against everything that the ticket may
// still send: so many rows of the statement's own budget, and what the message
// is for the shared ones. quotes is true for errors and the like, which can hold
// what the rows do not. It reports whether the message may pass, and whether a
// limit was reached just now. An error means that the trail did not take what
// has to be on record before.
func (s *session) charge(t *ticket, rows int64, m shared.Message, quotes bool) (pass, first bool, err error) {
	p := s.pending
	p.mu.Lock()
	pass, first = t.charge(rows, m.Bytes)
	p.mu.Unlock()
	if !pass {
		return pass, first, nil
	}
	return s.chargeShared(t, m, quotes)
}

// chargeShared counts a message that its statement's own budget lets pass against
// the shared ones.
func (s *session) chargeShared(t *ticket, m shared.Message, quotes bool) (pass, first bool, err error) {
	accounts := s.accountsOf(t)
	if quotes {
		accounts = s.quoting(t)
	}
	if accounts == nil {
		return true, false, nil
	}
	over, err := s.pay(accounts, m, quotes)
	if err != nil || over == nil {
		return err == nil, false, err
	}
	if t == nil || t.work == nil {
		return false, false, nil // nothing runs that could be stopped
	}
	s.pending.mu.Lock()
	t.work.over, t.work.withheld = over, true
	s.pending.mu.Unlock()
	return false, true, nil
}

// pay charges a message to the accounts, one after the other. If one of them has
// no room for it, those before it have counted a message that does not go out.
func (s *session) pay(c *charges, m shared.Message, quotes bool) (*overrun, error) {
	if err := s.tab.turnTo(s, c); err != nil {
		return nil, err
	}
	now := s.tab.look(s.server.now)
	for i := range c.all {
		one := &c.all[i]
		if one.onlyQuotes() && !quotes {
			continue
		}
		taking := s.tab.allowances[i].Take(now, m)
		for taking.Outcome == shared.Short {
			now = s.tab.lookAgain(s.server.now)
			if err := s.reserve(one, now, m); err != nil {
				return nil, err
			}
			taking = s.tab.allowances[i].Take(now, m)
		}
		if taking.Outcome != shared.Taken {
			return s.overBudget(one, taking.Outcome, now, m), nil
		}
		s.tab.add(i, m, taking)
	}
	if s.tab.full(now) {
		return nil, s.recordTab(now)
	}
	return nil, nil
}

// reserve puts on record, and on disk, that more may be taken from an account.
func (s *session) reserve(c *charge, now time.Time, m shared.Message) error {
	s.leave() // it waits for the disk, or for another session that does
	return c.Extend(now, m, func(outstanding shared.Amounts) error {
		body := reservedOf(c.Key(), outstanding)
		return s.append(context.Background(), s.event(typeReserved, "", body))
	})
}

// spentBudget refuses a text whose rows would be charged to a budget in which
// nothing is left. The refusal is on disk before it is told.
func (s *session) spentBudget(ctx context.Context, id string, t terms) *refusal {
	if t.charges == nil {
		return nil
	}
	now := s.server.now()
	for i := range t.charges.all {
		one := &t.charges.all[i]
		if one.terms.Aside {
			continue
		}
		outcome := one.Spent(now, t.subject.column != 0)
		if outcome == shared.Taken {
			continue
		}
		over := s.overBudget(one, outcome, now, leastMessage)
		if err := s.append(ctx, s.event(typeRefused, id, over.refusedRecord())); err != nil {
			return s.unrecorded(id, err)
		}
		return over.refusal(id, false)
	}
	return nil
}

// quoting are the shared budgets that an error or the like counts for: those of
// the message, and those of all that ran in the transaction, since deferred
// constraints and triggers speak when it ends.
func (s *session) quoting(t *ticket) *charges {
	return s.accountsOf(t).and(s.transaction)
}

// accountsOf are the shared budgets that an answer to a message counts for. What
// comes at a Sync is of what ran before it.
func (s *session) accountsOf(t *ticket) *charges {
	switch {
	case t == nil:
		return nil
	case t.typ == 'S':
		return s.lastTerms.charges
	}
	return t.terms.charges
}

// chargeReport counts a report of a setting, whose value can be made of data. It
// comes while a statement runs, or at its end. One for which there is no room is
// not passed on; the client goes on with the value that it knows.
func (s *session) chargeReport(length int64) (pass bool, err error) {
	t := s.head()
	if s.quoting(t) == nil {
		return true, nil
	}
	pass, first, err := s.charge(t, 0, asQuote(length), true)
	if err == nil && first {
		s.stopOver(t)
	}
	return pass, err
}

// noteCharges keeps in mind at a ReadyForQuery what the open transaction has run.
func (s *session) noteCharges(t *ticket, status byte) {
	if status == 'I' {
		s.transaction = nil
		return
	}
	s.transaction = s.transaction.and(s.accountsOf(t))
}
