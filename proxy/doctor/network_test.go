package doctor

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/audit"
	"github.com/sluice-pg/sluice/examples/demo/pgserver"
	"github.com/sluice-pg/sluice/proxy"
)

func authority(t *testing.T) *pgserver.Authority {
	t.Helper()
	a, err := pgserver.NewAuthority(t.TempDir(), "an authority of this test")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// answering is a server that reads an SSLRequest and answers with a text; if
// it is "S" and there is a certificate, a handshake follows.
func answering(t *testing.T, answer string, certificate *tls.Certificate) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { ln.Close(); <-done })
	go func() {
		defer close(done)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			serveOnce(conn, answer, certificate)
		}
	}()
	return ln.Addr().String()
}

func serveOnce(conn net.Conn, answer string, certificate *tls.Certificate) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.ReadFull(conn, make([]byte, 8)); err != nil {
		return
	}
	if _, err := io.WriteString(conn, answer); err != nil || certificate == nil {
		return
	}
	server := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{*certificate}})
	if server.Handshake() == nil {
		_, _ = io.Copy(io.Discard, server)
	}
}

func upstreamAt(t *testing.T, address, ca, name string) proxy.Upstream {
	t.Helper()
	a, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return proxy.Upstream{Host: a.IP.String(), Port: a.Port, TLS: proxy.UpstreamTLS{Mode: "verify-full", CA: ca, ServerName: name}}
}

func TestUpstream(t *testing.T) {
	a := authority(t)
	cert, key, err := a.Issue("server", "server", "db.example.net")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	good := answering(t, "S", &pair)
	now := time.Now()
	for what, c := range map[string]struct {
		upstream proxy.Upstream
		now      time.Time
		state    State
		evidence string
	}{
		"in order":             {upstreamAt(t, good, a.CertFile(), "db.example.net"), now, OK, "TLS 1.3"},
		"another name":         {upstreamAt(t, good, a.CertFile(), "other.example.net"), now, Problem, "is valid for db.example.net"},
		"another authority":    {upstreamAt(t, good, authority(t).CertFile(), "db.example.net"), now, Problem, "unknown authority"},
		"the system's":         {upstreamAt(t, good, "", "db.example.net"), now, Problem, "unknown authority"},
		"soon over":            {upstreamAt(t, good, a.CertFile(), "db.example.net"), now.Add(40 * time.Hour), Warning, "ends in 7 hours"},
		"over":                 {upstreamAt(t, good, a.CertFile(), "db.example.net"), now.Add(60 * time.Hour), Problem, "expired"},
		"no TLS":               {upstreamAt(t, answering(t, "N", nil), a.CertFile(), "x"), now, Problem, "offers no TLS"},
		"no PostgreSQL":        {upstreamAt(t, answering(t, "HTTP/1.1", nil), a.CertFile(), "x"), now, Problem, "is no PostgreSQL server"},
		"nobody":               {upstreamAt(t, "127.0.0.1:1", a.CertFile(), "x"), now, Problem, "refused"},
		"it closes":            {upstreamAt(t, answering(t, "", nil), a.CertFile(), "x"), now, Problem, "ask"},
		"no authority's file":  {upstreamAt(t, good, "none.pem", "x"), now, Problem, "none.pem"},
		"plaintext, local":     {proxy.Upstream{Host: "127.0.0.1", Port: upstreamAt(t, good, "", "").Port, TLS: proxy.UpstreamTLS{Mode: "disable"}}, now, OK, "this machine only"},
		"plaintext, elsewhere": {proxy.Upstream{Host: "203.0.113.9", Port: 5432, TLS: proxy.UpstreamTLS{Mode: "disable"}}, now, Problem, "without TLS at 203.0.113.9"},
	} {
		f := &findings{}
		lookAtUpstream(t.Context(), f, c.upstream, c.now)
		got := f.checks[len(f.checks)-1]
		if c.now.After(now.Add(48 * time.Hour)) { // the authority has ended too, and is named first
			want(t, what, f.checks[0], Problem, "ended")
		}
		want(t, what, got, c.state, c.evidence)
	}
}

// A server that says nothing ends with the context.
func TestUpstreamThatIsSilent(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	got := only(t, func(f *findings) { lookAtUpstream(ctx, f, upstreamAt(t, ln.Addr().String(), "", "x"), time.Now()) })
	want(t, "silent", got, Problem, "ask")
}

