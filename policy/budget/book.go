package budget

import (
	"sync"
	"sync/atomic"
	"time"
)

// MaxAccounts is how many accounts a book has at most.
const MaxAccounts = 20_000

// Book holds the accounts.
type Book struct {
	mu       sync.Mutex
	accounts map[Key]*account
	most     int
	// charges counts those that were made.
	charges atomic.Int64
}

// NewBook makes an empty book.
func NewBook() *Book { return &Book{accounts: map[Key]*account{}, most: MaxAccounts} }

// find returns the account of a key, and makes it if there is none; nil if
// there is no room.
func (b *Book) find(key Key, window time.Duration, now time.Time) *account {
	b.mu.Lock()
	defer b.mu.Unlock()
	if a := b.accounts[key]; a != nil {
		return a
	}
	if len(b.accounts) >= b.most && !b.sweep(now) {
		return nil
	}
	a := newAccount(window, now)
	b.accounts[key] = a
	return a
}

// sweep forgets the accounts in which nothing is left, and reports whether
// there is room then.
func (b *Book) sweep(now time.Time) bool {
	for key, a := range b.accounts {
		a.mu.Lock()
		if a.roll(now); a.idle() {
			a.gone = true
			delete(b.accounts, key)
		}
		a.mu.Unlock()
	}
	return len(b.accounts) < b.most
}

// Accounts is how many there are.
func (b *Book) Accounts() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.accounts)
}

// Past is what was taken before, as the trail has it.
type Past struct {
	// At is when, or later.
	At time.Time
	// Taken has in Subjects those that nobody knows.
	Taken Amounts
	// Subjects are those that were seen, sampled by Level. Fresh is how many of
	// them the account that recorded them had not seen in that slot.
	Subjects []uint64
	Level    uint8
	Fresh    int64
}

// Remember adds to an account what was taken before this process began. What is
// older than the window counts for nothing. It reports whether there was room
// for the account.
func (b *Book) Remember(key Key, window time.Duration, past Past, now time.Time) bool {
	a := b.find(key, window, now)
	if a == nil {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.roll(now)
	slot, in := a.slotOf(past.At)
	if !in {
		return true
	}
	a.taken[slot], a.total = a.taken[slot].plus(past.Taken), a.total.plus(past.Taken)
	a.known.raise(slot, past.Level)
	for _, hash := range past.Subjects {
		if was, known := a.known.last(hash); known && a.age(was) < a.age(slot) {
			continue // it was seen later than that
		}
		a.known.see(hash, slot)
	}
	return true
}

// age is how many slots ago one is.
func (a *account) age(slot uint8) uint8 { return (ring(a.current) + slots - slot) % slots }

// Outstanding calls each for the accounts of which the trail believes more than
// was taken, with what is really outstanding, so that it can be put on record
// before the end.
func (b *Book) Outstanding(each func(Key, Amounts) error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for key, a := range b.accounts {
		a.mu.Lock()
		same, left := a.believed == a.unrecorded, a.unrecorded
		a.believed = left
		a.mu.Unlock()
		if same {
			continue
		}
		if err := each(key, left); err != nil {
			return err
		}
	}
	return nil
}

// Charge is an account with the terms on which it is charged. Any number of
// goroutines may use it.
type Charge struct {
	book  *Book
	key   Key
	terms Terms
	// number is in the order in which charges are made.
	number int64
	open   atomic.Pointer[account]
}

// Charge finds an account; it is made when it is charged.
func (b *Book) Charge(key Key, terms Terms) *Charge {
	return &Charge{book: b, key: key, terms: terms, number: b.charges.Add(1)}
}

// Key returns whose account it is.
func (c *Charge) Key() Key { return c.key }

// Terms returns how much there is.
func (c *Charge) Terms() Terms { return c.terms }

// lock returns the account, locked and brought to a time; nil if there is no
// room for it.
func (c *Charge) lock(now time.Time) *account {
	for {
		a := c.open.Load()
		if a == nil {
			if a = c.book.find(c.key, c.terms.Window, now); a == nil {
				return nil
			}
			c.open.Store(a)
		}
		a.mu.Lock()
		if !a.gone {
			a.roll(now)
			a.adopt(c.terms.Window, c.number, now)
			return a
		}
		a.mu.Unlock()
		c.open.CompareAndSwap(a, nil)
	}
}

// Take counts a message that is about to go to the client, or says what is in
// the way; then it must not go.
func (c *Charge) Take(now time.Time, m Message) Taking {
	a := c.lock(now)
	if a == nil {
		return Taking{Outcome: Full}
	}
	taking := a.take(c.terms.Limits, m)
	a.mu.Unlock()
	return taking
}

// Spent says which limit lets nothing more through; Taken for none. tells is
// true if it can be told whose the rows are: then those of subjects that were
// seen within the window may still come.
func (c *Charge) Spent(now time.Time, tells bool) Outcome {
	a := c.lock(now)
	if a == nil {
		return Full
	}
	defer a.mu.Unlock()
	return a.spent(c.terms.Limits, tells)
}

// Used is what counts within the window.
func (c *Charge) Used(now time.Time) Amounts {
	a := c.lock(now)
	if a == nil {
		return Amounts{}
	}
	defer a.mu.Unlock()
	return a.used()
}

// Room is when a message will fit: the zero time if it does now. ok is false if
// it is more than there ever is.
func (c *Charge) Room(now time.Time, m Message) (at time.Time, ok bool) {
	a := c.lock(now)
	if a == nil {
		return time.Time{}, false
	}
	defer a.mu.Unlock()
	return a.room(c.terms.Limits, Amounts{m.Rows, m.Bytes, m.subjects()})
}

// Extend lets more be taken, a step ahead of a message, once record has put on
// disk what is outstanding then. Of several who ask at once one records. An
// error is that of record; then nothing more may be taken.
func (c *Charge) Extend(now time.Time, m Message, record func(outstanding Amounts) error) error {
	a := c.lock(now)
	if a == nil {
		return nil // Take says that it is full
	}
	a.mu.Unlock()
	a.extending.Lock()
	defer a.extending.Unlock()
	a.mu.Lock()
	a.roll(now)
	if a.passes(c.terms.Limits, m, 0) != Short {
		a.mu.Unlock()
		return nil
	}
	more, slot := step(c.terms.Limits, m), a.current
	outstanding := a.ahead.plus(a.unrecorded).plus(more)
	a.mu.Unlock()
	if err := record(outstanding); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.believed = outstanding
	if a.current == slot {
		a.ahead = a.ahead.plus(more)
	}
	return nil
}

// Recorded says that what was taken is on record by now.
func (c *Charge) Recorded(now time.Time, taken Amounts) {
	if a := c.lock(now); a != nil {
		a.unrecorded, a.believed = a.unrecorded.Minus(taken), a.believed.Minus(taken)
		a.mu.Unlock()
	}
}
