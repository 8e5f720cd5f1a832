package wire

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"io"
	"math/big"
	"net"
	"testing"
	"testing/iotest"
	"time"
)

func packet(code uint32, body string) []byte {
	out := binary.BigEndian.AppendUint32(nil, uint32(8+len(body)))
	return append(binary.BigEndian.AppendUint32(out, code), body...)
}

// TestOpeningTakesNotAByteMore: what follows a packet of the start-up phase is
// left in the socket, where a TLS handshake will look for it.
func TestOpeningTakesNotAByteMore(t *testing.T) {
	for _, p := range [][]byte{
		packet(3<<16, "user\x00alice\x00\x00"), packet(CodeSSLRequest, ""), packet(CodeGSSRequest, ""),
		packet(CodeCancel, "\x00\x00\x00\x01abcd"), packet(3<<16, string(make([]byte, MaxStartup-8))),
	} {
		for name, deliver := range deliveries {
			rest := bytes.NewReader(append(append([]byte{}, p...), "what follows"...))
			c := reading(deliver(rest))
			o, err := c.ReadOpening()
			if err != nil || o.DirectTLS || o.Code != binary.BigEndian.Uint32(p[4:]) || !bytes.Equal(o.Body, p[8:]) {
				t.Errorf("%s, %.20q: %+v, %v", name, p, o, err)
			}
			if name == "at once" && rest.Len() != len("what follows") {
				t.Errorf("%.20q: %d bytes left behind it", p, rest.Len())
			}
			if c.Buffered() != 0 {
				t.Errorf("%.20q: %d bytes read ahead", p, c.Buffered())
			}
		}
	}
}

func TestOpeningsThatAreNone(t *testing.T) {
	for _, stream := range []string{
		"\x00\x00\x00\x00\x00\x03\x00\x00", "\x00\x00\x00\x07\x00\x03\x00\x00", "\x7f\xff\xff\xff\x00\x03\x00\x00",
		"\x00\x01\x00\x00\x00\x03\x00\x00", "GET / HTTP/1.1\r\n", "Q\x00\x00\x00\x0dSELECT 1\x00",
	} {
		if _, err := reading(bytes.NewReader([]byte(stream))).ReadOpening(); !errors.Is(err, ErrProtocol) {
			t.Errorf("%q: %v", stream, err)
		}
	}
}

func TestOpeningCutAnywhere(t *testing.T) {
	whole := packet(3<<16, "user\x00alice\x00\x00")
	for n := range whole {
		_, err := reading(iotest.HalfReader(bytes.NewReader(whole[:n]))).ReadOpening()
		want := io.ErrUnexpectedEOF
		if n == 0 {
			want = io.EOF
		}
		var side *SideError
		if !errors.Is(err, want) || !errors.As(err, &side) || side.Side != Client {
			t.Errorf("cut after %d bytes: %v", n, err)
		}
	}
}

func TestReadAheadBelongsToTheMessages(t *testing.T) {
	stream := append(packet(3<<16, "\x00"), message('Q', []byte("x\x00"))...)
	c := reading(bytes.NewReader(stream))
	if _, err := c.ReadOpening(); err != nil {
		t.Fatal(err)
	}
	if h, err := c.Next(); err != nil || h.Type != 'Q' {
		t.Errorf("%v, %v", h, err)
	}
}

// pair is two ends of a TCP connection on loopback.
func pair(t *testing.T) (server, client net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if client, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close(); client.Close() })
	return server, client
}

func serverTLS(t *testing.T) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}
}

// TestTLSInBothManners: after an SSLRequest, and from the first byte.
func TestTLSInBothManners(t *testing.T) {
	config := serverTLS(t)
	for _, direct := range []bool{false, true} {
		server, client := pair(t)
		said := make(chan error, 1)
		go func() { said <- speakTLS(client, direct) }()
		c := NewConn(server, Client)
		o, err := c.ReadOpening()
		if err != nil || o.DirectTLS != direct {
			t.Fatalf("direct %v: %+v, %v", direct, o, err)
		}
		if !direct {
			if err := c.WriteByte('S'); err != nil {
				t.Fatal(err)
			}
		}
		state, err := c.StartTLS(t.Context(), config)
		if err != nil || !state.HandshakeComplete {
			t.Fatalf("direct %v: %v", direct, err)
		}
		if o, err = c.ReadOpening(); err != nil || o.Code != 3<<16 {
			t.Errorf("direct %v: after the handshake: %+v, %v", direct, o, err)
		}
		if h, err := c.Next(); err != nil || h.Type != 'X' {
			t.Errorf("direct %v: first message: %v, %v", direct, h, err)
		}
		if err := <-said; err != nil {
			t.Errorf("direct %v: client: %v", direct, err)
		}
	}
}

