package login

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/proxy/proxytest"
)

// opened is a raw client that has sent its start-up packet, and how Sluice
// asked for its login.
func (s *scene) opened(t *testing.T, user string, secure bool) (*proxytest.RawClient, proxytest.Frame) {
	t.Helper()
	target := s.gate.Target()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(target.Port)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := proxytest.NewRawClient(conn)
	if secure {
		pem, err := os.ReadFile(target.CAFile)
		if err != nil {
			t.Fatal(err)
		}
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(pem)
		if err := c.RequestTLS(t.Context(), &tls.Config{RootCAs: pool, ServerName: "localhost"}); err != nil {
			t.Fatal(err)
		}
	}
	packet := proxytest.StartupPacket(proxytest.Protocol30, proxytest.Parameter{Name: "user", Value: user}, proxytest.Parameter{Name: "database", Value: "shop"})
	if err := c.Send(packet); err != nil {
		t.Fatal(err)
	}
	asked, err := c.Receive()
	if err != nil || asked.Type != 'R' {
		t.Fatalf("%q, %v", asked, err)
	}
	return c, asked
}

// How much a stranger may send depends on the method, and without TLS nobody is
// asked for a token.
func TestLoginMessagesOnTheWire(t *testing.T) {
	s := start(t, "", harness.AllowAll, rule("[anna]", "jwt", ""), rule("[ben]", "oauthbearer", ""))
	s.idp.note(s.idp.token(t, "alice"))
	const password, sasl = "\x00\x00\x00\x03", "\x00\x00\x00\x0a"
	for _, c := range []struct {
		user   string
		secure bool
		asked  string
		bytes  int
		says   string
	}{
		{"anna", true, password, 1500, "password authentication failed"},
		{"anna", true, password, 16 << 10, "password authentication failed"},
		{"anna", true, password, 17 << 10, "longer than this login method takes"},
		{"ben", true, sasl + "OAUTHBEARER\x00\x00", 1500, "OAuth bearer authentication failed"},
		{"ben", true, sasl + "OAUTHBEARER\x00\x00", 17 << 10, "longer than this login method takes"},
		{"carl", true, sasl + "SCRAM-SHA-256-PLUS\x00SCRAM-SHA-256\x00\x00", 1500, "longer than this login method takes"},
		{"anna", false, sasl + "SCRAM-SHA-256\x00\x00", 1500, "longer than this login method takes"},
	} {
		client, asked := s.opened(t, c.user, c.secure)
		if string(asked.Body) != c.asked {
			t.Errorf("%s: asked %q, want %q", c.user, asked.Body, c.asked)
		}
		if err := client.SendFrames(proxytest.Frame{Type: 'p', Body: bytes.Repeat([]byte{'x'}, c.bytes)}); err != nil {
			t.Fatal(err)
		}
		answer, err := client.Receive()
		if err != nil || answer.Type != 'E' || !strings.Contains(string(answer.Body), c.says) {
			t.Errorf("%s, %d bytes: %q, %v", c.user, c.bytes, answer.Body, err)
		}
	}
}

// The round in which a client learns where to get a token, byte by byte (RFC
// 7628 section 3.2.2, and the protocol's section "SASL Authentication").
func TestDiscoveryOnTheWire(t *testing.T) {
	s := start(t, "", harness.AllowAll, rule("[all]", "oauthbearer", ""))
	s.idp.note(s.idp.token(t, "alice"))
	client, _ := s.opened(t, "alice", true)
	const first = "n,,\x01auth=\x01\x01"
	body := binary.BigEndian.AppendUint32([]byte("OAUTHBEARER\x00"), uint32(len(first)))
	if err := client.SendFrames(proxytest.Frame{Type: 'p', Body: append(body, first...)}); err != nil {
		t.Fatal(err)
	}
	challenge, err := client.Receive()
	want := "\x00\x00\x00\x0b" + `{"status":"invalid_token","scope":"openid","openid-configuration":"` + s.idp.issuer + `/.well-known/openid-configuration"}`
	if err != nil || challenge.Type != 'R' || string(challenge.Body) != want {
		t.Errorf("%q, %v, want %q", challenge.Body, err, want)
	}
	if err := client.SendFrames(proxytest.Frame{Type: 'p', Body: []byte{1}}); err != nil {
		t.Fatal(err)
	}
	end, err := client.Receive()
	if err != nil || end.Type != 'E' || !strings.Contains(string(end.Body), "SFATAL\x00") || !strings.Contains(string(end.Body), "C28000\x00") {
		t.Errorf("%q, %v", end.Body, err)
	}
	if more, err := client.Receive(); !proxytest.Closed(err) {
		t.Errorf("after the end: %q, %v", more, err)
	}
}

// Guesses on many connections at once are counted like others: what counts is
// when a password comes, not when its connection began.
func TestGuessesAtOnce(t *testing.T) {
	s := start(t, "", harness.AllowAll, rule("[anna]", "jwt", ""))
	s.idp.note(s.idp.token(t, "alice"))
	var clients []*proxytest.RawClient
	for range 30 {
		client, _ := s.opened(t, "anna", true)
		clients = append(clients, client)
	}
	tried := 0
	for i, client := range clients {
		if err := client.SendFrames(proxytest.Frame{Type: 'p', Body: []byte("guess\x00")}); err != nil {
			t.Fatal(err)
		}
		answer, err := client.Receive()
		if err != nil || answer.Type != 'E' {
			t.Fatalf("%d: %q, %v", i, answer.Body, err)
		}
		switch text := string(answer.Body); {
		case strings.Contains(text, "password authentication failed"):
			tried++
		case !strings.Contains(text, "too many failed logins"):
			t.Errorf("%d: %q", i, text)
		}
	}
	// Three are free, one more begins the first wait, and a slow machine may see
	// its second end.
	if tried < 4 || tried > 6 {
		t.Errorf("%d of %d guesses were tried", tried, len(clients))
	}
}
