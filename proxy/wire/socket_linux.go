package wire

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// socket is a TCP socket that a loop waits for, in place of Go's own poller. It
// is a net.Conn. Its calls never block, so they do without the runtime's
// preparations for calls that might; on the way of a statement through the proxy
// those are a noticeable part.
type socket struct {
	// file keeps the descriptor from being closed, and its number from being
	// used again, while a call uses it.
	file          *os.File
	fd            int32
	raw           syscall.RawConn
	local, remote net.Addr
	loop          *loop
	interest      uint32 // what the loop waits for; guarded by it
	// peer is the other end of the session.
	peer   atomic.Pointer[socket]
	closed atomic.Bool

	readWait
	readBy, writeBy deadline
	// writable hears that another try to write may go further.
	writable chan struct{}

	// For a Read.
	in     []byte
	inLen  int
	inMore bool
	inErr  error
	inNow  func(fd uintptr) bool

	// For a Write.
	out    []byte
	outErr error
	outNow func(fd uintptr) bool
}

// Own takes a TCP connection away from Go's poller, for a loop to wait for it.
// Nobody may be using it. It returns nc itself if it cannot be taken; else nc
// is closed, and only what is returned may be used.
func Own(nc net.Conn) net.Conn {
	tcp, ok := nc.(*net.TCPConn)
	if !ok {
		return nc
	}
	fd, err := duplicate(tcp)
	if err != nil {
		return nc // few descriptors are left; it works as it is
	}
	s := &socket{
		file: os.NewFile(uintptr(fd), "socket"), fd: int32(fd), local: nc.LocalAddr(), remote: nc.RemoteAddr(),
		writable: make(chan struct{}, 1),
	}
	if s.raw, err = s.file.SyscallConn(); err == nil {
		s.loop, err = takeLoop(s)
	}
	if err != nil {
		_ = syscall.SetNonblock(fd, true) // nc shares it, and is in Go's poller again
		s.file.Close()
		return nc
	}
	s.readWait.init(s)
	s.inNow, s.outNow = s.readNow, s.writeNow
	s.readBy.ring, s.writeBy.ring = s.interruptRead, s.tryWriting
	nc.Close()
	return s
}

// duplicate returns a descriptor of its own for a socket. It is one that
// blocks, so that os.NewFile leaves it out of Go's poller; all calls here say
// that they do not wait.
func duplicate(tcp *net.TCPConn) (fd int, err error) {
	raw, err := tcp.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("wire: %w", err)
	}
	failed := raw.Control(func(of uintptr) {
		n, _, errno := syscall.Syscall(syscall.SYS_FCNTL, of, syscall.F_DUPFD_CLOEXEC, 0)
		if errno != 0 {
			err = errno
			return
		}
		fd = int(n)
		if err = syscall.SetNonblock(fd, false); err != nil {
			syscall.Close(fd)
		}
	})
	if failed != nil {
		return 0, fmt.Errorf("wire: %w", failed)
	}
	return fd, err
}

// receive reads what is there; n is 0 if that is nothing. more is false if
// nothing is left but, at most, what has come in this moment, or the end of
// input: the loop hears of those, for the kernel reports them as long as they
// are there.
func (s *socket) receive(fd uintptr, p []byte) (n int, more bool, err error) {
	r, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), syscall.MSG_DONTWAIT, 0, 0)
	switch {
	case errno == syscall.EINTR:
		return 0, true, nil
	case errno == syscall.EAGAIN:
		return 0, false, nil
	case errno != 0:
		return 0, false, errno
	case r == 0:
		return 0, false, io.EOF
	}
	return int(r), int(r) == len(p), nil
}

// Read implements net.Conn.
func (s *socket) Read(p []byte) (n int, err error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		if err := s.mayRead(); err != nil {
			return 0, err
		}
		s.in = p
		failed := s.raw.Read(s.inNow)
		s.in = nil
		switch {
		case failed != nil:
			return 0, net.ErrClosed
		case s.inLen > 0 || s.inErr != nil:
			return s.inLen, s.inErr
		case s.inMore:
			continue // a signal came in between
		}
		if err := s.await(something); err != nil {
			return 0, err
		}
	}
}

