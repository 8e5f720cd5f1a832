package budget

import (
	"fmt"
	"time"
)

// Recovery fills a book from the records of a trail, oldest first. It is for
// one goroutine.
type Recovery struct {
	book    *Book
	windows map[string]time.Duration
	now     time.Time
	open    map[Key]outstanding
	lost    int
}

// outstanding is what may have been taken and is on no record yet.
type outstanding struct {
	at      time.Time
	amounts Amounts
}

// NewRecovery begins to fill a book. windows are those of the budgets, by their
// names; what was taken by others is left out.
func NewRecovery(book *Book, windows map[string]time.Duration, now time.Time) *Recovery {
	return &Recovery{book: book, windows: windows, now: now, open: map[Key]outstanding{}}
}

// Outstanding is what Extend or Book.Outstanding has recorded.
func (r *Recovery) Outstanding(key Key, at time.Time, amounts Amounts) {
	if _, known := r.windows[key.Budget]; known {
		r.open[key] = outstanding{at, amounts}
	}
}

// Taken is what was put on record as taken.
func (r *Recovery) Taken(key Key, past Past) {
	window, known := r.windows[key.Budget]
	if !known {
		return
	}
	if o, open := r.open[key]; open {
		recorded := past.Taken
		recorded.Subjects += past.Fresh
		r.open[key] = outstanding{o.at, o.amounts.Minus(recorded)}
	}
	r.remember(key, window, past)
}

// Ended says that the process that wrote the records before has ended, however:
// what was outstanding then counts as taken.
func (r *Recovery) Ended() {
	for key, o := range r.open {
		if o.amounts != (Amounts{}) {
			r.remember(key, r.windows[key.Budget], Past{At: o.at, Taken: o.amounts})
		}
	}
	clear(r.open)
}

func (r *Recovery) remember(key Key, window time.Duration, past Past) {
	if !r.book.Remember(key, window, past, r.now) {
		r.lost++
	}
}

// End is after the last record. Its error says that there are more accounts
// than a book has room for.
func (r *Recovery) End() error {
	r.Ended()
	if r.lost > 0 {
		return fmt.Errorf("budget: more than %d accounts: %d records could not be counted", r.book.most, r.lost)
	}
	return nil
}
