package proxy

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"

	"github.com/sluice-pg/sluice/proxy/balancer"
	"github.com/sluice-pg/sluice/proxy/wire"
)

// origin is where a connection comes from.
type origin struct {
	// client is the address that rules, throttle and trail mean; the zero
	// value, which matches no rule, if there is none.
	client netip.Addr
	// via is the load balancer in between, if one is believed.
	via netip.Addr
}

// originOf finds out where a connection comes from. A balancer that is
// believed has to say so first; its own connections, such as health checks,
// come from itself. Nothing behind the header is read.
func (l *listener) originOf(nc net.Conn) (origin, error) {
	peer := clientIP(nc.RemoteAddr())
	if !l.believes(peer) {
		return origin{client: peer}, nil
	}
	header, err := balancer.ReadHeader(nc)
	switch {
	case errors.Is(err, balancer.ErrMalformed):
		return origin{}, fmt.Errorf("%w: load balancer: %w", wire.ErrProtocol, err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return origin{}, fmt.Errorf("load balancer: PROXY header: %w", err)
	case err != nil:
		// Balancers connect and hang up to see whether somebody is there.
		return origin{}, errors.Join(errQuiet, err)
	case !header.Client.IsValid():
		return origin{client: peer}, nil
	}
	return origin{client: header.Client.Addr(), via: peer}, nil
}

// believes reports whether an address is that of a load balancer whose word
// counts.
func (l *listener) believes(peer netip.Addr) bool {
	for _, network := range l.balancers {
		if network.Contains(peer) {
			return true
		}
	}
	return false
}

// onThisMachine reports whether no part of the way from the client leaves the
// machine.
func (o origin) onThisMachine() bool {
	return o.client.IsLoopback() && (!o.via.IsValid() || o.via.IsLoopback())
}

// viaText is the balancer's address for the trail; empty if there is none.
func (o origin) viaText() string {
	if !o.via.IsValid() {
		return ""
	}
	return o.via.String()
}

// names adds the client behind a balancer to a log that has the balancer's
// address.
func (o origin) names(log *slog.Logger) *slog.Logger {
	if !o.via.IsValid() {
		return log
	}
	return log.With("client", o.client.String())
}
