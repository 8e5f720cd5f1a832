package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/sluice-pg/sluice/policy/destination"
)

// door is the way to one place.
type door struct {
	target   Target
	options  Options
	id       string
	vantages []vantage
	// connections counts those that were opened.
	connections atomic.Int64
}

// errNoTLS is the server's clear "no" to a transport.
var errNoTLS = errors.New("TLS is not offered")

// requestSSL is the SSLRequest packet (protocol, "Message Formats").
var requestSSL = []byte{0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f}

// tlsVersions are the versions that are tried one by one.
var tlsVersions = []struct {
	name string
	id   uint16
}{
	{"1.0", tls.VersionTLS10},
	{"1.1", tls.VersionTLS11},
	{"1.2", tls.VersionTLS12},
	{"1.3", tls.VersionTLS13},
}

// measureTLS finds out which transports there are. Only the first
// connection's failure to open becomes v.err.
func (d *door) measureTLS(ctx context.Context, v *visit) {
	conn, err := d.dial(ctx, v.address, d.vantages[0])
	if err != nil {
		v.err = err
		return
	}
	v.reached = true
	cert, err := d.secure(ctx, conn, TLSAsked, 0)
	switch {
	case err == nil:
		v.tls.Offered = true
		v.tls.shown(cert)
	case !errors.Is(err, errNoTLS):
		v.tls.unclear = true
		v.problems = append(v.problems, "whether TLS is offered is not clear: "+destination.Clean(err.Error()))
	}
	d.measureDirect(ctx, v)
	if v.tls.Offered {
		d.measureVersions(ctx, v)
	}
}

// measureDirect tries TLS from the first byte. Servers before 17 read the
// ClientHello as a packet of absurd length and hang up, so every failure
// but silence means that it is not offered.
func (d *door) measureDirect(ctx context.Context, v *visit) {
	conn, err := d.dial(ctx, v.address, d.vantages[0])
	if err != nil {
		v.problems = append(v.problems, "a second connection could not be opened: "+destination.Clean(err.Error()))
		return
	}
	cert, err := d.secure(ctx, conn, TLSDirect, 0)
	switch {
	case err == nil:
		v.tls.Direct = true
		v.tls.shown(cert)
	case timedOut(err):
		v.problems = append(v.problems, "TLS from the first byte met silence")
	}
}

// measureVersions makes one handshake for each version of TLS.
func (d *door) measureVersions(ctx context.Context, v *visit) {
	works := make([]bool, len(tlsVersions))
	silent := make([]bool, len(tlsVersions))
	inParallel(len(tlsVersions), func(i int) {
		conn, err := d.dial(ctx, v.address, d.vantages[0])
		if err == nil {
			_, err = d.secure(ctx, conn, TLSAsked, tlsVersions[i].id)
		}
		works[i] = err == nil
		silent[i] = timedOut(err)
	})
	for i, version := range tlsVersions {
		if works[i] {
			v.tls.Versions = append(v.tls.Versions, version.name)
		}
		if silent[i] {
			v.problems = append(v.problems, "TLS "+version.name+" met silence")
		}
	}
}

// dial opens a connection whose whole life is bounded by the try's time.
func (d *door) dial(ctx context.Context, address string, from vantage) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("the measurement's time was over: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, d.options.tryTime())
	defer cancel()
	conn, err := from.dial(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("connecting: %w", err)
	}
	d.connections.Add(1)
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		conn.Close()
		return nil, fmt.Errorf("setting a deadline: %w", err)
	}
	return conn, nil
}

// secure opens TLS on a fresh connection, reports the certificate and
// closes the connection.
func (d *door) secure(ctx context.Context, conn net.Conn, transport Transport, version uint16) (*certificate, error) {
	defer conn.Close()
	defer hangUpWith(ctx, conn)()
	session, cert, err := d.open(ctx, conn, transport, version)
	if err != nil {
		return nil, err
	}
	session.Close()
	return cert, nil
}

// open brings a fresh connection to where a start-up packet may be sent.
// Version 0 leaves the version to the server.
func (d *door) open(ctx context.Context, conn net.Conn, transport Transport, version uint16) (net.Conn, *certificate, error) {
	if transport == Plain {
		return conn, nil, nil
	}
	if transport == TLSAsked {
		if err := askForTLS(conn); err != nil {
			return nil, nil, err
		}
	}
	var cert certificate
	session := tls.Client(conn, d.tlsConfig(transport, version, &cert))
	if err := session.HandshakeContext(ctx); err != nil {
		return nil, nil, fmt.Errorf("TLS handshake: %w", err)
	}
	if transport == TLSDirect && session.ConnectionState().NegotiatedProtocol != "postgresql" {
		return nil, nil, fmt.Errorf("TLS without the ALPN protocol postgresql: %w", errNoTLS)
	}
	return session, &cert, nil
}

// askForTLS sends SSLRequest and reads exactly the one byte of the answer,
// so that bytes an attacker put behind it spoil the handshake.
func askForTLS(conn net.Conn) error {
	if _, err := conn.Write(requestSSL); err != nil {
		return fmt.Errorf("sending SSLRequest: %w", err)
	}
	var answer [1]byte
	if _, err := io.ReadFull(conn, answer[:]); err != nil {
		return fmt.Errorf("reading the answer to SSLRequest: %w", err)
	}
	switch answer[0] {
	case 'S':
		return nil
	case 'N':
		return errNoTLS
	}
	return fmt.Errorf("SSLRequest was answered with byte 0x%02x", answer[0])
}

// tlsConfig accepts every certificate, because a handshake that ends early
// would hide what an attacker or a careless client can do; the certificate
// is judged beside it.
func (d *door) tlsConfig(transport Transport, version uint16, cert *certificate) *tls.Config {
	config := &tls.Config{
		ServerName:         d.serverName(),
		InsecureSkipVerify: true, // judged in VerifyConnection
		MinVersion:         tls.VersionTLS10,
		VerifyConnection: func(state tls.ConnectionState) error {
			cert.judge(state, d.target.CA, d.serverName(), d.options.Now())
			return nil
		},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			cert.clientAsked = true
			return &tls.Certificate{}, nil
		},
	}
	if transport == TLSDirect {
		config.NextProtos = []string{"postgresql"}
	}
	if version != 0 {
		config.MinVersion, config.MaxVersion = version, version
		config.CipherSuites = everyCipherSuite()
	}
	return config
}

// everyCipherSuite lists also the weak suites, without which an old version
// would look absent.
func everyCipherSuite() []uint16 {
	var ids []uint16
	for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		ids = append(ids, suite.ID)
	}
	return ids
}

// serverName is the name the certificate must be valid for.
func (d *door) serverName() string {
	if d.target.ServerName != "" {
		return d.target.ServerName
	}
	return d.target.Host
}

// hangUpWith ends the connection's reads and writes when ctx ends; the
// returned function stops that.
func hangUpWith(ctx context.Context, conn net.Conn) func() bool {
	return context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
}

// timedOut reports whether an error is silence as opposed to an answer.
func timedOut(err error) bool {
	var n net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) ||
		(errors.As(err, &n) && n.Timeout())
}
