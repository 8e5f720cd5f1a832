package budget

import "time"

const (
	// allowedRows and allowedBytes are what an allowance has at most, and of what
	// is left of a limit it has one part of allowanceParts: near a limit there is
	// none, and every message is taken by itself.
	allowedRows    = 256
	allowedBytes   = 64 << 10
	allowanceParts = 16
	// recentSubjects is how many subjects an allowance remembers, a power of two.
	recentSubjects = 128
)

// Allowance charges the messages of one stream to an account, and takes some more
// than a message needs, for those that follow it: so most of them cost no lock.
// What is not needed goes back by Return, and counts as taken until then. One
// goroutine uses it.
type Allowance struct {
	charge *Charge
	// of is the account that left was taken from, nil for none; in a slot which
	// ends at until, in nanoseconds since the epoch, and when its window was
	// that of the charge sized.
	of    *account
	sized int64
	slot  int64
	until int64
	left  Amounts
	// level is that of the slot, lowest the least of all that know anybody: whose
	// hash does not pass it is not known, and would not be.
	level, lowest uint8
	// recent are subjects who were seen in the slot.
	recent [recentSubjects]uint64
}

// Allow makes an allowance, with nothing in it.
func (c *Charge) Allow() Allowance { return Allowance{charge: c} }

// Take is Charge.Take.
func (w *Allowance) Take(now time.Time, m Message) Taking {
	if now.UnixNano() < w.until && w.covers(m) && w.nobodyNew(m.Subject) {
		cost := m.cost()
		w.left = w.left.minus(cost)
		return Taking{Outcome: Taken, Anonymous: cost.Subjects, Level: w.level}
	}
	return w.takeMore(now, m)
}

// covers reports whether there is enough left for a message.
func (w *Allowance) covers(m Message) bool {
	return m.Rows <= w.left.Rows && m.Bytes <= w.left.Bytes && (m.Subject != 0 || m.Rows <= w.left.Subjects)
}

// nobodyNew reports whether a sighting of a subject changes nothing in the account.
func (w *Allowance) nobodyNew(subject uint64) bool {
	return subject == 0 || !passes(subject, w.lowest) || w.recent[subject%recentSubjects] == subject
}

// takeMore takes a message from the account, and when that is time what is allowed
// besides.
func (w *Allowance) takeMore(now time.Time, m Message) Taking {
	a := w.charge.lock(now)
	if a == nil {
		return Taking{Outcome: Full}
	}
	defer a.mu.Unlock()
	if w.of != a {
		w.of, w.left = a, Amounts{} // the one before is forgotten
	}
	enough := w.slot == a.current && w.sized == a.windowBy && w.covers(m)
	taking := a.take(w.charge.terms.Limits, m)
	if taking.Outcome != Taken && w.left != (Amounts{}) {
		w.putBack()
		taking = a.take(w.charge.terms.Limits, m)
	}
	if taking.Outcome != Taken {
		return taking
	}
	if !enough {
		w.renew(m.Subject == 0)
	}
	if !enough || w.level != taking.Level {
		w.level, w.lowest = taking.Level, a.known.lowest(ring(a.current))
	}
	if m.Subject != 0 {
		w.recent[m.Subject%recentSubjects] = m.Subject
	}
	return taking
}

// renew has what is allowed taken from the account, which is locked.
func (w *Allowance) renew(anonymous bool) {
	a := w.of
	w.putBack()
	if w.slot != a.current || w.sized != a.windowBy {
		w.recent = [recentSubjects]uint64{}
	}
	w.sized, w.slot, w.until = a.windowBy, a.current, a.until
	w.left = a.advance(w.charge.terms.Limits, anonymous)
}

// Return gives back what was not needed.
func (w *Allowance) Return() {
	if w.left == (Amounts{}) {
		return
	}
	w.of.mu.Lock()
	w.putBack()
	w.of.mu.Unlock()
}

// putBack is Return with the account locked.
func (w *Allowance) putBack() {
	w.of.putBack(w.charge.terms.Limits, w.left, w.slot, w.sized)
	w.left = Amounts{}
}

// advance takes what an allowance may have; nothing if there is too little of
// something.
func (a *account) advance(limits Amounts, anonymous bool) Amounts {
	used := a.used()
	more := Amounts{
		Rows:  allowed(allowedRows, limits.Rows, used.Rows, a.ahead.Rows),
		Bytes: allowed(allowedBytes, limits.Bytes, used.Bytes, a.ahead.Bytes),
	}
	if anonymous {
		more.Subjects = allowed(more.Rows, limits.Subjects, used.Subjects, a.ahead.Subjects)
	}
	if more.Rows == 0 || more.Bytes == 0 {
		return Amounts{}
	}
	slot := ring(a.current)
	a.taken[slot], a.total = a.taken[slot].plus(more), a.total.plus(more)
	a.ahead, a.unrecorded = a.ahead.Minus(more), a.unrecorded.plus(more)
	return more
}

func allowed(most, limit, used, ahead int64) int64 {
	if limit == 0 {
		return most
	}
	return max(min(most, (limit-used)/allowanceParts, ahead), 0)
}

// putBack gives back what was taken in a slot. Where the window has become another
// since, nobody can tell where it counts, and it stays.
func (a *account) putBack(limits, left Amounts, number, sized int64) {
	a.unrecorded = a.unrecorded.Minus(left)
	if a.windowBy != sized {
		return
	}
	if number > a.current-slots {
		slot := ring(number)
		a.taken[slot], a.total = a.taken[slot].minus(left), a.total.minus(left)
	}
	if number == a.current {
		a.ahead = a.ahead.plus(left.of(limits))
	}
}

// of is the part of amounts that has a limit.
func (a Amounts) of(limits Amounts) Amounts {
	if limits.Rows == 0 {
		a.Rows = 0
	}
	if limits.Bytes == 0 {
		a.Bytes = 0
	}
	if limits.Subjects == 0 {
		a.Subjects = 0
	}
	return a
}
