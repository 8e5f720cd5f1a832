package wire

import (
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Unanswered returns for how long the machine at the other end has answered
// nothing, although at least two packets that every machine acknowledges by
// itself were sent to it one after the other. It is 0 if no answer is owed, and
// on a socket that is closed. A peer that is alive and reads nothing does
// answer: it says that it has no room (tcp(7), TCP_INFO).
func (c *Conn) Unanswered() time.Duration {
	socket, ok := beneath(c.nc).(syscall.Conn)
	if !ok {
		return 0
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return 0
	}
	var silent time.Duration
	_ = raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		if err == nil && int(info.Retransmits)+int(info.Probes) >= 2 {
			silent = time.Duration(info.Last_ack_recv) * time.Millisecond
		}
	})
	return silent
}

// beneath returns the socket under TLS and other layers.
func beneath(nc net.Conn) net.Conn {
	for {
		layer, ok := nc.(interface{ NetConn() net.Conn })
		if !ok {
			return nc
		}
		nc = layer.NetConn()
	}
}
