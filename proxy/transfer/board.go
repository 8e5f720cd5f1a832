package transfer

import (
	"context"
	"slices"
	"sync"
)

// kindOfTask orders what workers do: the source is let go first, then indexes are
// built, which tables wait for before they are compared.
type kindOfTask uint8

const (
	toLoad kindOfTask = iota
	toIndex
	toCompare
)

// task is something that one worker does with its connections.
type task struct {
	kind kindOfTask
	// weight is how much there is to do, in bytes on disk: large ones go first.
	weight uint64
	run    func(ctx context.Context, w *worker) error
}

// board is where workers find tasks. Tasks put up others when they are done; when
// none is left and none runs, the work is done.
type board struct {
	mu      sync.Mutex
	changed *sync.Cond
	tasks   []*task
	running int
	loading int // tasks to load that are not done
	failed  bool
}

func newBoard() *board {
	b := &board{}
	b.changed = sync.NewCond(&b.mu)
	return b
}

// put adds tasks.
func (b *board) put(tasks ...*task) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, t := range tasks {
		if t.kind == toLoad {
			b.loading++
		}
	}
	b.tasks = append(b.tasks, tasks...)
	slices.SortStableFunc(b.tasks, func(x, y *task) int {
		if x.kind != y.kind {
			return int(x.kind) - int(y.kind)
		}
		switch {
		case x.weight > y.weight:
			return -1
		case x.weight < y.weight:
			return 1
		}
		return 0
	})
	b.changed.Broadcast()
}

// take waits for a task; nil if there will be none.
func (b *board) take() *task {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.tasks) == 0 && b.running > 0 && !b.failed {
		b.changed.Wait()
	}
	if b.failed || len(b.tasks) == 0 {
		return nil
	}
	t := b.tasks[0]
	b.tasks = b.tasks[1:]
	b.running++
	return t
}

// done says that a task is done, and whether nothing more is to be loaded.
func (b *board) done(t *task, err error) (loaded bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.running--
	if t.kind == toLoad {
		b.loading--
	}
	b.failed = b.failed || err != nil
	b.changed.Broadcast()
	return b.loading == 0
}
