//go:build !linux

package wire

import (
	"net"
	"syscall"
)

// tcpSocket is a socket that can be used directly: none here.
type tcpSocket struct{ raw syscall.RawConn }

func socketOf(net.Conn) *tcpSocket { return nil }

func (s *tcpSocket) read(uintptr, []byte) (int, bool, error) { return 0, false, syscall.ENOSYS }

func (s *tcpSocket) write([]byte) error { return syscall.ENOSYS }
