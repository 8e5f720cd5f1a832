package proxy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"github.com/sluice-pg/sluice/proxy/identity"
	"github.com/sluice-pg/sluice/proxy/wire"
)

// alpn is the protocol name for PostgreSQL over TLS (IANA registry;
// required for direct TLS).
const alpn = "postgresql"

// listener is one address with its transport.
type listener struct {
	net.Listener
	tls       *tls.Config
	plaintext string
	// balancers are the networks of load balancers that are believed.
	balancers []netip.Prefix
	keepAlive net.KeepAliveConfig
	handOver
}

// openListener binds an address, or takes the socket that is there for it,
// and loads its certificate.
func openListener(ctx context.Context, l Listen, sockets Sockets, keepAlive net.KeepAliveConfig) (*listener, error) {
	out := &listener{plaintext: l.Plaintext, keepAlive: keepAlive}
	if l.ProxyProtocol != nil {
		out.balancers = l.ProxyProtocol.networks
	}
	if l.TLS != nil {
		config, err := l.TLS.load()
		if err != nil {
			return nil, fmt.Errorf("listen %s: %w", l.Address, err)
		}
		out.tls = config
	}
	if err := out.bind(ctx, l, sockets); err != nil {
		return nil, fmt.Errorf("listen %s: %w", l.Address, err)
	}
	return out, nil
}

func (l *ListenTLS) load() (*tls.Config, error) {
	cert, err := tls.LoadX509KeyPair(l.Cert, l.Key)
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	config := &tls.Config{
		Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12,
		NextProtos: []string{alpn},
	}
	if l.ClientCA != "" {
		pool, err := LoadPool(l.ClientCA)
		if err != nil {
			return nil, err
		}
		config.ClientCAs = pool
		config.ClientAuth = tls.VerifyClientCertIfGiven
	}
	return config, nil
}

// LoadPool reads the certificates of authorities from a file in PEM.
func LoadPool(path string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("certificate authority: no certificate in %s", path)
	}
	return pool, nil
}

// admission is a client that has said what it wants.
type admission struct {
	conn *wire.Conn
	from origin
	tls  *tls.ConnectionState
	// shown is the certificate the client saw, for channel binding.
	shown *identity.Presented
	// cancel is the body of a CancelRequest; the rest is then empty.
	cancel  []byte
	startup *startup
}

// errQuiet ends a connection that came to nothing and needs no words: a
// health check, a client that tries TLS and hangs up at a refusal.
var errQuiet = errors.New("closed before start-up")

// admit goes through the start-up phase (protocol sections "SSL Session
// Encryption" and "Start-up"): each of SSLRequest and GSSENCRequest at most
// once, in any order, then a StartupMessage or a CancelRequest.
func (l *listener) admit(ctx context.Context, conn *wire.Conn, from origin) (*admission, error) {
	a := &admission{conn: conn, from: from}
	var askedSSL, askedGSS bool
	for {
		opening, err := conn.ReadOpening()
		if err != nil {
			return nil, errors.Join(errQuiet, err)
		}
		switch {
		case opening.DirectTLS:
			if a.tls != nil || askedSSL || askedGSS {
				return nil, wire.ErrEarlyBytes
			}
			if err := a.direct(ctx, l.tls); err != nil {
				return nil, err
			}
		case opening.Code == wire.CodeSSLRequest:
			if askedSSL || a.tls != nil || len(opening.Body) != 0 {
				return a, refuseStartup("08P01", "", "unexpected SSLRequest")
			}
			askedSSL = true
			if err := a.upgrade(ctx, l.tls); err != nil {
				return nil, err
			}
		case opening.Code == wire.CodeGSSRequest:
			if askedGSS || a.tls != nil || len(opening.Body) != 0 {
				return a, refuseStartup("08P01", "", "unexpected GSSENCRequest")
			}
			askedGSS = true
			if err := a.answer('N'); err != nil {
				return nil, err
			}
		case opening.Code == wire.CodeCancel:
			a.cancel = opening.Body
			return a, nil
		default:
			return a, a.start(l, opening)
		}
	}
}

// answer sends the one-byte answer to a request, unless the client has sent
// more than that request: nothing may come before the answer.
func (a *admission) answer(b byte) error {
	if a.conn.EarlyBytes() {
		return wire.ErrEarlyBytes
	}
	return a.conn.WriteByte(b)
}

func (a *admission) upgrade(ctx context.Context, config *tls.Config) error {
	if config == nil {
		return a.answer('N')
	}
	if err := a.answer('S'); err != nil {
		return err
	}
	return a.handshake(ctx, config)
}

func (a *admission) handshake(ctx context.Context, config *tls.Config) error {
	config, shown, err := identity.NotePresented(config)
	if err != nil {
		return fmt.Errorf("client: tls: %w", err)
	}
	a.tls, err = a.conn.StartTLS(ctx, config)
	a.shown = shown
	return err
}

func (a *admission) direct(ctx context.Context, config *tls.Config) error {
	if config == nil {
		return fmt.Errorf("%w: direct TLS where no TLS is offered", wire.ErrProtocol)
	}
	if err := a.handshake(ctx, config); err != nil {
		return err
	}
	if a.tls.NegotiatedProtocol != alpn {
		return fmt.Errorf("%w: direct TLS without ALPN %q", wire.ErrProtocol, alpn)
	}
	return nil
}

func (a *admission) start(l *listener, opening wire.Opening) error {
	s, err := parseStartup(opening.Code, opening.Body)
	if err != nil {
		return err
	}
	a.startup = s
	if a.tls == nil && !l.allowsPlaintext(a.from) {
		return refuseStartup("28000", "Connect with sslmode=verify-full and sslrootcert, or at least sslmode=require.",
			"this address requires TLS")
	}
	return nil
}

func (l *listener) allowsPlaintext(from origin) bool {
	switch l.plaintext {
	case "any":
		return true
	case "loopback":
		return from.onThisMachine()
	}
	return false
}

// clientIP returns the IP address of a peer; the zero value, which matches
// no rule, if there is none.
func clientIP(addr net.Addr) netip.Addr {
	if tcp, ok := addr.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}