// look reads what is there without waiting; n is 0 if that is nothing. Unlike Read
// it may be called while the loop runs what was waiting for the socket.
func (s *socket) look(p []byte) (n int, err error) {
	if err := s.mayRead(); err != nil {
		return 0, err
	}
	if s.raw.Control(func(fd uintptr) { n, _, err = s.receive(fd, p) }) != nil {
		return 0, net.ErrClosed
	}
	return n, err
}

// something ends a wait as soon as there is something.
func something(uintptr) bool { return true }

func (s *socket) readNow(fd uintptr) bool {
	s.inLen, s.inMore, s.inErr = s.receive(fd, s.in)
	return true
}

func (s *socket) mayRead() error {
	switch {
	case s.closed.Load():
		return net.ErrClosed
	case s.readBy.passed.Load():
		return os.ErrDeadlineExceeded
	}
	return nil
}

// Write implements net.Conn. It writes all of p, or fails.
func (s *socket) Write(p []byte) (n int, err error) {
	s.out, s.outErr = p, nil
	defer func() { s.out = nil }()
	for {
		switch {
		case s.closed.Load():
			return len(p) - len(s.out), net.ErrClosed
		case s.writeBy.passed.Load():
			return len(p) - len(s.out), os.ErrDeadlineExceeded
		}
		if s.raw.Write(s.outNow) != nil {
			return len(p) - len(s.out), net.ErrClosed
		}
		if s.outErr != nil || len(s.out) == 0 {
			return len(p) - len(s.out), s.outErr
		}
		s.leave()
		if err := s.awaitRoom(); err != nil {
			return len(p) - len(s.out), err
		}
	}
}

// writeNow writes what the socket takes. It returns true, for there is nothing
// to be waited for here.
func (s *socket) writeNow(fd uintptr) bool {
	for len(s.out) > 0 {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, fd, uintptr(unsafe.Pointer(&s.out[0])), uintptr(len(s.out)),
			syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL, 0, 0)
		switch errno {
		case 0:
			s.out = s.out[n:]
		case syscall.EINTR:
		case syscall.EAGAIN:
			return true
		default:
			s.outErr = errno
			return true
		}
	}
	return true
}

// awaitRoom returns when another try to write may go further.
func (s *socket) awaitRoom() error {
	if err := s.loop.arm(s, forWriting); err != nil {
		return err
	}
	if s.closed.Load() || s.writeBy.passed.Load() {
		s.tryWriting()
	}
	<-s.writable
	return nil
}

// tryWriting wakes who waits for room.
func (s *socket) tryWriting() {
	select {
	case s.writable <- struct{}{}:
	default:
	}
}

// leave lets somebody else lead the loop if what calls it is handed on to by
// the loop: what follows may take long.
func (s *socket) leave() {
	s.loop.detach(s)
	if p := s.peer.Load(); p != nil {
		p.loop.detach(p)
	}
}

// Close implements net.Conn. What waits returns.
func (s *socket) Close() error {
	if s.closed.Swap(true) {
		return net.ErrClosed
	}
	s.interruptRead()
	s.tryWriting()
	s.readBy.stop()
	s.writeBy.stop()
	s.loop.forget(s)
	return s.file.Close()
}

// LocalAddr implements net.Conn.
func (s *socket) LocalAddr() net.Addr { return s.local }

// RemoteAddr implements net.Conn.
func (s *socket) RemoteAddr() net.Addr { return s.remote }

// SetDeadline implements net.Conn.
func (s *socket) SetDeadline(t time.Time) error {
	return errors.Join(s.SetReadDeadline(t), s.SetWriteDeadline(t))
}

// SetReadDeadline implements net.Conn.
func (s *socket) SetReadDeadline(t time.Time) error {
	if s.closed.Load() {
		return net.ErrClosed
	}
	s.readBy.set(t)
	return nil
}

// SetWriteDeadline implements net.Conn.
func (s *socket) SetWriteDeadline(t time.Time) error {
	if s.closed.Load() {
		return net.ErrClosed
	}
	s.writeBy.set(t)
	return nil
}

// SyscallConn implements syscall.Conn.
func (s *socket) SyscallConn() (syscall.RawConn, error) { return s.raw, nil }
