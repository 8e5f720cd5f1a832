package audit

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Index is a record's place in the trail, counted from 0.
type Index int64

// String returns the index in decimal.
func (i Index) String() string { return strconv.FormatInt(int64(i), 10) }

// Trail is an open trail. Its methods may be called from many goroutines.
type Trail struct {
	now   func() time.Time
	queue *queue
	store *store
	lock  *dirLock

	// checkpoints carries requests to sign now.
	checkpoints     chan chan error
	checkpointEvery time.Duration
	// inHand is the batch the writing goroutine has taken and not settled.
	inHand *batch
	// ended is closed when the writing goroutine has closed the files;
	// end holds its error.
	ended chan struct{}
	end   error
	once  sync.Once
}

// Append records an event and returns its index WHEN IT IS ON DISK, and not
// before: the record has been written and fsync has succeeded. Callers that
// append at the same time share one fsync.
//
// With an error, nothing must be done that needed the record. If ctx ended
// while the disk was at work the record may still come to be on disk; a
// record of something that did not happen harms nobody. Errors: ErrEvent,
// ErrBroken, ErrClosed, the cause of ctx.
func (t *Trail) Append(ctx context.Context, ev Event) (Index, error) {
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("audit: before recording: %w", context.Cause(ctx))
	}
	done := make(chan outcome, 1)
	if err := t.put(ctx, ev, done, 0); err != nil {
		return 0, err
	}
	select {
	case o := <-done:
		return o.index, o.err
	case <-ctx.Done():
		return 0, fmt.Errorf("audit: waiting for the disk: %w", context.Cause(ctx))
	}
}

// Enqueue records an event and returns when it is in the queue, which is
// written and synced within Options.SyncEvery. While any record has waited
// for the disk for more than 100 ms, or the queue holds 16 MiB, Enqueue
// waits; after Options.StallAfter it gives up with ErrStalled. So never more
// than 100 ms of accepted work is unsynced, and nothing is dropped unsaid:
// if a write fails, this and every later call fails with ErrBroken.
func (t *Trail) Enqueue(ev Event) error {
	return t.put(context.Background(), ev, nil, t.queue.stallAfter)
}

// put encodes an event and adds it to the queue.
func (t *Trail) put(ctx context.Context, ev Event, done chan<- outcome, patience time.Duration) error {
	if strings.HasPrefix(ev.Type, ownPrefix) {
		return fmt.Errorf("audit: %w: types that begin with %q are the trail's own", ErrEvent, ownPrefix)
	}
	d := desks.Get().(*desk)
	e, err := t.encode(d.room, ev)
	if err == nil {
		err = t.queue.put(ctx, e, done, patience)
	}
	d.clear(e)
	return err
}

// Checkpoint signs what is on disk now, unless that is signed already. It
// covers every record whose Append has returned.
func (t *Trail) Checkpoint(ctx context.Context) error {
	if err := t.queue.health(); err != nil {
		return err
	}
	reply := make(chan error, 1)
	select {
	case t.checkpoints <- reply:
	case <-t.ended:
		return t.queue.health()
	case <-ctx.Done():
		return fmt.Errorf("audit: waiting for a checkpoint: %w", context.Cause(ctx))
	}
	select {
	case err := <-reply:
		return err
	case <-ctx.Done():
		return fmt.Errorf("audit: waiting for a checkpoint: %w", context.Cause(ctx))
	}
}

// Healthy returns nil if the trail takes records, else the error Append
// would give now: ErrBroken, ErrClosed, or ErrStalled if the disk has not
// answered for Options.StallAfter.
func (t *Trail) Healthy() error { return t.queue.health() }

// Close writes what is queued, a record that says so and a last checkpoint,
// and frees the directory. It waits for the disk. A broken trail returns its
// error again. Further calls return what the first did.
func (t *Trail) Close() error {
	t.once.Do(t.queue.close)
	<-t.ended
	return t.end
}

func (t *Trail) encode(room []byte, ev Event) (encoded, error) {
	if ev.Time.IsZero() {
		ev.Time = t.now()
	}
	return encode(room, ev)
}

// addOwn adds one of the trail's own records to a batch.
func (t *Trail) addOwn(b *batch, typ string, body any) error {
	e, err := t.encode(nil, Event{Type: ownPrefix + typ, Body: body})
	if err != nil {
		return err
	}
	b.add(e, nil)
	return nil
}

// run is the writing goroutine: the only one that touches the segments.
func (t *Trail) run(w *writer) {
	defer close(t.ended)
	err := t.write(w)
	if err != nil {
		err = t.broken(err)
		t.queue.fail(t.inHand, err)
	}
	t.end = firstOf(err, w.close(), t.lock.release())
}

func (t *Trail) broken(err error) error {
	if errors.Is(err, ErrBroken) {
		return err
	}
	return fmt.Errorf("audit: %w: %w", ErrBroken, err)
}

// firstOf returns the first error there is: what follows a failure is its
// consequence.
func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// write moves batches to the disk until the queue ends or the disk fails.
func (t *Trail) write(w *writer) error {
	tick := time.NewTicker(t.checkpointEvery)
	defer tick.Stop()
	for {
		batch, wait, ended := t.queue.take()
		if ended {
			return t.finish(w)
		}
		if err := t.commit(w, batch); err != nil {
			return err
		}
		if err := t.attend(w, tick.C, wait); err != nil {
			return err
		}
	}
}

// commit puts a batch on disk, if there is one, and tells those who wait.
func (t *Trail) commit(w *writer, b *batch) error {
	if b == nil {
		return nil
	}
	t.inHand = b
	if err := w.commit(b); err != nil {
		return err
	}
	t.inHand = nil
	t.queue.settle(b)
	return nil
}

// attend signs when it is time to and returns when the queue may have work.
func (t *Trail) attend(w *writer, tick <-chan time.Time, wait time.Duration) error {
	var late <-chan time.Time
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		late = timer.C
	}
	if wait == 0 {
		// Work is there already: look at the others, do not wait.
		select {
		case <-tick:
			return w.checkpoint()
		case reply := <-t.checkpoints:
			return signNow(w, reply)
		default:
			return nil
		}
	}
	select {
	case <-tick:
		return w.checkpoint()
	case reply := <-t.checkpoints:
		return signNow(w, reply)
	case <-late:
	case <-t.queue.wake:
	}
	return nil
}

func signNow(w *writer, reply chan<- error) error {
	err := w.checkpoint()
	if err != nil {
		reply <- fmt.Errorf("audit: %w: %w", ErrBroken, err)
		return err
	}
	reply <- nil
	return nil
}

// finish writes the last record and signs it.
func (t *Trail) finish(w *writer) error {
	if err := t.queue.failure(); err != nil {
		return err
	}
	last := batch{first: w.next()}
	if err := t.addOwn(&last, "close", nil); err != nil {
		return err
	}
	if err := w.commit(&last); err != nil {
		return err
	}
	return w.checkpoint()
}