func speakTLS(client net.Conn, direct bool) error {
	if !direct {
		if _, err := client.Write(packet(CodeSSLRequest, "")); err != nil {
			return err
		}
		answer := make([]byte, 1)
		if _, err := io.ReadFull(client, answer); err != nil || answer[0] != 'S' {
			return errors.Join(err, errors.New("SSLRequest was not answered S"))
		}
	}
	secure := tls.Client(client, &tls.Config{InsecureSkipVerify: true})
	if err := secure.Handshake(); err != nil {
		return err
	}
	_, err := secure.Write(append(packet(3<<16, "\x00"), message('X', nil)...))
	return err
}

// TestEarlyBytesAreSeen: bytes behind an SSLRequest, in the same packet or a
// moment later, are noticed before the answer.
func TestEarlyBytesAreSeen(t *testing.T) {
	server, client := pair(t)
	c := NewConn(server, Client)
	if _, err := client.Write(packet(CodeSSLRequest, "")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ReadOpening(); err != nil {
		t.Fatal(err)
	}
	if c.EarlyBytes() {
		t.Error("a client that waits for its answer has sent nothing")
	}
	if _, err := client.Write([]byte{0}); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(5 * time.Second)
	for !c.EarlyBytes() {
		if time.Now().After(deadline) {
			t.Fatal("a byte that was sent early was not seen")
		}
		time.Sleep(time.Millisecond)
	}
	// Looking does not consume.
	var b [1]byte
	if n, err := server.Read(b[:]); n != 1 || err != nil {
		t.Errorf("the byte is gone: %d, %v", n, err)
	}
}

func TestEarlyBytesOfAClosedSocket(t *testing.T) {
	server, client := pair(t)
	client.Close()
	server.Close()
	if NewConn(server, Client).EarlyBytes() {
		t.Error("a closed socket has no bytes")
	}
}

// TestTLSRefusesWhatCameBefore: bytes in the buffer were never encrypted.
func TestTLSRefusesWhatCameBefore(t *testing.T) {
	server, _ := pair(t)
	c := NewConnBuffered(server, Client, []byte("x"))
	if !c.EarlyBytes() {
		t.Error("buffered bytes are not seen")
	}
	if _, err := c.StartTLS(context.Background(), serverTLS(t)); !errors.Is(err, ErrEarlyBytes) || !errors.Is(err, ErrProtocol) {
		t.Errorf("StartTLS: %v", err)
	}
}

// TestHandshakeFails: what is no TLS is an error of the client's side, and a
// client that says nothing is bounded by the context.
func TestHandshakeFails(t *testing.T) {
	server, client := pair(t)
	if _, err := client.Write([]byte("\x16this is no TLS at all")); err != nil {
		t.Fatal(err)
	}
	c := NewConn(server, Client)
	if o, err := c.ReadOpening(); err != nil || !o.DirectTLS {
		t.Fatalf("%+v, %v", o, err)
	}
	var side *SideError
	if _, err := c.StartTLS(t.Context(), serverTLS(t)); !errors.As(err, &side) || side.Side != Client {
		t.Errorf("no TLS: %v", err)
	}
	silent, _ := pair(t)
	ctx, done := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer done()
	if _, err := NewConn(silent, Client).StartTLS(ctx, serverTLS(t)); err == nil {
		t.Error("a silent client made a handshake")
	}
}

// FuzzReadOpening: never a panic, never more consumed than the packet says.
func FuzzReadOpening(f *testing.F) {
	f.Add(packet(3<<16, "user\x00a\x00\x00"))
	f.Add(packet(CodeCancel, "\x00\x00\x00\x01abcd"))
	f.Add([]byte{0x16, 3, 1})
	f.Add([]byte("\x00\x00\x27\x10\x00\x03\x00\x00"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		r := bytes.NewReader(stream)
		o, err := reading(r).ReadOpening()
		if err != nil {
			return
		}
		used := len(stream) - r.Len()
		if o.DirectTLS {
			if used != 1 || stream[0] != 0x16 {
				t.Errorf("%d bytes used of a handshake", used)
			}
			return
		}
		if want := int(binary.BigEndian.Uint32(stream)); used != want || len(o.Body) != want-8 {
			t.Errorf("%d bytes used, the packet has %d", used, want)
		}
	})
}
