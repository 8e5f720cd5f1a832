package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/sluice-pg/sluice/proxy"
)

// errNoTLS is the answer N to an SSLRequest.
var errNoTLS = errors.New("the server offers no TLS")

// lookAtUpstream judges the way to a database: whether somebody is there, and
// how he proves who he is.
func lookAtUpstream(ctx context.Context, f *findings, u proxy.Upstream, now time.Time) {
	const name = "upstream.tls"
	address := net.JoinHostPort(u.Host, strconv.Itoa(u.Port))
	if u.TLS.Mode == "disable" {
		lookAtPlaintext(ctx, f, u.Host, address)
		return
	}
	roots, ok := rootsFor(f, u, now)
	if !ok {
		return
	}
	state, err := handshake(ctx, address, &tls.Config{ServerName: u.TLS.ServerName, InsecureSkipVerify: true}) //nolint:gosec // verified below, with words
	switch {
	case errors.Is(err, errNoTLS):
		f.problem(name, "Set ssl = on with a certificate at the server, and reload it.", "%s: %v", address, err)
		return
	case err != nil:
		f.problem(name, "Start the server, open the way to it, or correct upstream in the configuration.", "%v", err)
		return
	}
	leaf := state.PeerCertificates[0]
	if err := verify(state, roots, u.TLS.ServerName, now); err != nil {
		f.problem(name, whyNotVerified(err), "%s: %v", address, err)
		return
	}
	if weak := judgeStrength(leaf); weak != "" {
		f.problem(name, "Give the server a certificate with an ECDSA key (P-256) and SHA-256.", "%s: the certificate %s", address, weak)
		return
	}
	when, word := judgeTime(leaf, now)
	f.add(when, name, map[State]string{Warning: renew}[when], "%s at %s; the certificate for %s %s",
		tls.VersionName(state.Version), address, listed(names(leaf)), word)
}

// lookAtPlaintext judges a way without TLS by where it leads.
func lookAtPlaintext(ctx context.Context, f *findings, host, address string) {
	const name = "upstream.tls"
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		f.problem(name, "Correct upstream.host in the configuration.", "%v", err)
		return
	}
	for _, ip := range ips {
		if ip = ip.Unmap(); !ip.IsLoopback() {
			f.problem(name, "Set ssl = on at the server, remove mode: disable here, and name its authority in upstream.tls.ca.",
				"%s is reached without TLS at %s: anybody on the way reads the data, or takes the server's place", address, ip)
			return
		}
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		f.problem(name, "Start the server, or correct upstream in the configuration.", "%v", err)
		return
	}
	conn.Close()
	f.ok(name, "%s is reached without TLS, on this machine only", address)
}

// rootsFor returns what the server is verified with; nil is the system's.
func rootsFor(f *findings, u proxy.Upstream, now time.Time) (*x509.CertPool, bool) {
	if u.TLS.CA == "" {
		return nil, true
	}
	certs := lookAtAuthorities(f, "upstream.ca", u.TLS.CA, now)
	roots := x509.NewCertPool()
	for _, cert := range certs {
		roots.AddCert(cert)
	}
	return roots, certs != nil
}

func verify(state tls.ConnectionState, roots *x509.CertPool, name string, now time.Time) error {
	between := x509.NewCertPool()
	for _, cert := range state.PeerCertificates[1:] {
		between.AddCert(cert)
	}
	_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, DNSName: name, CurrentTime: now,
	})
	return err
}

// whyNotVerified says what to do about a certificate.
func whyNotVerified(err error) string {
	var authority x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &authority):
		return "Name who signed the server's certificate in upstream.tls.ca; if nobody changed it, ask who answers there."
	case errors.As(err, &hostname):
		return "Name the server as its certificate does, in upstream.tls.server_name, or have the certificate made for its name."
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "Renew the server's certificate, and reload the server."
	}
	return "Give the server a certificate that can be verified."
}

// handshake asks a PostgreSQL server for TLS, as the protocol says: an
// SSLRequest, one byte, then the handshake (PostgreSQL protocol, 54.2.10).
func handshake(ctx context.Context, address string, config *tls.Config) (tls.ConnectionState, error) {
	var none tls.ConnectionState
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return none, err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	request := binary.BigEndian.AppendUint32(nil, 8)
	request = binary.BigEndian.AppendUint32(request, 80877103)
	if _, err := conn.Write(request); err != nil {
		return none, fmt.Errorf("ask %s for TLS: %w", address, err)
	}
	answer := make([]byte, 1)
	if _, err := io.ReadFull(conn, answer); err != nil {
		return none, fmt.Errorf("ask %s for TLS: %w", address, err)
	}
	switch answer[0] {
	case 'S':
	case 'N':
		return none, errNoTLS
	default:
		return none, fmt.Errorf("%s is no PostgreSQL server: it answers %q to a request for TLS", address, answer)
	}
	config.MinVersion = tls.VersionTLS12
	client := tls.Client(conn, config)
	if err := client.HandshakeContext(ctx); err != nil {
		return none, fmt.Errorf("TLS with %s: %w", address, err)
	}
	return client.ConnectionState(), nil
}
