package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	// maxQueueBytes bounds the records that wait in memory.
	maxQueueBytes = 16 << 20
	// maxBatchBytes bounds what one write holds, but for its last record.
	maxBatchBytes = 4 << 20
	// maxUnsynced is how old the oldest record that is not on disk may be
	// for Enqueue to take another.
	maxUnsynced = 100 * time.Millisecond
)

// Errors of a trail that takes nothing.
var (
	// ErrBroken is the error after a write or an fsync failed. It lasts
	// until the trail is opened again.
	ErrBroken = errors.New("the audit trail cannot be written; nothing more is taken until it is opened again")
	// ErrStalled is the error when the disk does not answer in time. It
	// passes when the disk does.
	ErrStalled = errors.New("the audit trail's disk does not keep up")
	// ErrClosed is the error after Close.
	ErrClosed = errors.New("the audit trail is closed")
)

// queue holds what is not on disk yet. Callers put, the writing goroutine
// takes a batch and settles it.
type queue struct {
	began      time.Time
	syncEvery  time.Duration
	stallAfter time.Duration
	// wake has room for one; it tells the writing goroutine to look.
	wake chan struct{}

	mu struct {
		sync.Mutex
		batches  []*batch      // none is empty; records are added to the last
		next     Index         // of the next record
		spare    *batch        // an empty one, or nil
		bytes    int           // of the batches and of the one that was taken
		inFlight time.Duration // since of the batch taken; 0 if there is none
		closing  bool
		failed   error         // the error everybody gets from now on
		changed  chan struct{} // closed and replaced when room may be free
	}
}

func newQueue(syncEvery, stallAfter time.Duration) *queue {
	q := &queue{began: time.Now(), syncEvery: syncEvery, stallAfter: stallAfter, wake: make(chan struct{}, 1)}
	q.mu.changed = make(chan struct{})
	return q
}

// now is how long there has been a queue, never 0. It leaves out the time of day,
// which would cost as much again.
func (q *queue) now() time.Duration { return max(time.Since(q.began), 1) }

// begin says which index the next record has.
func (q *queue) begin(next Index) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.mu.next = next
}

// put adds a record when there is room for it. With patience 0 it waits as long
// as ctx lets it. done gets the outcome; nil if nobody waits for that.
func (q *queue) put(ctx context.Context, e encoded, done chan<- outcome, patience time.Duration) error {
	var late <-chan time.Time
	for {
		changed, err := q.tryPut(e, done)
		if changed == nil {
			return err
		}
		if late == nil && patience > 0 {
			timer := time.NewTimer(patience)
			defer timer.Stop()
			late = timer.C
		}
		select {
		case <-changed:
		case <-late:
			return fmt.Errorf("audit: %w: an earlier record has waited for it for %v", ErrStalled, patience)
		case <-ctx.Done():
			return fmt.Errorf("audit: waiting for room: %w", context.Cause(ctx))
		}
	}
}

// tryPut adds a record, or returns the channel to wait on before the next try.
func (q *queue) tryPut(e encoded, done chan<- outcome) (changed <-chan struct{}, err error) {
	now := q.now()
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := q.refusalLocked(); err != nil {
		return nil, err
	}
	switch {
	case q.mu.bytes > 0 && q.mu.bytes+e.size() > maxQueueBytes:
		return q.mu.changed, nil
	case done == nil && q.ageLocked(now) > maxUnsynced:
		return q.mu.changed, nil
	}
	b := q.lastLocked()
	first := len(b.ends) == 0
	if first {
		b.since = now
	}
	before := len(b.text)
	b.add(e, done)
	q.mu.next = b.next()
	q.mu.bytes += len(b.text) - before
	if first || done != nil || len(b.text) >= maxBatchBytes {
		q.poke() // else the goroutine knows when to look
	}
	return nil, nil
}

// lastLocked returns the batch that records are added to.
func (q *queue) lastLocked() *batch {
	if n := len(q.mu.batches); n > 0 && len(q.mu.batches[n-1].text) < maxBatchBytes {
		return q.mu.batches[n-1]
	}
	b := q.mu.spare
	if b == nil {
		b = &batch{}
	}
	q.mu.spare = nil
	b.first = q.mu.next
	q.mu.batches = append(q.mu.batches, b)
	return b
}

func (q *queue) poke() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// ageLocked returns how long the oldest record has waited.
func (q *queue) ageLocked(now time.Duration) time.Duration {
	switch {
	case q.mu.inFlight != 0:
		return now - q.mu.inFlight
	case len(q.mu.batches) > 0:
		return now - q.mu.batches[0].since
	}
	return 0
}

// untilWoken is the wait for work that is not there yet.
const untilWoken time.Duration = -1

// take returns the next batch if it is time for it, else how long it is
// until then. Ended is true once the queue has failed, or is closing and
// empty.
func (q *queue) take() (b *batch, wait time.Duration, ended bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.mu.failed != nil || len(q.mu.batches) == 0 {
		return nil, untilWoken, q.mu.failed != nil || q.mu.closing
	}
	b = q.mu.batches[0]
	if len(q.mu.batches) == 1 && len(b.waiters) == 0 && !q.mu.closing && len(b.text) < maxBatchBytes {
		if left := q.syncEvery - q.ageLocked(q.now()); left > 0 {
			return nil, left, false
		}
	}
	q.mu.batches = slices.Delete(q.mu.batches, 0, 1)
	q.mu.inFlight = b.since
	return b, 0, false
}

// settle tells everybody in the batch that it is on disk.
func (q *queue) settle(b *batch) {
	q.mu.Lock()
	q.mu.inFlight = 0
	q.mu.bytes -= len(b.text)
	close(q.mu.changed)
	q.mu.changed = make(chan struct{})
	q.mu.Unlock()
	b.tell(nil)
	if b.reset() {
		q.mu.Lock()
		q.mu.spare = b
		q.mu.Unlock()
	}
}

// fail ends the queue: err is what everybody in the batch taken, if there is
// one, and in the queue, and every later caller gets.
func (q *queue) fail(taken *batch, err error) {
	q.mu.Lock()
	if q.mu.failed == nil {
		q.mu.failed = err
	}
	err = q.mu.failed
	left := q.mu.batches
	q.mu.batches, q.mu.spare, q.mu.bytes = nil, nil, 0
	q.mu.inFlight = 0
	close(q.mu.changed)
	q.mu.changed = make(chan struct{})
	q.mu.Unlock()
	q.poke()
	if taken != nil {
		left = append([]*batch{taken}, left...)
	}
	for _, b := range left {
		b.tell(err)
	}
}

// close lets nothing more in.
func (q *queue) close() {
	q.mu.Lock()
	q.mu.closing = true
	close(q.mu.changed)
	q.mu.changed = make(chan struct{})
	q.mu.Unlock()
	q.poke()
}

// failure returns the error the queue has failed with, if it has.
func (q *queue) failure() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.mu.failed
}

// refusal returns why nothing is taken any more, if so.
func (q *queue) refusal() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.refusalLocked()
}

func (q *queue) refusalLocked() error {
	if q.mu.failed == nil && q.mu.closing {
		return fmt.Errorf("audit: %w", ErrClosed)
	}
	return q.mu.failed
}

// health is refusal, or ErrStalled if a record has waited too long.
func (q *queue) health() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := q.refusalLocked(); err != nil {
		return err
	}
	if age := q.ageLocked(q.now()); age > q.stallAfter {
		return fmt.Errorf("audit: %w: a record has waited for it for %v", ErrStalled, age.Round(time.Millisecond))
	}
	return nil
}
