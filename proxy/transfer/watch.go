package transfer

import (
	"sync"
	"time"
)

// watch tells the caller how far a copy is.
type watch struct {
	count  counter
	tell   func(Progress)
	now    func() time.Time
	began  time.Time
	mu     sync.Mutex
	state  Progress
	change chan struct{}
	end    chan struct{}
	done   sync.WaitGroup
}

// beat is how often progress is told.
const beat = 500 * time.Millisecond

func newWatch(job *Job) *watch {
	w := &watch{tell: job.Progress, now: job.Now, began: job.Now(), change: make(chan struct{}, 1), end: make(chan struct{})}
	w.state.Phase = Reading
	w.count.maxRows, w.count.maxBytes = job.MaxRows, job.MaxBytes
	if w.tell != nil {
		w.done.Add(1)
		go w.run()
	}
	return w
}

func (w *watch) run() {
	defer w.done.Done()
	t := time.NewTicker(beat)
	defer t.Stop()
	w.tell(w.current())
	for {
		select {
		case <-t.C:
		case <-w.change:
		case <-w.end:
			w.tell(w.current())
			return
		}
		w.tell(w.current())
	}
}

func (w *watch) current() Progress {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.state
	p.Rows, p.Bytes, p.Elapsed = w.count.rows.Load(), w.count.bytes.Load(), w.now().Sub(w.began)
	return p
}

// note changes what is told.
func (w *watch) note(change func(*Progress)) {
	w.mu.Lock()
	change(&w.state)
	w.mu.Unlock()
	select {
	case w.change <- struct{}{}:
	default:
	}
}

func (w *watch) phase(p Phase) { w.note(func(s *Progress) { s.Phase = p }) }

// stop tells the last state and returns when nothing more will be told.
func (w *watch) stop() {
	close(w.end)
	w.done.Wait()
}
