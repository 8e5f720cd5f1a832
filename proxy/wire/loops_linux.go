package wire

import (
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// loops are those of the process. They begin with the first socket and end with
// the last. There is one for every two processors: the other half is for what
// leaves, and for what is no loop's.
var loops struct {
	sync.Mutex
	all []*loop
}

// takeLoop gives a socket to the loop that has the fewest.
func takeLoop(s *socket) (*loop, error) {
	loops.Lock()
	defer loops.Unlock()
	if len(loops.all) < max(1, runtime.GOMAXPROCS(0)/2) {
		l, err := newLoop()
		if err != nil {
			return nil, err
		}
		loops.all = append(loops.all, l)
	}
	fewest := loops.all[0]
	for _, l := range loops.all[1:] {
		if l.users < fewest.users {
			fewest = l
		}
	}
	fewest.take(s)
	return fewest, nil
}

func newLoop() (*loop, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	bell, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err == nil {
		err = unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, bell, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(bell)})
	}
	if err != nil {
		unix.Close(epoll)
		return nil, os.NewSyscallError("eventfd", err)
	}
	l := &loop{
		epoll: epoll, bell: bell, sockets: map[int32]*socket{},
		spare: make(chan struct{}), ended: make(chan struct{}),
	}
	l.countProcessors()
	l.timer = time.AfterFunc(maxTurn, l.look)
	l.watched.Store(true)
	go l.serve()
	return l, nil
}

// take adds a socket; loops is locked.
func (l *loop) take(s *socket) {
	l.users++
	l.mu.Lock()
	l.sockets[s.fd] = s
	l.mu.Unlock()
}

// forget removes a socket, whatever it waits for. The last one ends the loop.
func (l *loop) forget(s *socket) {
	loops.Lock()
	defer loops.Unlock()
	l.mu.Lock()
	_ = l.want(s, 0)
	delete(l.sockets, s.fd)
	l.mu.Unlock()
	if l.users--; l.users > 0 {
		return
	}
	for i, other := range loops.all {
		if other == l {
			loops.all = append(loops.all[:i], loops.all[i+1:]...)
			break
		}
	}
	l.timer.Stop()
	close(l.ended)
	_, _ = unix.Write(l.bell, []byte{1, 0, 0, 0, 0, 0, 0, 0})
}

// Pair says that two connections are the ends of a session. They are waited for
// by the same loop, unless somebody may be waiting for the upstream one already:
// whoever reads it through another layer.
func Pair(client, upstream *Conn) {
	a, b := client.beneath(), upstream.beneath()
	if a == nil || b == nil {
		return
	}
	if upstream.socket != nil && a.loop != b.loop {
		b.loop.forget(b)
		loops.Lock()
		b.loop = a.loop
		b.loop.take(b)
		loops.Unlock()
	}
	a.peer.Store(b)
	b.peer.Store(a)
}

// beneath returns the socket, also under TLS; nil if there is none.
func (c *Conn) beneath() *socket {
	s, _ := beneath(c.nc).(*socket)
	return s
}
