package proxy

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"time"
)

// drain is how a server ends. In order:
//
//  1. It is not ready any more, tells its clients so with the next answer, and
//     goes on as always for limits.drain_delay, until load balancers know.
//  2. New clients are refused with 57P01, or left to another process
//     (handover.go). Sessions end between two transactions.
//  3. When all have ended, or limits.drain is over, the listeners close and
//     who is still there is cut.
type drain struct {
	// leaving is true from the first step on.
	leaving atomic.Bool
	// draining is closed at the second.
	draining chan struct{}
	// strangers ends at the third, and with it connections that have not
	// logged in.
	strangers    context.Context
	cutStrangers context.CancelFunc
}

func (d *drain) prepare() {
	d.draining = make(chan struct{})
	d.strangers, d.cutStrangers = context.WithCancel(context.Background())
}

const (
	// lull is how long a session must have been between transactions to
	// be ended by a drain: who has just logged in, or is about to send the
	// next statement, would lose it.
	lull = 500 * time.Millisecond
	// courtesy is for how long of a drain that holds; then a session ends
	// between any two transactions.
	courtesy = 3 * time.Second
)

// Drain stops the server as the configuration says, without refusing what can
// be finished. It returns when everybody is gone, when limits.drain is over,
// or when ctx ends; what then still runs ends with the context given to
// Serve.
func (s *Server) Drain(ctx context.Context) error {
	s.leaving.Store(true)
	select {
	case <-time.After(s.config.Limits.DrainDelay):
	case <-ctx.Done():
	}
	ctx, done := context.WithTimeout(ctx, s.config.Limits.Drain)
	defer done()
	return s.Shutdown(ctx)
}

// DrainTime is how long Drain takes at most.
func (s *Server) DrainTime() time.Duration {
	return s.config.Limits.DrainDelay + s.config.Limits.Drain
}

// Shutdown lets no session begin any more and ends those that are idle, the
// others at the end of their transaction. It returns when all are gone or ctx
// ends; what then still runs ends with the context given to Serve.
func (s *Server) Shutdown(ctx context.Context) error {
	s.leaving.Store(true)
	s.mu.Lock()
	select {
	case <-s.draining:
	default:
		close(s.draining)
	}
	listeners := s.mu.listeners
	s.mu.Unlock()
	for _, l := range listeners {
		l.leave()
	}
	err := s.awaitQuiet(ctx, listeners)
	s.mu.Lock()
	s.mu.stopped = true
	s.mu.Unlock()
	s.closeListeners()
	if err != nil {
		return err
	}
	s.cutStrangers()
	gone := make(chan struct{})
	go func() {
		s.conns.Wait()
		s.closeSides()
		close(gone)
	}()
	select {
	case <-gone:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("proxy: connections still open: %w", ctx.Err())
	}
}

// awaitQuiet waits until there is no session, and nobody who may become one.
func (s *Server) awaitQuiet(ctx context.Context, listeners []*listener) error {
	ticker := time.NewTicker(drainTick)
	defer ticker.Stop()
	for {
		quiet := true
		for _, l := range listeners {
			quiet = quiet && l.quiet()
		}
		// In this order: a stranger becomes a session, not the other way.
		if quiet && s.live.Load() == 0 {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("proxy: %d sessions still open: %w", s.live.Load(), ctx.Err())
		}
	}
}

// cutWithStrangers ends a connection's reads and writes with the strangers,
// until the function it returns is called, which reports whether the
// connection was left alone.
func (s *Server) cutWithStrangers(nc net.Conn) (uncut func() bool) {
	return context.AfterFunc(s.strangers, func() { _ = nc.SetDeadline(time.Unix(1, 0)) })
}

// stopping says that no session may begin, if the proxy stops.
func (s *Server) stopping(l *listener) *startupError {
	select {
	case <-s.draining:
		if l.handsOver() {
			// Whoever was accepted here would be told to come back for
			// nothing; the next one waits for another process.
			return nil
		}
		return errStopping()
	default:
		return nil
	}
}

// endsHere ends a session of a draining proxy, if it is between transactions
// and likely to stay there.
func (s *session) endsHere(drainBegan time.Time) bool {
	patient := time.Since(drainBegan) < min(courtesy, s.server.config.Limits.Drain/2)
	if patient && !s.pending.quietFor(lull, s.server.now()) {
		return false
	}
	return s.carrying.Load() == nil && (s.pending.streaming() || s.pending.closeIfIdle())
}

// quietFor reports whether nothing has happened for so long.
func (p *pending) quietFor(d time.Duration, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.queue) == 0 && now.Sub(p.since) >= d
}

// errStopping is what a client hears that comes too late.
func errStopping() *startupError {
	return &startupError{"57P01", "sluice: the proxy is stopping", "Connect again in a moment."}
}
