package audit

import "time"

// batch is records that go to the disk together: one write, one fsync. They lie
// one after the other in a single buffer, as they will lie in the segment, which
// is used again: a record costs no memory of its own, and is copied once.
type batch struct {
	// text is frames, whose checksums are missing until seal.
	text []byte
	ends []int // of the frames
	// first is the index of the first record.
	first Index
	// waiters are those who wait until their record is on disk.
	waiters []waiter
	// since is when the first record came, see queue.now.
	since time.Duration
}

// waiter waits for a record to be on disk.
type waiter struct {
	index Index
	done  chan<- outcome
}

type outcome struct {
	index Index
	err   error
}

// next is the index of the record that is added next.
func (b *batch) next() Index { return b.first + Index(len(b.ends)) }

// add appends a record; done may be nil.
func (b *batch) add(e encoded, done chan<- outcome) {
	if done != nil {
		b.waiters = append(b.waiters, waiter{b.next(), done})
	}
	b.text = e.appendTo(openFrame(b.text, len(b.ends) == 0), b.next())
	b.text = append(b.text, frameEnd)
	b.ends = append(b.ends, len(b.text))
}

// seal completes the frames, and hands each record to each.
func (b *batch) seal(each func(record []byte)) {
	start := 0
	for _, end := range b.ends {
		each(sealFrame(b.text[start:end]))
		start = end
	}
}

// tell lets everybody know who waits for a record of b.
func (b *batch) tell(err error) {
	for _, w := range b.waiters {
		o := outcome{index: w.index}
		if err != nil {
			o = outcome{err: err}
		}
		w.done <- o
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
	*b = batch{text: b.text[:0], ends: b.ends[:0], waiters: b.waiters[:0]}
	return keep
}
