package audit

import "time"

// batch is records that go to the disk together: one write, one fsync. Their
// texts lie one after the other in a single buffer, which is used again, so that
// a record costs no memory of its own.
type batch struct {
	text    []byte
	records []place
	// waiters are those who wait until their record is on disk.
	waiters []waiter
	// since is when the first record came.
	since time.Time
}

// place is a record in the text of a batch: it ends at end, and its index,
// which it gets when it is written, belongs at index.
type place struct{ index, end int }

// waiter waits for the record that is the nth of its batch.
type waiter struct {
	n    int
	done chan<- outcome
}

type outcome struct {
	index Index
	err   error
}

// add appends a record; done may be nil.
func (b *batch) add(e encoded, done chan<- outcome) {
	if done != nil {
		b.waiters = append(b.waiters, waiter{len(b.records), done})
	}
	start := len(b.text)
	b.text = append(b.text, e.text...)
	b.records = append(b.records, place{start + e.index, len(b.text)})
}

// size is the most bytes its records can have.
func (b *batch) size() int { return len(b.text) + len(b.records)*roomForIndex }

// appendRecord appends the nth record with its index to out.
func (b *batch) appendRecord(out []byte, n int, index Index) []byte {
	start := 0
	if n > 0 {
		start = b.records[n-1].end
	}
	e := encoded{text: b.text[start:b.records[n].end], index: b.records[n].index - start}
	return e.appendTo(out, index)
}

// tell gives everybody who waits for a record of b its outcome.
func (b *batch) tell(of func(n int) outcome) {
	for _, w := range b.waiters {
		w.done <- of(w.n)
	}
}

// alwaysKept is the largest buffer that is kept for later whether or not it was
// used, in bytes.
const alwaysKept = 1 << 20

// worthKeeping reports whether a buffer is kept for later: a large one only as
// long as it is needed.
func worthKeeping(buffer []byte) bool {
	return cap(buffer) <= alwaysKept || len(buffer) >= cap(buffer)/4
}

// reset empties b for new records, and reports whether it is worth keeping.
func (b *batch) reset() bool {
	keep := worthKeeping(b.text)
	clear(b.waiters)
	b.text, b.records, b.waiters, b.since = b.text[:0], b.records[:0], b.waiters[:0], time.Time{}
	return keep
}
