package probe

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math/big"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeServer answers on loopback as its script says and keeps what it was
// sent.
type fakeServer struct {
	t      *testing.T
	script serverScript
	listen net.Listener
	cert   *tls.Certificate
	wait   sync.WaitGroup

	mu struct {
		sync.Mutex
		conns    map[net.Conn]bool
		startups []map[string]string
		after    []byte // everything that followed start-up packets
	}
}

// serverScript says how a fake server behaves.
type serverScript struct {
	ssl    string   // answer to SSLRequest: "N", "S", "silence", "eof", or hex
	direct bool     // TLS from the first byte
	min    uint16   // lowest TLS version, 0 for 1.2
	max    uint16   // highest TLS version, 0 for any
	answer []string // lines sent after a start-up packet
	// by overrides answer for start-up packets that match; the first one
	// that matches counts.
	by []override
}

// override is "KEY=VALUE ..." and the lines for it. Keys are tls, user,
// database, replication; user=stranger matches the made-up name.
type override struct {
	match map[string]string
	lines []string
}

func startFake(t *testing.T, script serverScript, cert *tls.Certificate) *fakeServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeServer{t: t, script: script, listen: l, cert: cert}
	f.mu.conns = map[net.Conn]bool{}
	f.wait.Go(f.accept)
	t.Cleanup(f.stop)
	return f
}

func (f *fakeServer) stop() {
	f.listen.Close()
	f.mu.Lock()
	for c := range f.mu.conns {
		c.Close()
	}
	f.mu.Unlock()
	f.wait.Wait()
}

func (f *fakeServer) port() int { return f.listen.Addr().(*net.TCPAddr).Port }

func (f *fakeServer) accept() {
	for {
		conn, err := f.listen.Accept()
		if err != nil {
			return
		}
		f.mu.Lock()
		f.mu.conns[conn] = true
		f.mu.Unlock()
		f.wait.Go(func() {
			f.serve(conn)
			conn.Close()
		})
	}
}

// oneByteBack gives back the first byte that was looked at.
type oneByteBack struct {
	net.Conn
	first []byte
}

func (c *oneByteBack) Read(b []byte) (int, error) {
	if len(c.first) > 0 {
		n := copy(b, c.first)
		c.first = c.first[n:]
		return n, nil
	}
	return c.Conn.Read(b)
}

func (f *fakeServer) serve(conn net.Conn) {
	first := make([]byte, 1)
	if _, err := io.ReadFull(conn, first); err != nil {
		return
	}
	back := &oneByteBack{conn, first}
	if first[0] == 0x16 {
		if f.script.direct {
			f.serveTLS(back, []string{"postgresql"})
		}
		return
	}
	packet, err := readPacket(back)
	if err != nil {
		return
	}
	if binary.BigEndian.Uint32(packet) != 80877103 {
		f.answerStartup(conn, packet, "no")
		return
	}
	switch f.script.ssl {
	case "N":
		conn.Write([]byte("N"))
	case "S":
		conn.Write([]byte("S"))
		f.serveTLS(conn, nil)
		return
	case "silence":
		io.Copy(io.Discard, conn)
		return
	case "eof":
		return
	default:
		raw, _ := hex.DecodeString(f.script.ssl)
		conn.Write(raw)
	}
	io.Copy(io.Discard, conn)
}

func (f *fakeServer) serveTLS(conn net.Conn, protocols []string) {
	session := tls.Server(conn, &tls.Config{
		Certificates: []tls.Certificate{*f.cert}, NextProtos: protocols,
		MinVersion: f.script.min, MaxVersion: f.script.max,
	})
	if session.Handshake() != nil {
		return
	}
	packet, err := readPacket(session)
	if err != nil {
		return
	}
	f.answerStartup(session, packet, "yes")
}

func readPacket(r io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	body := make([]byte, binary.BigEndian.Uint32(head[:])-4)
	_, err := io.ReadFull(r, body)
	return body, err
}

