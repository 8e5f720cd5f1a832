package harness

import (
	"runtime"
	"time"
)

// heapPoll is how often HeapOf looks.
const heapPoll = 10 * time.Millisecond

// Heap is the live heap of the test's own process in bytes, right after a garbage
// collection.
func Heap() int64 {
	runtime.GC()
	return allocated()
}

// HeapOf runs something and returns by how many bytes the heap was larger than
// before: at most in between, what waits for the collector included, and in the end,
// of what is still in use.
func HeapOf(run func()) (peak, left int64) {
	before := Heap()
	stop, highest := make(chan struct{}), make(chan int64, 1)
	go func() {
		most := before
		for {
			most = max(most, allocated())
			select {
			case <-stop:
				highest <- most
				return
			case <-time.After(heapPoll):
			}
		}
	}()
	func() {
		defer close(stop) // also if run ends the test
		run()
	}()
	peak = <-highest - before
	return peak, max(0, Heap()-before)
}

// allocated is the heap as it is, in bytes.
func allocated() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
