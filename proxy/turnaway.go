package proxy

import (
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/sluice-pg/sluice/proxy/wire"
)

const (
	// maxTurnedAway is how many clients may be on their way out at once;
	// others wait to be accepted.
	maxTurnedAway = 500
	// turnAwayTime bounds the way out of one.
	turnAwayTime = time.Second
	// turnAwayBytes is how much is read from one to throw it away.
	turnAwayBytes = 64 << 10
)

// turnAway tells a client that it may not even begin, and why. It reads
// nothing first: an error may stand in the place of any answer (protocol
// section "SSL Session Encryption"). What the client has sent is read
// afterwards, because closing a socket with something unread in it can destroy
// what was written.
func (s *Server) turnAway(nc net.Conn, why *startupError) {
	if !s.leaves() {
		nc.Close() // the proxy stops
		return
	}
	s.crowded.say(func(more int64) {
		s.log.Warn("clients are turned away", "why", why.message, "unsaid", more)
	})
	go func() {
		defer s.conns.Done()
		defer func() { <-s.turning }()
		defer nc.Close()
		_ = nc.SetDeadline(time.Now().Add(turnAwayTime)) // a dead socket fails below
		sendFatal(wire.NewConn(nc, wire.Client), why)
		if half, ok := nc.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
			_, _ = io.CopyN(io.Discard, nc, turnAwayBytes)
		}
	}()
}

// leaves counts a client that is turned away, once there is room for one, unless
// the proxy stops.
func (s *Server) leaves() bool {
	s.turning <- struct{}{}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.stopped {
		<-s.turning
		return false
	}
	s.conns.Add(1)
	return true
}

// occasional is something that is logged once in a while and counted in
// between. The zero value is ready.
type occasional struct {
	next   atomic.Int64 // when it may be said again, in Unix nanoseconds
	unsaid atomic.Int64
}

// occasion is how often it is logged at most.
const occasion = 5 * time.Second

// say calls log with how often it was not called since the last time, or
// counts.
func (o *occasional) say(log func(unsaid int64)) {
	now, next := time.Now().UnixNano(), o.next.Load()
	if now < next && next-now <= int64(occasion) || !o.next.CompareAndSwap(next, now+int64(occasion)) {
		o.unsaid.Add(1)
		return
	}
	log(o.unsaid.Swap(0))
}
