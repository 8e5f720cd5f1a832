package budget

import (
	"sync"
	"time"
)

const (
	// aheadParts: a step ahead is a part of the limit.
	aheadParts = 16
	// The least step, so that small budgets are not on record row by row.
	leastRows     = 64
	leastBytes    = 64 << 10
	leastSubjects = 64
)

// account is what one holder was given by one budget of one class.
type account struct {
	mu sync.Mutex
	// gone is true once the book has forgotten it.
	gone bool
	// window is what the slots are parts of, by the charge with the number
	// windowBy; current is the number of the present slot since the epoch.
	window   time.Duration
	windowBy int64
	current  int64
	// until is when that slot ends, in nanoseconds since the epoch.
	until int64
	// taken is by slot, its number modulo slots; of subjects, those that
	// nobody knows. total is their sum.
	taken [slots]Amounts
	total Amounts
	known sample
	// ahead is what may be taken in the present slot, of what has a limit;
	// unrecorded what was taken and is not on record, believed what the trail
	// takes for outstanding.
	ahead, unrecorded, believed Amounts

	// extending is held while Extend puts something on record.
	extending sync.Mutex
}

func newAccount(window time.Duration, now time.Time) *account {
	a := &account{window: window}
	a.enter(a.number(now))
	return a
}

// width is how long a slot is.
func (a *account) width() time.Duration { return max(a.window/(slots-1), 1) }

// number is the slot of a time, counted from the epoch.
func (a *account) number(t time.Time) int64 {
	n, w := t.UnixNano(), int64(a.width())
	if n < 0 {
		return (n - w + 1) / w
	}
	return n / w
}

// begins is when a slot begins.
func (a *account) begins(number int64) time.Time {
	return time.Unix(0, number*int64(a.width())).UTC()
}

// enter makes a slot the present one.
func (a *account) enter(number int64) {
	a.current, a.ahead = number, Amounts{}
	a.until = (number + 1) * int64(a.width())
}

// ring is the place of a slot.
func ring(number int64) uint8 { return uint8(((number % slots) + slots) % slots) }

// roll brings the account to a time.
func (a *account) roll(now time.Time) {
	if now.UnixNano() < a.until {
		return
	}
	to := a.number(now)
	from := max(a.current+1, to-slots+1)
	var over [slots]bool
	for n := from; n <= to; n++ {
		slot := ring(n)
		over[slot] = true
		a.total = a.total.minus(a.taken[slot])
		a.taken[slot] = Amounts{}
	}
	a.known.clear(func(slot uint8) bool { return over[slot] })
	a.enter(to)
}

// adopt brings the account to the window of a charge, unless a later one had
// another: what still runs by an old policy does not turn it back.
func (a *account) adopt(window time.Duration, by int64, now time.Time) {
	if window == a.window || by < a.windowBy {
		return
	}
	a.windowBy = by
	a.resize(window, now)
}

// resize brings the account to another window: what was taken in a slot counts
// as if it had been in its last moment.
func (a *account) resize(window time.Duration, now time.Time) {
	old := a.taken
	known, levels := a.known, a.known.levels
	first := a.current - slots + 1
	ends := [slots]time.Time{}
	for n := first; n <= a.current; n++ {
		ends[ring(n)] = a.begins(n + 1).Add(-1)
	}
	a.window, a.taken, a.total, a.known = window, [slots]Amounts{}, Amounts{}, sample{}
	a.enter(a.number(now))
	for slot, amounts := range old {
		if to, in := a.slotOf(ends[slot]); in {
			a.taken[to] = a.taken[to].plus(amounts)
			a.total = a.total.plus(amounts)
			a.known.raise(to, levels[slot])
		}
	}
	for place, hash := range known.hashes {
		if hash != 0 {
			if to, in := a.slotOf(ends[known.at[place]]); in {
				a.known.see(hash, to)
			}
		}
	}
}

// slotOf is the place of a time in the window, the present slot for one that is
// yet to come; in is false for one before.
func (a *account) slotOf(t time.Time) (slot uint8, in bool) {
	n := min(a.number(t), a.current)
	return ring(n), n > a.current-slots
}

// used is what counts within the window.
func (a *account) used() Amounts {
	u := a.total
	u.Subjects += a.known.count
	return u
}

