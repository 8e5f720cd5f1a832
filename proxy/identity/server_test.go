package identity

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	testUser     = "alice"
	testPassword = "correct horse"
)

// testVerifiers opens a fresh file that holds testUser alone.
func testVerifiers(t testing.TB) *Verifiers {
	t.Helper()
	path := filepath.Join(t.TempDir(), "users")
	if err := AddUser(path, testUser, []byte(testPassword), MinIterations); err != nil {
		t.Fatal(err)
	}
	v, err := OpenVerifiers(path)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// connPeer is a Peer on a plain connection.
type connPeer struct{ conn net.Conn }

func (p connPeer) SendAuth(msg pgproto3.BackendMessage) error {
	data, err := msg.Encode(nil)
	if err != nil {
		return err
	}
	_, err = p.conn.Write(data)
	return err
}

func (p connPeer) ReceiveAuth() ([]byte, error) {
	var header [5]byte
	if _, err := io.ReadFull(p.conn, header[:]); err != nil {
		return nil, err
	}
	body := make([]byte, min(binary.BigEndian.Uint32(header[1:])-4, 1<<20))
	_, err := io.ReadFull(p.conn, body)
	return body, err
}

// loginServer accepts connections on the loopback, logs each client in and
// then waits for it to leave. It stands where the proxy will.
type loginServer struct {
	listener net.Listener
	tls      *tls.Config
	login    func(peer Peer, user string, transport Transport, state *tls.ConnectionState) (Identity, error)
	results  chan loginResult
}

type loginResult struct {
	identity Identity
	err      error
}

func startLoginServer(t *testing.T, v *Verifiers, config *tls.Config) *loginServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &loginServer{
		listener: listener,
		tls:      config,
		results:  make(chan loginResult, 100),
		login: func(peer Peer, user string, transport Transport, _ *tls.ConnectionState) (Identity, error) {
			return SCRAM(peer, user, v, transport)
		},
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.serve(conn)
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	return s
}

func (s *loginServer) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	packet, err := readStartup(conn)
	if err != nil {
		return
	}
	var transport Transport
	var state *tls.ConnectionState
	if _, ok := packet.(*pgproto3.SSLRequest); ok && s.tls != nil {
		if _, err := conn.Write([]byte("S")); err != nil {
			return
		}
		config, presented, err := NotePresented(s.tls)
		if err != nil {
			return
		}
		secure := tls.Server(conn, config)
		if secure.Handshake() != nil {
			return
		}
		conn = secure
		have := secure.ConnectionState()
		state = &have
		transport = Transport{TLS: true, ServerCertificate: presented.Certificate()}
		if packet, err = readStartup(conn); err != nil {
			return
		}
	}
	startup, ok := packet.(*pgproto3.StartupMessage)
	if !ok {
		return
	}
	peer := connPeer{conn}
	identity, err := s.login(peer, startup.Parameters["user"], transport, state)
	s.results <- loginResult{identity, err}
	if err != nil {
		if failure, ok := err.(*Failure); ok {
			_ = peer.SendAuth(&pgproto3.ErrorResponse{Severity: "FATAL", Code: failure.Code, Message: failure.Message, Hint: failure.Hint})
		}
		return
	}
	_ = peer.SendAuth(&pgproto3.AuthenticationOk{})
	_ = peer.SendAuth(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	_, _ = io.Copy(io.Discard, conn)
}

func readStartup(conn net.Conn) (pgproto3.FrontendMessage, error) {
	var header [4]byte
	if _, err := io.ReadFull(conn, header[:]); err != nil {
		return nil, err
	}
	body := make([]byte, min(binary.BigEndian.Uint32(header[:])-4, 10_000))
	if _, err := io.ReadFull(conn, body); err != nil {
		return nil, err
	}
	if binary.BigEndian.Uint32(body) == 80877103 {
		return &pgproto3.SSLRequest{}, nil
	}
	startup := &pgproto3.StartupMessage{}
	return startup, startup.Decode(body)
}

// authority signs certificates for one test.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  any
	pool *x509.CertPool
}

// signingKey makes a key of a kind: rsa, ecdsa or ed25519.
func signingKey(t *testing.T, kind string) (public, private any) {
	t.Helper()
	switch kind {
	case "rsa":
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		return &key.PublicKey, key
	case "ecdsa":
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return &key.PublicKey, key
	case "ed25519":
		public, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return public, private
	}
	t.Fatalf("unknown key kind %q", kind)
	return nil, nil
}

func newAuthority(t *testing.T, kind string) *authority {
	t.Helper()
	public, private := signingKey(t, kind)
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "test authority"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &authority{t: t, cert: cert, key: private, pool: pool}
}

// issue signs a certificate for the subject; algorithm 0 leaves the choice to
// the key.
func (a *authority) issue(subject pkix.Name, algorithm x509.SignatureAlgorithm) tls.Certificate {
	a.t.Helper()
	public, private := signingKey(a.t, "ecdsa")
	template := &x509.Certificate{
		SerialNumber:       big.NewInt(time.Now().UnixNano()),
		Subject:            subject,
		DNSNames:           []string{"localhost"},
		NotBefore:          time.Now().Add(-time.Hour),
		NotAfter:           time.Now().Add(time.Hour),
		KeyUsage:           x509.KeyUsageDigitalSignature,
		ExtKeyUsage:        []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		SignatureAlgorithm: algorithm,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, public, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private, Leaf: leaf}
}

func writeFile(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}
