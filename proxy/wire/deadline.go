package wire

import (
	"sync"
	"sync/atomic"
	"time"
)

// deadline is a time after which waiting ends. Moving it on is cheap: its timer
// is set anew only when it goes off.
type deadline struct {
	passed atomic.Bool
	// ring is called whenever it has passed.
	ring func()

	mu sync.Mutex
	at time.Time // zero: never
	// timer goes off at due, or earlier than at; zero: it does not.
	timer *time.Timer
	due   time.Time
}

// set moves the deadline; a zero time takes it away.
func (d *deadline) set(at time.Time) {
	d.mu.Lock()
	d.at = at
	passed := !at.IsZero() && time.Until(at) <= 0
	d.passed.Store(passed)
	if !passed && !at.IsZero() && (d.due.IsZero() || d.due.After(at)) {
		d.schedule(at)
	}
	d.mu.Unlock()
	if passed {
		d.ring()
	}
}

func (d *deadline) schedule(at time.Time) {
	d.due = at
	if d.timer == nil {
		d.timer = time.AfterFunc(time.Until(at), d.look)
		return
	}
	d.timer.Reset(time.Until(at))
}

// look is what the timer does: the deadline may have been moved on since.
func (d *deadline) look() {
	d.mu.Lock()
	d.due = time.Time{}
	passed := !d.at.IsZero() && time.Until(d.at) <= 0
	switch {
	case passed:
		d.passed.Store(true)
	case !d.at.IsZero():
		d.schedule(d.at)
	}
	d.mu.Unlock()
	if passed {
		d.ring()
	}
}

// stop takes the deadline and its timer away.
func (d *deadline) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at, d.due = time.Time{}, time.Time{}
	if d.timer != nil {
		d.timer.Stop()
	}
}
