package doctor

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/sluice-pg/sluice/audit"
	"github.com/sluice-pg/sluice/proxy"
	"github.com/sluice-pg/sluice/proxy/admin"
)

// lookAtListen judges one address for clients.
func lookAtListen(ctx context.Context, f *findings, l proxy.Listen, trail string, now time.Time) {
	var shown []byte
	if l.TLS != nil {
		shown = lookAtServerCertificate(f, l.TLS, now)
	}
	if l.Plaintext == "any" && !isLoopback(l.Address) {
		f.warning("listen.plaintext", "Set plaintext: never, and tls, at this address.",
			"clients may connect without TLS from everywhere, and their data can be read on the way")
	}
	if l.ProxyProtocol != nil {
		shown = nil // this machine may count as a load balancer, which speaks first
	}
	lookAtAddress(ctx, f, l.Address, trail, shown)
}

// lookAtAddress binds an address for a moment, or finds the proxy there.
func lookAtAddress(ctx context.Context, f *findings, address, trail string, certificate []byte) {
	const name = "listen.address"
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	switch {
	case err == nil:
		ln.Close()
		f.ok(name, "free: the proxy can listen here")
	case errors.Is(err, syscall.EADDRINUSE):
		lookAtListener(ctx, f, address, trail, certificate)
	case errors.Is(err, syscall.EACCES):
		f.problem(name, "Use a port above 1023, or give the program the right:\nsetcap cap_net_bind_service=+ep PATH-OF-SLUICE",
			"this user may not listen at this port")
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		f.problem(name, "Name an address of this machine, or 0.0.0.0 for all of them.", "this machine does not have the address")
	default:
		f.problem(name, "Correct listen.address in the configuration.", "%v", err)
	}
}

// lookAtListener judges an address that somebody listens at already. It is
// our proxy if the trail is locked, and surely so if it shows our certificate. A
// proxy whose trail broke shows it too, and has given the lock back.
func lookAtListener(ctx context.Context, f *findings, address, trail string, certificate []byte) {
	const name = "listen.address"
	locked, err := audit.Locked(trail)
	switch {
	case err != nil:
		f.unknown(name, "Run the doctor as the proxy's user.", "in use, and who writes the trail cannot be told: %s", pathError(err))
		return
	case !locked && shows(ctx, address, certificate):
		f.problem(name, "Mend what stands at trail.writable and trail.disk, then restart the proxy: it opens its trail at its start.",
			"in use by a program with the certificate of the file, and nobody writes the trail: a proxy whose trail broke, where nothing runs")
		return
	case !locked:
		f.problem(name, "Find the other program and stop it, or change listen.address:\nss -ltnp 'sport = :"+port(address)+"'",
			"in use by another program: no proxy writes the trail")
		return
	case certificate == nil:
		f.ok(name, "in use, while a proxy writes the trail")
		return
	}
	state, err := handshake(ctx, dialable(address), &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // compared below
	switch {
	case err != nil:
		f.problem(name, "Find the other program and stop it, or look into the proxy's log.",
			"in use, while a proxy writes the trail; but what listens does not do TLS: %v", err)
	case !bytes.Equal(state.PeerCertificates[0].Raw, certificate):
		f.warning(name, "Restart the proxy: it reads its certificate at its start.",
			"the running proxy shows another certificate than the file holds (%s, until %s)",
			subject(state.PeerCertificates[0]), state.PeerCertificates[0].NotAfter.UTC().Format(time.DateOnly))
	default:
		f.ok(name, "in use by the running proxy, which shows the certificate of the file")
	}
}

// lookAtAdmin binds the port for probes for a moment, or asks who answers there.
func lookAtAdmin(ctx context.Context, f *findings, address string) {
	const name = "admin.address"
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	switch {
	case err == nil:
		ln.Close()
		f.ok(name, "free: the proxy can listen here")
	case !errors.Is(err, syscall.EADDRINUSE):
		f.problem(name, "Correct admin.address in the configuration.", "%v", err)
	case !alive(ctx, address):
		f.problem(name, "Find the other program and stop it, or change admin.address:\nss -ltnp 'sport = :"+port(address)+"'",
			"in use, and no proxy answers there; none starts like this")
	default:
		f.ok(name, "in use by a running proxy")
	}
}

// alive tells whether a proxy answers probes at an address.
func alive(ctx context.Context, address string) bool {
	url, err := admin.URL(address, "/livez")
	if err != nil {
		return false
	}
	said, err := admin.Ask(ctx, url)
	return err == nil && said == "alive"
}

// shows tells whether who listens at an address shows a certificate.
func shows(ctx context.Context, address string, certificate []byte) bool {
	if certificate == nil {
		return false
	}
	state, err := handshake(ctx, dialable(address), &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // compared here
	return err == nil && bytes.Equal(state.PeerCertificates[0].Raw, certificate)
}

// lookAtServerCertificate judges what clients are shown, and returns it.
func lookAtServerCertificate(f *findings, t *proxy.ListenTLS, now time.Time) []byte {
	const name = "listen.certificate"
	lookAtSecret(f, "listen.key", t.Key)
	if t.ClientCA != "" {
		lookAtAuthorities(f, "listen.client_ca", t.ClientCA, now)
	}
	certs, err := readCertificates(t.Cert)
	if err != nil {
		f.problem(name, "Put the certificate there, in PEM, with its intermediates behind it.", "%s", pathError(err))
		return nil
	}
	leaf := certs[0]
	state, word := judgeTime(leaf, now)
	pair, pairErr := tls.LoadX509KeyPair(t.Cert, t.Key)
	switch weak, chain := judgeStrength(leaf), judgeChain(certs); {
	case pairErr == nil && !matches(leaf, pair.PrivateKey), pairErr != nil && strings.Contains(pairErr.Error(), "does not match"):
		f.problem(name, "Put the key that belongs to "+t.Cert+" into "+t.Key+".", "the key does not belong to the certificate")
	case pairErr != nil:
		f.problem(name, "Put certificate and key there, both in PEM.", "%s", pathError(pairErr))
	case state == Problem:
		f.problem(name, renew, "%s %s", t.Cert, word)
	case len(names(leaf)) == 0:
		f.problem(name, "Have a certificate made with the proxy's host name as subject alternative name.",
			"%s is valid for no host name, so clients with verify-full refuse it", t.Cert)
	case chain != "":
		f.problem(name, "Put the certificates into "+t.Cert+" in order: the server's first, then each issuer.", "%s", chain)
	case weak != "":
		f.warning(name, "Have a certificate made with an ECDSA key (P-256) and SHA-256.", "%s %s", t.Cert, weak)
	case state == Warning:
		f.warning(name, renew, "%s %s", t.Cert, word)
	default:
		f.ok(name, "%s for %s %s", t.Cert, listed(names(leaf)), word)
	}
	return leaf.Raw
}

func port(address string) string {
	_, p, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	return p
}

// dialable turns an address to listen at into one to connect to.
func dialable(address string) string {
	host, p, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, p)
}

func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
