package wire

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// loop waits for many sockets in one goroutine, its leader, and runs what they
// have to do one after the other, without waking anybody. What may take long
// leaves first: the leader goes on with its one socket as an ordinary
// goroutine, and another leads. Who does not leave and takes longer than
// maxTurn is replaced all the same.
type loop struct {
	epoll, bell int // descriptors; the bell wakes the leader
	// current is the socket that the leader is busy with. Who takes it away
	// takes the lead.
	current atomic.Pointer[socket]
	turns   atomic.Uint64
	watched atomic.Bool
	seen    atomic.Uint64 // turns at the last look
	timer   *time.Timer
	// woke is true if the leader has woken a goroutine since it last waited.
	woke bool
	// alone is true if there is one processor for all goroutines.
	alone atomic.Bool
	// spare has goroutines waiting that have led before.
	spare  chan struct{}
	spares atomic.Int32
	ended  chan struct{}

	// users are the sockets that belong to it; guarded by loops.
	users int

	mu      sync.Mutex // may be taken with loops locked
	sockets map[int32]*socket
}

// What a socket may be waited for (epoll_ctl(2)). Whoever waits hears of errors
// too.
const (
	forReading uint32 = unix.EPOLLIN
	forWriting uint32 = unix.EPOLLOUT
)

const (
	// maxTurn is how long others wait for one that does not leave, about.
	maxTurn = 10 * time.Millisecond
	// maxSpares is how many goroutines are kept to lead later.
	maxSpares = 4
	maxEvents = 64
)

// arm has the loop wait for one thing more, until it is disarmed.
func (l *loop) arm(s *socket, what uint32) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.want(s, s.interest|what)
}

func (l *loop) disarm(s *socket, what uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.want(s, s.interest&^what) // wanting less does not fail
}

// want tells the kernel what to wait for. It reports a thing for as long as it
// is so.
func (l *loop) want(s *socket, interest uint32) error {
	if l.sockets[s.fd] != s {
		return net.ErrClosed
	}
	op := unix.EPOLL_CTL_MOD
	switch {
	case interest == s.interest:
		return nil
	case s.interest == 0:
		op = unix.EPOLL_CTL_ADD
	case interest == 0:
		op = unix.EPOLL_CTL_DEL
	}
	if err := unix.EpollCtl(l.epoll, op, int(s.fd), &unix.EpollEvent{Events: interest, Fd: s.fd}); err != nil {
		return os.NewSyscallError("epoll_ctl", err)
	}
	s.interest = interest
	return nil
}

// event is something that happened to a socket.
type event struct {
	socket *socket
	what   uint32
}

// serve leads, and stays for later when somebody else does.
func (l *loop) serve() {
	for {
		if l.lead() {
			return
		}
		if l.spares.Add(1) > maxSpares {
			l.spares.Add(-1)
			return
		}
		select {
		case <-l.spare:
			l.spares.Add(-1)
		case <-l.ended:
			return
		}
	}
}

// lead returns when somebody else leads, and ended if nobody is to.
func (l *loop) lead() (ended bool) {
	var raw [maxEvents]unix.EpollEvent
	var events [maxEvents]event
	for {
		n := l.wait(raw[:])
		count, ended := l.find(raw[:n], &events)
		if ended {
			return true
		}
		for _, e := range events[:count] {
			if !l.handle(e) {
				return false // the others are reported again
			}
		}
		if l.woke {
			l.woke = false
			runtime.Gosched() // this processor may be the one it is to run on
		}
	}
}

// soon is for how long the leader waits as if it was at work, in milliseconds.
const soon = 20

// wait returns how many events there are. While there are some all the time,
// the scheduler is not told that a wait may be long: it would give the
// processor to another thread, and take it back, many thousand times a second.
// The garbage collector, which needs everybody to stop, sends a signal, which
// ends the wait.
func (l *loop) wait(events []unix.EpollEvent) int {
	if l.alone.Load() {
		runtime.Gosched()
		return l.waitLong(events)
	}
	n, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(l.epoll), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), soon, 0, 0)
	if errno == 0 && n > 0 {
		return int(n)
	}
	if errno == unix.EINTR {
		return 0
	}
	return l.waitLong(events)
}

// waitLong waits for as long as it takes.
func (l *loop) waitLong(events []unix.EpollEvent) int {
	n, err := unix.EpollWait(l.epoll, events, -1)
	if err != nil && err != unix.EINTR {
		panic(fmt.Sprintf("wire: epoll_wait: %v", err)) // the loop is not what it has to be
	}
	return max(n, 0)
}

// find names the sockets of events. At the end of the loop it closes it.
func (l *loop) find(raw []unix.EpollEvent, events *[maxEvents]event) (count int, ended bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.ended:
		unix.Close(l.bell)
		unix.Close(l.epoll)
		return 0, true
	default:
	}
	for i := range raw {
		if s := l.sockets[raw[i].Fd]; s != nil {
			events[count] = event{s, raw[i].Events}
			count++
		}
	}
	return count, false
}

// handle returns false if somebody else leads now.
func (l *loop) handle(e event) (leads bool) {
	s := e.socket
	if e.what&^forReading != 0 {
		l.disarm(s, forWriting)
		s.tryWriting()
	}
	if e.what&^forWriting == 0 {
		return true
	}
	if !s.state.CompareAndSwap(waiting, running) {
		l.calm(s)
		return true
	}
	l.current.Store(s)
	l.turns.Add(1)
	if !l.watched.Load() {
		l.watch()
	}
	again := s.run()
	leads = l.current.CompareAndSwap(s, nil)
	l.after(s, again, leads)
	return leads
}

// after lets the socket wait again, or ends its waiting.
func (l *loop) after(s *socket, again, led bool) {
	if again && s.state.CompareAndSwap(running, waiting) {
		if led {
			return // it is armed
		}
		if l.arm(s, forReading) == nil {
			return
		}
		if !s.state.CompareAndSwap(waiting, running) {
			return // its end has been told
		}
	}
	l.disarm(s, forReading)
	s.state.Store(notWaiting)
	s.over <- struct{}{}
	if led {
		l.woke = true
	}
}

// calm disarms a socket that nobody waits for.
func (l *loop) calm(s *socket) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.state.Load() == notWaiting {
		_ = l.want(s, s.interest&^forReading)
	}
}

// detach takes the lead from who is busy with s, if the loop is.
func (l *loop) detach(s *socket) {
	if l.current.Load() != s {
		return
	}
	l.mu.Lock()
	took := l.current.CompareAndSwap(s, nil)
	if took {
		_ = l.want(s, s.interest&^forReading) // or a second one would be busy with it
	}
	l.mu.Unlock()
	if !took {
		return
	}
	select {
	case l.spare <- struct{}{}:
	default:
		go l.serve()
	}
}

// watch begins to look at how long the leader takes. Looking ends by itself
// when there is nothing to do.
func (l *loop) watch() {
	l.watched.Store(true)
	l.timer.Reset(maxTurn)
}

// countProcessors sees how many there are now: the runtime follows what a
// container is given.
func (l *loop) countProcessors() { l.alone.Store(runtime.GOMAXPROCS(0) == 1) }

// look replaces a leader that has been busy with one thing since the last look.
func (l *loop) look() {
	l.countProcessors()
	s, turns := l.current.Load(), l.turns.Load()
	if idle := l.seen.Swap(turns) == turns; idle && s != nil {
		l.detach(s)
	} else if idle {
		l.watched.Store(false)
		if l.current.Load() == nil {
			return // who begins now sees that nobody watches
		}
		l.watched.Store(true)
	}
	l.timer.Reset(maxTurn)
}
