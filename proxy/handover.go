package proxy

import (
	"context"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Sockets are listening sockets that somebody else opened and keeps open over
// a restart.
type Sockets interface {
	// Take returns the socket that listens at an address, host:port, and
	// nil if there is none.
	Take(address string) net.Listener
}

// handOver is what a listener knows about its end. Where another process
// accepts at the same address afterwards, a stopping proxy refuses nobody:
// it serves whom it has accepted, and leaves the rest to the other.
type handOver struct {
	// inherited is true for a socket that stays open elsewhere: connections
	// wait there.
	inherited bool
	// shared is true if another socket may have the same address.
	shared bool

	// accepting is true from the beginning until no connection will be
	// accepted any more.
	accepting atomic.Bool
	// troubled is true while accepting fails, for want of descriptors for
	// example.
	troubled atomic.Bool
	// strangers counts accepted connections that have not logged in.
	strangers atomic.Int64
}

// lastSweep is how long a shared socket goes on accepting: the system resets
// connections that wait at a socket when it is closed.
const lastSweep = 50 * time.Millisecond

// bind opens the listener's socket, or takes the one that is there.
func (l *listener) bind(ctx context.Context, config Listen, sockets Sockets) error {
	l.accepting.Store(true)
	l.shared = config.ReusePort
	if sockets != nil {
		if l.Listener = sockets.Take(config.Address); l.Listener != nil {
			l.inherited = true
			return nil
		}
	}
	lc := net.ListenConfig{KeepAliveConfig: l.keepAlive}
	lc.SetMultipathTCP(false) // sessions are followed on plain TCP sockets
	if l.shared {
		lc.Control = sharePort
	}
	var err error
	l.Listener, err = lc.Listen(ctx, "tcp", config.Address)
	return err
}

func sharePort(_, _ string, c syscall.RawConn) error {
	var failed error
	err := c.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	})
	if err != nil {
		return err
	}
	return failed
}

// Accept implements net.Listener. A socket from elsewhere knows nothing of
// our keep-alives.
func (l *listener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if tcp, ok := nc.(*net.TCPConn); ok && l.inherited {
		// A connection that is broken by now shows when it is read.
		_ = tcp.SetKeepAliveConfig(l.keepAlive)
	}
	return nc, err
}

// handsOver reports whether another process accepts here afterwards.
func (l *listener) handsOver() bool { return l.inherited || l.shared }

// leave makes accept end by itself, so that no connection is between it and
// the socket when that is closed.
func (l *listener) leave() {
	var at time.Time
	switch {
	case l.inherited:
		at = time.Now()
	case l.shared:
		at = time.Now().Add(lastSweep)
	default:
		return
	}
	if tcp, ok := l.Listener.(*net.TCPListener); !ok || tcp.SetDeadline(at) != nil {
		l.Close()
	}
}

// quiet reports whether everybody who was accepted has logged in or gone.
func (l *listener) quiet() bool {
	return !l.handsOver() || !l.accepting.Load() && l.strangers.Load() == 0
}
