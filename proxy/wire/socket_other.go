//go:build !linux

package wire

import (
	"net"
	"syscall"
)

// socket is a socket that a loop waits for: there is none here.
type socket struct{ net.Conn }

// Own returns the connection as it is.
func Own(nc net.Conn) net.Conn { return nc }

// Pair does nothing.
func Pair(client, upstream *Conn) {}

func (c *Conn) beneath() *socket { return nil }

func (s *socket) receive(uintptr, []byte) (int, bool, error) { return 0, false, syscall.ENOSYS }

func (s *socket) look([]byte) (int, error) { return 0, syscall.ENOSYS }

func (s *socket) await(func(fd uintptr) bool) error { return syscall.ENOSYS }

func (s *socket) leave() {}