func (f *fakeServer) answerStartup(conn net.Conn, packet []byte, encrypted string) {
	parts := strings.Split(string(packet[4:len(packet)-2]), "\x00")
	params := map[string]string{"tls": encrypted}
	for i := 0; i+1 < len(parts); i += 2 {
		params[parts[i]] = parts[i+1]
	}
	f.mu.Lock()
	f.mu.startups = append(f.mu.startups, params)
	f.mu.Unlock()
	lines := f.script.linesFor(params)
	var rest []byte
	if i := slices.Index(lines, "wait"); i >= 0 { // until the client has said something
		sendLines(conn, lines[:i])
		first := make([]byte, 512)
		n, _ := conn.Read(first)
		rest, lines = first[:n], lines[i+1:]
	}
	open := sendLines(conn, lines)
	if open {
		more, _ := io.ReadAll(conn)
		rest = append(rest, more...)
	}
	f.mu.Lock()
	f.mu.after = append(f.mu.after, rest...)
	f.mu.Unlock()
}

func (s serverScript) linesFor(params map[string]string) []string {
	for _, o := range s.by {
		all := true
		for key, want := range o.match {
			got := params[key]
			if strings.HasPrefix(got, strangerPrefix) {
				got = "stranger"
			}
			all = all && got == want
		}
		if all {
			return o.lines
		}
	}
	return s.answer
}

// sendLines sends messages written as text; it returns false when the
// connection is to be closed at once.
func sendLines(conn net.Conn, lines []string) bool {
	for _, line := range lines {
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "eof":
			return false
		case "flood":
			for conn.SetWriteDeadline(time.Now().Add(5*time.Second)) == nil {
				if _, err := conn.Write(message("N SNOTICE")); err != nil {
					return false
				}
			}
		case "drip":
			for {
				time.Sleep(50 * time.Millisecond)
				if _, err := conn.Write([]byte{'N'}); err != nil {
					return false
				}
			}
		case "silence":
		case "hex":
			raw, err := hex.DecodeString(strings.ReplaceAll(rest, " ", ""))
			if err != nil {
				panic(err)
			}
			conn.Write(raw)
		default:
			conn.Write(message(line))
		}
	}
	return true
}

// message encodes one line: "R CODE [HEX or mechanism...]", "E CODE
// [routine=NAME] TEXT", "S NAME VALUE", "Z", "K", "v", "N TEXT".
func message(line string) []byte {
	words := strings.Fields(line)
	var body []byte
	switch words[0] {
	case "R":
		body = authRequest(words[1:])
	case "E":
		words = words[1:]
		if words[0] != "-" {
			body = append(body, "C"+words[0]+"\x00"...)
		}
		words = words[1:]
		if name, found := strings.CutPrefix(words[0], "routine="); found {
			body = append(body, "R"+name+"\x00"...)
			words = words[1:]
		}
		body = append(body, "SFATAL\x00M"+strings.Join(words, " ")+"\x00\x00"...)
	case "S":
		body = []byte(words[1] + "\x00" + words[2] + "\x00")
	case "Z":
		body = []byte("I")
	case "K":
		body = make([]byte, 8)
	case "v":
		body = make([]byte, 8)
	case "N":
		body = append([]byte("M"+strings.Join(words[1:], " ")), 0, 0)
	default:
		panic(fmt.Sprintf("no such message: %q", line))
	}
	return frame(line[0], body)
}

func frame(kind byte, body []byte) []byte {
	out := binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(body)+4))
	return append(out, body...)
}

func authRequest(words []string) []byte {
	code, err := strconv.Atoi(words[0])
	if err != nil {
		panic(err)
	}
	body := binary.BigEndian.AppendUint32(nil, uint32(code))
	switch code {
	case authSASL:
		for _, name := range words[1:] {
			body = append(append(body, name...), 0)
		}
		body = append(body, 0)
	case authMD5:
		body = append(body, 1, 2, 3, 4)
	case authSASLContinue:
		body = append(body, words[1]...)
	}
	return body
}

// issuer is a certificate authority for tests.
type issuer struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newIssuer(t *testing.T, name string) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &issuer{cert, key}
}

func (i *issuer) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(i.cert)
	return pool
}

// issue signs a server certificate for localhost that ends at notAfter.
func (i *issuer) issue(t *testing.T, notAfter time.Time) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "db"}, DNSNames: []string{"localhost"},
		NotBefore: notAfter.Add(-2 * time.Hour), NotAfter: notAfter,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, i.cert, key.Public(), i.key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
