package wire

import (
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
)

// readWait is the waiting for what a socket has to read. A goroutine begins to
// wait and sleeps; the loop runs ready whenever there is something to read,
// until it returns true or the waiting is interrupted.
type readWait struct {
	ready func(fd uintptr) bool
	state atomic.Int32
	// over hears the end of the waiting.
	over     chan struct{}
	panicked *panicked
	// now is what the loop hands to the descriptor's RawConn; it sets done.
	now  func(fd uintptr) bool
	done bool
}

// The states of waiting.
const (
	notWaiting  int32 = iota
	beginning         // somebody is about to wait
	waiting           // the loop may run ready
	running           // it does
	interrupted       // it does, and the waiting ends when it has
)

func (r *readWait) init(s *socket) {
	r.over = make(chan struct{}, 1)
	r.now = s.readyNow
}

func (s *socket) readyNow(fd uintptr) bool {
	s.done = s.ready(fd)
	return true
}

// panicked carries a panic from the goroutine that leads the loop into that
// of the session.
type panicked struct {
	value any
	stack []byte
}

// Error implements error.
func (p *panicked) Error() string { return fmt.Sprintf("%v\n%s", p.value, p.stack) }

// errTwoReaders is a mistake of whoever reads: one of two that wait for the same
// bytes would wait for ever.
var errTwoReaders = errors.New("wire: two goroutines read one socket")

// await waits until ready returns true. An error says that it did not. It must
// not be called by what the loop runs for the same socket.
func (s *socket) await(ready func(fd uintptr) bool) error {
	if !s.state.CompareAndSwap(notWaiting, beginning) {
		return errTwoReaders
	}
	s.ready = ready
	s.state.Store(waiting)
	if err := s.loop.arm(s, forReading); err != nil {
		if !s.state.CompareAndSwap(waiting, notWaiting) {
			<-s.over // it was closed at this moment, and has been told so
		}
		return err
	}
	if s.mayRead() != nil {
		s.interruptRead()
	}
	<-s.over
	if p := s.panicked; p != nil {
		panic(p)
	}
	if s.ready == nil {
		return nil
	}
	s.ready = nil
	return s.mayRead()
}

// interruptRead ends the waiting for something to read.
func (s *socket) interruptRead() {
	for {
		switch s.state.Load() {
		case waiting:
			if s.state.CompareAndSwap(waiting, notWaiting) {
				s.loop.disarm(s, forReading)
				s.over <- struct{}{}
				return
			}
		case running:
			if s.state.CompareAndSwap(running, interrupted) {
				return
			}
		default:
			return
		}
	}
}

// run is the loop's: it runs ready and returns true if it is to be run again.
func (s *socket) run() (again bool) {
	defer func() {
		if r := recover(); r != nil {
			s.panicked = &panicked{r, debug.Stack()}
			again = false
		}
	}()
	s.done = false
	if s.raw.Read(s.now) != nil {
		return false // Close interrupts who waits
	}
	if s.done {
		s.ready = nil
	}
	return !s.done
}
