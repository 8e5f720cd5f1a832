package watch

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/sluice-pg/sluice/policy"
)

// Options are what a watch works with.
type Options struct {
	Places []Place
	Book   Book
	// Tell is told what people should know. It must not wait.
	Tell func(Alert)
	Log  *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Watch looks after all copies.
type Watch struct {
	options  Options
	began    time.Time
	watchers map[string]*watcher
	counts   counts
}

// New makes a watch that has not begun.
func New(o Options) *Watch {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Tell == nil {
		o.Tell = func(Alert) {}
	}
	w := &Watch{options: o, began: o.Now(), watchers: map[string]*watcher{}}
	for _, p := range o.Places {
		w.watchers[p.Name()] = newWatcher(w, p)
	}
	return w
}

// Run watches until the context ends, and returns when nothing goes on any more.
func (w *Watch) Run(ctx context.Context) {
	var all sync.WaitGroup
	for _, one := range w.watchers {
		all.Go(func() { one.run(ctx) })
	}
	all.Wait()
}

// Changed says that something about copies was recorded. If there is something new to
// look after at a place, that place is looked at at once; its name is empty otherwise.
func (w *Watch) Changed(place string) {
	for name, one := range w.watchers {
		one.unread.Store(true)
		if name == place {
			select {
			case one.wake <- struct{}{}:
			default:
			}
		}
	}
}

// Blocked says why a place is given no new copy, empty if it is. A policy that says
// nothing of the place is no reason here: under it nobody can ask, and whoever asks under
// the next has the place measured.
func (w *Watch) Blocked(place string) string {
	one := w.watchers[place]
	if one == nil {
		return ""
	}
	one.mu.Lock()
	defer one.mu.Unlock()
	b := one.status.Blocked
	if b == nil || b.Code == codeNoTerms {
		return ""
	}
	return "since " + b.Since.UTC().Format("2006-01-02 15:04:05Z") + ": " + b.why
}

// blockedAt reports whether a reaction keeps new copies away.
func blocks(r policy.Reaction) bool { return sternness(r) >= sternness(policy.ReactBlock) }