// take counts a message, or says what is in the way.
func (a *account) take(limits Amounts, m Message) Taking {
	cost, slot := m.cost(), ring(a.current)
	grows := cost.Subjects
	var was uint8
	var known bool
	if m.Subject != 0 {
		was, known = a.known.last(m.Subject)
		grows = a.known.more(m.Subject, slot, was, known)
	}
	if outcome := a.passes(limits, m, grows); outcome != Taken {
		return Taking{Outcome: outcome}
	}
	out := Taking{Outcome: Taken, Anonymous: cost.Subjects}
	if m.Subject != 0 && a.known.moves(m.Subject, slot, was, known) {
		a.known.see(m.Subject, slot)
		_, out.Fresh = a.known.last(m.Subject)
	}
	out.Level = a.known.levels[slot]
	a.taken[slot], a.total = a.taken[slot].plus(cost), a.total.plus(cost)
	if out.Fresh {
		cost.Subjects++
	}
	a.ahead, a.unrecorded = a.ahead.Minus(cost), a.unrecorded.plus(cost)
	return out
}

// cost is what a message takes, but for its subject if that is known.
func (m Message) cost() Amounts {
	cost := Amounts{Rows: m.Rows, Bytes: m.Bytes}
	if m.Subject == 0 {
		cost.Subjects = m.Rows
	}
	return cost
}

// subjects is how many a message may bring.
func (m Message) subjects() int64 {
	if m.Subject != 0 {
		return 1
	}
	return m.Rows
}

// passes says whether a message may be taken that brings so many more subjects.
// It is short only of what has a limit.
func (a *account) passes(limits Amounts, m Message, subjects int64) Outcome {
	used := a.used()
	switch {
	case limits.Rows != 0 && used.Rows+m.Rows > limits.Rows:
		return OverRows
	case limits.Bytes != 0 && used.Bytes+m.Bytes > limits.Bytes:
		return OverBytes
	case limits.Subjects != 0 && used.Subjects+max(subjects, 0) > limits.Subjects && subjects > 0:
		return OverSubjects
	case limits.Rows != 0 && a.ahead.Rows < m.Rows, limits.Bytes != 0 && a.ahead.Bytes < m.Bytes:
		return Short
	case limits.Subjects != 0 && a.ahead.Subjects < m.subjects():
		return Short
	}
	return Taken
}

// spent says which limit lets nothing more through. That of subjects lets rows
// of those through who were seen within the window, if anybody can tell.
func (a *account) spent(limits Amounts, tells bool) Outcome {
	used := a.used()
	switch {
	case limits.Rows != 0 && used.Rows >= limits.Rows:
		return OverRows
	case limits.Bytes != 0 && used.Bytes >= limits.Bytes:
		return OverBytes
	case limits.Subjects != 0 && used.Subjects >= limits.Subjects && !tells:
		return OverSubjects
	}
	return Taken
}

// step is how much more goes on record at once, for a message at least.
func step(limits Amounts, m Message) (s Amounts) {
	if limits.Rows != 0 {
		s.Rows = max(limits.Rows/aheadParts, leastRows, m.Rows)
	}
	if limits.Bytes != 0 {
		s.Bytes = max(limits.Bytes/aheadParts, leastBytes, m.Bytes)
	}
	if limits.Subjects != 0 {
		s.Subjects = max(limits.Subjects/aheadParts, leastSubjects, m.subjects())
	}
	return s
}

// room is when so much of what counts now does not any more that something would
// fit: the zero time if it fits now, and ok is false if it never will.
func (a *account) room(limits, need Amounts) (at time.Time, ok bool) {
	if !need.fit(limits) {
		return time.Time{}, false
	}
	left := a.used().plus(need)
	ages := a.known.ages()
	for n := a.current - slots + 1; n <= a.current; n++ {
		if left.fit(limits) {
			return a.over(n - 1), true
		}
		slot := ring(n)
		left = left.minus(a.taken[slot])
		left.Subjects -= ages[slot]
	}
	return a.over(a.current), true
}

// over is when a slot counts no more, the zero time if that is past.
func (a *account) over(number int64) time.Time {
	if number <= a.current-slots {
		return time.Time{}
	}
	return a.begins(number + slots)
}

// fit reports whether amounts are within the limits.
func (a Amounts) fit(limits Amounts) bool {
	return (limits.Rows == 0 || a.Rows <= limits.Rows) && (limits.Bytes == 0 || a.Bytes <= limits.Bytes) &&
		(limits.Subjects == 0 || a.Subjects <= limits.Subjects)
}

// idle reports whether nothing would be lost with the account.
func (a *account) idle() bool {
	return a.used() == (Amounts{}) && a.unrecorded == (Amounts{}) && a.known.kept == 0
}
