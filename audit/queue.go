package audit

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// maxQueueBytes bounds the records that wait in memory.
	maxQueueBytes = 16 << 20
	// maxBatchBytes bounds what one write holds, but for its last record.
	maxBatchBytes = 4 << 20
	// maxSpare is how many places for waiting records are kept for later.
	maxSpare = 1 << 14
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

// waiting is an event on its way to the disk.
type waiting struct {
	event encoded
	since time.Time
	// done gets the outcome; nil if nobody waits for it.
	done chan outcome
}

type outcome struct {
	index Index
	err   error
}

// queue holds what is not on disk yet. Callers put, the writing goroutine
// takes a batch and settles it.
type queue struct {
	syncEvery  time.Duration
	stallAfter time.Duration
	// wake has room for one; it tells the writing goroutine to look.
	wake chan struct{}

	mu struct {
		sync.Mutex
		events   []waiting
		spare    []waiting // room for events
		bytes    int       // of events and of the batch taken
		inFlight time.Time // of the oldest event in the batch taken
		urgent   int       // events somebody waits for
		closing  bool
		failed   error         // the error everybody gets from now on
		changed  chan struct{} // closed and replaced when room may be free
	}
}

func newQueue(syncEvery, stallAfter time.Duration) *queue {
	q := &queue{syncEvery: syncEvery, stallAfter: stallAfter, wake: make(chan struct{}, 1)}
	q.mu.changed = make(chan struct{})
	return q
}

// put adds w when there is room for it. With patience 0 it waits as long as
// ctx lets it.
func (q *queue) put(ctx context.Context, w waiting, patience time.Duration) error {
	var late <-chan time.Time
	for {
		changed, err := q.tryPut(w)
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

// tryPut adds w, or returns the channel to wait on before the next try.
func (q *queue) tryPut(w waiting) (changed <-chan struct{}, err error) {
	now := time.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := q.refusalLocked(); err != nil {
		return nil, err
	}
	switch {
	case q.mu.bytes > 0 && q.mu.bytes+w.event.size() > maxQueueBytes:
		return q.mu.changed, nil
	case w.done == nil && q.ageLocked(now) > maxUnsynced:
		return q.mu.changed, nil
	}
	first := len(q.mu.events) == 0
	w.since = now
	q.mu.events = append(q.mu.events, w)
	q.mu.bytes += w.event.size()
	if w.done != nil {
		q.mu.urgent++
	}
	if first || w.done != nil || q.mu.bytes >= maxBatchBytes {
		q.poke() // else the goroutine knows when to look
	}
	return nil, nil
}

func (q *queue) poke() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// ageLocked returns how long the oldest record has waited.
func (q *queue) ageLocked(now time.Time) time.Duration {
	switch {
	case !q.mu.inFlight.IsZero():
		return now.Sub(q.mu.inFlight)
	case len(q.mu.events) > 0:
		return now.Sub(q.mu.events[0].since)
	}
	return 0
}

// untilWoken is the wait for work that is not there yet.
const untilWoken time.Duration = -1

// take returns the next batch if it is time for it, else how long it is
// until then. Ended is true once the queue has failed, or is closing and
// empty.
func (q *queue) take() (batch []waiting, wait time.Duration, ended bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.mu.failed != nil || len(q.mu.events) == 0 {
		return nil, untilWoken, q.mu.failed != nil || q.mu.closing
	}
	if q.mu.urgent == 0 && !q.mu.closing && q.mu.bytes < maxBatchBytes {
		if left := q.syncEvery - q.ageLocked(time.Now()); left > 0 {
			return nil, left, false
		}
	}
	n, bytes := 0, 0
	for n < len(q.mu.events) && bytes < maxBatchBytes {
		bytes += q.mu.events[n].event.size()
		if q.mu.events[n].done != nil {
			q.mu.urgent--
		}
		n++
	}
	if n == len(q.mu.events) {
		batch, q.mu.events, q.mu.spare = q.mu.events, q.mu.spare, nil
	} else {
		batch, q.mu.events = q.mu.events[:n:n], q.mu.events[n:]
	}
	q.mu.inFlight = batch[0].since
	return batch, 0, false
}

// settle tells everybody in the batch how it went; first is the index of its
// first record.
func (q *queue) settle(batch []waiting, first Index) {
	q.mu.Lock()
	q.mu.inFlight = time.Time{}
	for _, w := range batch {
		q.mu.bytes -= w.event.size()
	}
	close(q.mu.changed)
	q.mu.changed = make(chan struct{})
	q.mu.Unlock()
	for i, w := range batch {
		if w.done != nil {
			w.done <- outcome{index: first + Index(i)}
		}
	}
	clear(batch)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.mu.spare == nil && cap(batch) <= maxSpare {
		q.mu.spare = batch[:0]
	}
}

// fail ends the queue: err is what batch, everybody in the queue and every
// later caller gets.
func (q *queue) fail(batch []waiting, err error) {
	q.mu.Lock()
	if q.mu.failed == nil {
		q.mu.failed = err
	}
	err = q.mu.failed
	left := q.mu.events
	q.mu.events, q.mu.bytes, q.mu.urgent = nil, 0, 0
	q.mu.inFlight = time.Time{}
	close(q.mu.changed)
	q.mu.changed = make(chan struct{})
	q.mu.Unlock()
	q.poke()
	for _, w := range append(batch, left...) {
		if w.done != nil {
			w.done <- outcome{err: err}
		}
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
	if age := q.ageLocked(time.Now()); age > q.stallAfter {
		return fmt.Errorf("audit: %w: a record has waited for it for %v", ErrStalled, age.Round(time.Millisecond))
	}
	return nil
}
