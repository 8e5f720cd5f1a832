package probe

import (
	"bytes"
	"context"
	"io"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"
)

// scramBegins is the first message of SCRAM without a name and channel binding.
var (
	scramFirst  = regexp.MustCompile(`^(?s:p....SCRAM-SHA-256\x00....n,,n=,r=[A-Z2-7]{26})`)
	scramBegins = regexp.MustCompile(scramFirst.String() + `$`)
)

// cannedConn is a connection whose other end says what was prepared and
// keeps what it is told.
type cannedConn struct {
	in io.Reader

	mu   sync.Mutex
	sent []byte
}

func (c *cannedConn) Read(b []byte) (int, error) { return c.in.Read(b) }
func (c *cannedConn) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent = append(c.sent, b...)
	return len(b), nil
}
func (*cannedConn) Close() error                     { return nil }
func (*cannedConn) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (*cannedConn) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (*cannedConn) SetDeadline(time.Time) error      { return nil }
func (*cannedConn) SetReadDeadline(time.Time) error  { return nil }
func (*cannedConn) SetWriteDeadline(time.Time) error { return nil }

// FuzzProbeServer plays every connection's server side from the fuzzer's
// bytes. Whatever they are, the probe ends, says only what a stranger says,
// keeps only printable text, and never mistakes nonsense for a strong door.
func FuzzProbeServer(f *testing.F) {
	lines := func(ssl string, lines ...string) []byte {
		out := []byte(ssl)
		for _, line := range lines {
			out = append(out, message(line)...)
		}
		return out
	}
	f.Add([]byte{})
	f.Add([]byte("S\x15\x03\x01\x00\x02\x02\x28"))
	f.Add(lines("", "R 0", "S is_superuser on", "K", "Z"))
	f.Add(lines("N", "R 10 SCRAM-SHA-256"))
	f.Add(lines("", "R 10 SCRAM-SHA-256 SCRAM-SHA-256-PLUS"))
	f.Add(lines("", "N hello", "v", "R 5"))
	f.Add(lines("", "E 28000 no pg_hba.conf entry for host"))
	f.Add(lines("", "E 28000 routine=auth_failed Ident failed"))
	f.Add([]byte{'R', 0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{'E', 0, 0, 0, 4})
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, whole := range []bool{false, true} {
			knockAtCanned(t, data, whole)
		}
	})
}

// knockAtCanned measures a server that says the same bytes on every connection.
func knockAtCanned(t *testing.T, data []byte, whole bool) {
	var mu sync.Mutex
	var conns []*cannedConn
	p := Outside(t.Context(), Target{Name: "x", Host: "192.0.2.1", Port: 5432, Users: []string{"app"}}, Options{
		Whole: whole,
		Dial: func(context.Context, string, string) (net.Conn, error) {
			c := &cannedConn{in: bytes.NewReader(data)}
			mu.Lock()
			defer mu.Unlock()
			conns = append(conns, c)
			return c, nil
		},
	})
	for _, c := range conns {
		checkSaid(t, c.sent, whole)
	}
	if p.Sentence() == "" || (p.Problem == "" && len(p.Findings) == 0) {
		t.Errorf("no TLS, and yet no finding: %+v", p)
	}
	for _, a := range p.Attempts {
		if !utf8.ValidString(a.Evidence) || strings.ContainsAny(a.Evidence, "\n\r\x00\x1b") {
			t.Errorf("evidence %q", a.Evidence)
		}
		if a.Answer == AnswerUnknown && a.Strength != StrengthUnknown {
			t.Errorf("an unknown answer has strength %d", a.Strength)
		}
		if a.Iterations < 0 || a.Iterations > 0 && !whole {
			t.Errorf("%d iterations", a.Iterations)
		}
	}
	if facts := p.Facts(); len(facts.Knocks) != len(p.Attempts) || (p.Problem != "") != (len(facts.Problems) > 0) {
		t.Errorf("facts of %+v: %+v", p, facts)
	}
}

// checkSaid allows an SSLRequest, a ClientHello, or one start-up packet with
// at most a Terminate behind it; with the whole matrix, also the first message
// of SCRAM, which holds a random number and no more.
func checkSaid(t *testing.T, sent []byte, whole bool) {
	switch {
	case len(sent) == 0, bytes.HasPrefix(sent, requestSSL), sent[0] == 0x16:
		return
	}
	packet, err := readPacket(bytes.NewReader(sent))
	newest := whole && bytes.HasPrefix(packet, []byte{0, 3, minorNobodyHas >> 8, minorNobodyHas & 0xff})
	if err != nil || !bytes.HasPrefix(packet, []byte{0, 3, 0, 0}) && !newest {
		t.Fatalf("the probe sent %q", sent)
	}
	rest := sent[len(packet)+4:]
	if whole && scramBegins.Match(rest) {
		return
	}
	if len(rest) > 0 && !bytes.Equal(rest, terminate) {
		t.Fatalf("after start-up the probe sent %q", rest)
	}
}
