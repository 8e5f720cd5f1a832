package faults

import (
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// dropPackets has the kernel throw away every packet for a socket before TCP
// sees it (socket(7), SO_ATTACH_FILTER): a filter that keeps 0 bytes.
func dropPackets(c syscall.Conn) error {
	return onDescriptor(c, func(fd int) error {
		program := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: 0}}
		return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
			&unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]})
	})
}

// passPackets takes the filter away.
func passPackets(c syscall.Conn) error {
	return onDescriptor(c, func(fd int) error {
		err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0)
		if errors.Is(err, unix.ENOENT) {
			return nil // there was none
		}
		return err
	})
}

func onDescriptor(c syscall.Conn, do func(fd int) error) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return fmt.Errorf("relay: %w", err)
	}
	var done error
	if err := raw.Control(func(fd uintptr) { done = do(int(fd)) }); err != nil {
		return fmt.Errorf("relay: %w", err)
	}
	return done
}