// The address is in use: by us, by us with another certificate, by others.
func TestListener(t *testing.T) {
	a := authority(t)
	var pairs []tls.Certificate
	for _, base := range []string{"old", "new"} {
		cert, key, err := a.Issue(base, base, "localhost")
		if err != nil {
			t.Fatal(err)
		}
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			t.Fatal(err)
		}
		pairs = append(pairs, pair)
	}
	address := answering(t, "S", &pairs[0])
	dir := filepath.Join(t.TempDir(), "trail")
	look := func(address string, certificate []byte) Check {
		return only(t, func(f *findings) { lookAtAddress(t.Context(), f, address, dir, certificate) })
	}
	want(t, "no trail", look(address, nil), Problem, "another program")
	key, err := audit.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	trail, err := audit.Open(dir, audit.Options{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	want(t, "without TLS", look(address, nil), OK, "while a proxy writes the trail")
	want(t, "the same certificate", look(address, pairs[0].Certificate[0]), OK, "shows the certificate of the file")
	want(t, "another certificate", look(address, pairs[1].Certificate[0]), Warning, "another certificate than the file")
	want(t, "no TLS", look(answering(t, "N", nil), pairs[1].Certificate[0]), Problem, "does not do TLS")
	if err := trail.Close(); err != nil {
		t.Fatal(err)
	}
	want(t, "the trail is closed", look(address, nil), Problem, "another program")
	want(t, "the trail of ours is closed", look(address, pairs[0].Certificate[0]), Problem, "whose trail broke")
	want(t, "the trail of another is closed", look(address, pairs[1].Certificate[0]), Problem, "another program")
	want(t, "not ours", look("203.0.113.9:1", nil), Problem, "does not have the address")
	want(t, "free", look("127.0.0.1:0", nil), OK, "free")
}

// The port for probes is free, ours, or another's.
func TestAdminPort(t *testing.T) {
	for said, state := range map[string]State{"alive\n": OK, "hello\n": Problem} {
		other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(said)) }))
		address := other.Listener.Addr().String()
		want(t, said, only(t, func(f *findings) { lookAtAdmin(t.Context(), f, address) }), state, "in use")
		other.Close()
	}
	want(t, "free", only(t, func(f *findings) { lookAtAdmin(t.Context(), f, "127.0.0.1:0") }), OK, "free")
	want(t, "not ours", only(t, func(f *findings) { lookAtAdmin(t.Context(), f, "203.0.113.9:1") }), Problem, "")
}

func TestCertificates(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		from, to time.Duration
		state    State
	}{
		{-time.Hour, 300 * 24 * time.Hour, OK},
		{-time.Hour, 29 * 24 * time.Hour, OK},
		{-300 * 24 * time.Hour, 29 * 24 * time.Hour, Warning},
		{-90 * 24 * time.Hour, time.Minute, Warning},
		{-48 * time.Hour, -time.Minute, Problem},
		{time.Minute, time.Hour, Problem},
	} {
		if s, word := judgeTime(&x509.Certificate{NotBefore: now.Add(c.from), NotAfter: now.Add(c.to)}, now); s != c.state {
			t.Errorf("from %s to %s: %s %s", c.from, c.to, s, word)
		}
	}
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for weak, cert := range map[string]*x509.Certificate{
		"1024 bits": {PublicKey: small.Public()},
		"P-224":     {PublicKey: curve.Public()},
		"forged":    {SignatureAlgorithm: x509.SHA1WithRSA},
		"binding":   {SignatureAlgorithm: x509.PureEd25519},
	} {
		if got := judgeStrength(cert); !strings.Contains(got, weak) {
			t.Errorf("%q is not about %s", got, weak)
		}
	}
}

// A file with the certificates in the wrong order is found.
func TestChain(t *testing.T) {
	a := authority(t)
	cert, _, err := a.Issue("server", "server", "localhost")
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.ReadFile(a.CertFile())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "chain.pem")
	for text, good := range map[string]bool{string(leaf) + string(root): true, string(root) + string(leaf): false, string(leaf): true} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		certs, err := readCertificates(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := judgeChain(certs); (got == "") != good {
			t.Errorf("chain: %q", got)
		}
	}
}

func TestAuthorities(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a leaf"}, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "leaf.pem")
	writePEM(t, path, der)
	look := func(path string) Check {
		return only(t, func(f *findings) { lookAtAuthorities(f, "ca", path, time.Now()) })
	}
	want(t, "a leaf", look(path), Warning, "a leaf is no authority")
	want(t, "an authority", look(authority(t).CertFile()), OK, "1 certificate")
	want(t, "not there", look("none.pem"), Problem, "none.pem")
}
