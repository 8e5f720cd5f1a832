package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/sluice-pg/sluice/proxy/wire"
)

// A machine that loses power or its network says no goodbye. While nothing is
// sent to it, the kernel's keep-alive packets find out. While something is, the
// kernel goes on trying for a quarter of an hour, and TCP_USER_TIMEOUT, which
// shortens that, would also end clients that are alive and read nothing, such
// as psql behind a pager. So the proxy looks for itself.

// errUnreachable says that nothing comes back from the machine at the other
// end.
var errUnreachable = errors.New("its machine does not answer")

// keepAliveWithin has the kernel find a silent peer in about the given time.
// It counts in whole seconds.
func keepAliveWithin(limit time.Duration) net.KeepAliveConfig {
	return net.KeepAliveConfig{
		Enable: true, Count: 3,
		Idle: max(limit/2, time.Second), Interval: max(limit/6, time.Second),
	}
}

// watchMachines ends sessions whose client or server cannot be reached any
// more, until ctx ends.
func (s *Server) watchMachines(ctx context.Context) {
	tick := time.NewTicker(max(s.config.Limits.Unreachable/4, 100*time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, session := range s.tracked() {
			session.lookForMachines(s.config.Limits.Unreachable)
		}
	}
}

// tracked returns the sessions that relay.
func (s *Server) tracked() []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*session, 0, len(s.mu.sessions))
	for session := range s.mu.sessions {
		all = append(all, session)
	}
	return all
}

// lookForMachines ends the session if one of its peers has been silent for too
// long.
func (s *session) lookForMachines(limit time.Duration) {
	for _, c := range []*wire.Conn{s.client, s.upstream.conn} {
		silent := c.Unanswered()
		if silent == 0 || silent < limit {
			continue
		}
		err := fmt.Errorf("%w for %s", errUnreachable, silent.Round(time.Second))
		select {
		case s.lost <- &wire.SideError{Side: c.Side(), Op: "reach", Err: err}:
		default: // the session has been told
		}
		return
	}
}

// isUnreachable tells a peer whose machine is gone, whoever noticed.
func isUnreachable(err error) bool {
	return errors.Is(err, errUnreachable) || errors.Is(err, syscall.ETIMEDOUT) ||
		errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.ENETUNREACH)
}
