package wire

import (
	"io"
	"net"
	"runtime"
	"syscall"
	"unsafe"
)

// tcpSocket is a plain TCP socket, used directly. Its calls never block, so they
// do without the runtime's preparations for calls that might; on the way of a
// statement through the proxy those are a noticeable part.
type tcpSocket struct {
	raw syscall.RawConn

	// For the next write.
	out     []byte
	outErr  error
	writeTo func(fd uintptr) bool

	// For recvmsg(2).
	vec     syscall.Iovec
	msg     syscall.Msghdr
	control [24]byte // CMSG_SPACE of an int
}

// tcpInq makes recvmsg tell how much is left to read, and that there is
// something left after the end of input (tcp(7), Linux 4.18).
const tcpInq = 36

// socketOf returns nil for what is no plain TCP socket.
func socketOf(nc net.Conn) *tcpSocket {
	tcp, ok := nc.(interface {
		SyscallConn() (syscall.RawConn, error)
	})
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	// Where the option is not known, every read is followed by another.
	_ = raw.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpInq, 1) })
	s := &tcpSocket{raw: raw}
	s.writeTo = s.writeNow
	return s
}

// read reads what is there; n is 0 if that is nothing. more is false if nothing
// is left, not even the end of input.
func (s *tcpSocket) read(fd uintptr, p []byte) (n int, more bool, err error) {
	s.vec.Base = &p[0]
	s.vec.SetLen(len(p))
	s.msg = syscall.Msghdr{Iov: &s.vec, Iovlen: 1, Control: &s.control[0]}
	s.msg.SetControllen(len(s.control))
	r, _, errno := syscall.RawSyscall(syscall.SYS_RECVMSG, fd, uintptr(unsafe.Pointer(&s.msg)), syscall.MSG_DONTWAIT)
	runtime.KeepAlive(p)
	s.vec.Base = nil
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
	return int(r), s.left() != 0, nil
}

// left returns how much is left to read after recvmsg, 1 if it did not say.
func (s *tcpSocket) left() int {
	head := (*syscall.Cmsghdr)(unsafe.Pointer(&s.control[0]))
	if s.msg.Controllen < syscall.SizeofCmsghdr+4 || head.Level != syscall.IPPROTO_TCP || head.Type != tcpInq {
		return 1
	}
	return int(*(*int32)(unsafe.Pointer(&s.control[syscall.SizeofCmsghdr])))
}

// write writes all of p, or fails.
func (s *tcpSocket) write(p []byte) error {
	s.out, s.outErr = p, nil
	err := s.raw.Write(s.writeTo)
	s.out = nil
	if err == nil {
		err = s.outErr
	}
	return err
}

// writeNow writes what the socket takes and returns false if that is not all.
func (s *tcpSocket) writeNow(fd uintptr) bool {
	for len(s.out) > 0 {
		n, _, errno := syscall.RawSyscall(syscall.SYS_WRITE, fd, uintptr(unsafe.Pointer(&s.out[0])), uintptr(len(s.out)))
		switch errno {
		case 0:
			s.out = s.out[n:]
		case syscall.EINTR:
		case syscall.EAGAIN:
			return false
		default:
			s.outErr = errno
			return true
		}
	}
	return true
}
