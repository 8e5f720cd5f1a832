package vault

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// scheduler runs tasks when their time has come: one goroutine waits for all of
// them, and at most slots run at once.
type scheduler struct {
	now  func() time.Time
	stop context.CancelFunc
	done sync.WaitGroup

	mu    sync.Mutex
	tasks taskHeap
	wake  chan struct{}
}

// task is something to be done at a time. It asks for its next time itself.
type task struct {
	run     func(context.Context)
	at      time.Time
	place   int // in the heap; -1 when it is not in it
	dropped bool
}

func newTask(run func(context.Context)) *task { return &task{run: run, place: -1} }

// newScheduler starts; close stops it.
func newScheduler(now func() time.Time, slots int) *scheduler {
	ctx, stop := context.WithCancel(context.Background())
	s := &scheduler{now: now, stop: stop, wake: make(chan struct{}, 1)}
	s.done.Go(func() { s.loop(ctx, make(chan struct{}, slots)) })
	return s
}

// set has a task run at a time, and not at the one set before.
func (s *scheduler) set(t *task, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.dropped {
		return
	}
	t.at = at
	if t.place >= 0 {
		heap.Fix(&s.tasks, t.place)
	} else {
		heap.Push(&s.tasks, t)
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// drop takes a task out for good. It may be running.
func (s *scheduler) drop(t *task) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.dropped = true
	if t.place >= 0 {
		heap.Remove(&s.tasks, t.place)
	}
}

// close returns when no task runs any more.
func (s *scheduler) close() {
	s.stop()
	s.done.Wait()
}

func (s *scheduler) loop(ctx context.Context, slots chan struct{}) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		due, wait := s.next()
		if due != nil {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return
			}
			s.done.Go(func() {
				defer func() { <-slots }()
				due.run(ctx)
			})
			continue
		}
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-s.wake:
		case <-ctx.Done():
			return
		}
	}
}

// next takes the task out whose time has come, or tells how long to wait.
func (s *scheduler) next() (*task, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.tasks) == 0 {
		return nil, time.Hour
	}
	if wait := s.tasks[0].at.Sub(s.now()); wait > 0 {
		return nil, wait
	}
	return heap.Pop(&s.tasks).(*task), 0
}

// taskHeap has the next task first.
type taskHeap []*task

func (h taskHeap) Len() int           { return len(h) }
func (h taskHeap) Less(a, b int) bool { return h[a].at.Before(h[b].at) }
func (h taskHeap) Swap(a, b int) {
	h[a], h[b] = h[b], h[a]
	h[a].place, h[b].place = a, b
}

func (h *taskHeap) Push(x any) {
	t := x.(*task)
	t.place = len(*h)
	*h = append(*h, t)
}

func (h *taskHeap) Pop() any {
	old := *h
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	t.place = -1
	return t
}
