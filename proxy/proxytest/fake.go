package proxytest

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"

	"github.com/xdg-go/scram"
)

// FakeConfig is how a fake server behaves. The zero value lets everybody in
// without TLS and answers every statement with "SELECT 0".
type FakeConfig struct {
	// TLS answers SSLRequest with S; nil answers N.
	TLS *tls.Config
	// Password asks for SCRAM-SHA-256, with channel binding offered on TLS;
	// empty asks for nothing.
	Password string
	// Parameters are reported at login. Nil reports what a proxy looks for:
	// versions, encodings, standard_conforming_strings.
	Parameters []Parameter
	// OnStartup are steps after a start-up packet, before authentication.
	OnStartup []Step
	// OnLogin are steps after AuthenticationOk, before BackendKeyData.
	OnLogin []Step
	// Answer gives the steps that answer a statement, up to ReadyForQuery
	// which the fake adds. Nil, or steps that are nil, give the usual answer.
	Answer func(sql string) []Step
}

// Fake is a PostgreSQL server in this process that can do what a real one
// never does. It remembers everything it was sent.
type Fake struct {
	config   FakeConfig
	verifier scram.StoredCredentials
	listener net.Listener
	wg       sync.WaitGroup

	mu       sync.Mutex
	open     map[net.Conn]bool
	received []Frame
	startups [][]Parameter
	cancels  []Cancel
	nextPID  uint32
}

// Cancel is a CancelRequest that arrived.
type Cancel struct {
	PID uint32
	Key string
}

// StartFake starts a fake on a free port of loopback. It ends with the test.
func StartFake(t testing.TB, c FakeConfig) *Fake {
	t.Helper()
	f := &Fake{config: c, open: map[net.Conn]bool{}, nextPID: 1000}
	if c.Parameters == nil {
		f.config.Parameters = usualParameters
	}
	if c.Password != "" {
		var err error
		if f.verifier, err = storedCredentials(c.Password); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if f.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	f.wg.Add(1)
	go f.accept()
	t.Cleanup(f.close)
	return f
}

var usualParameters = []Parameter{
	{"server_version", "15.18"},
	{"server_encoding", "UTF8"},
	{"client_encoding", "UTF8"},
	{"standard_conforming_strings", "on"},
	{"integer_datetimes", "on"},
	{"DateStyle", "ISO, MDY"},
	{"is_superuser", "off"},
}

// Addr is where the fake listens.
func (f *Fake) Addr() string { return f.listener.Addr().String() }

// Received returns every message of every session after its login, in the
// order of their arrival.
func (f *Fake) Received() []Frame {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Frame(nil), f.received...)
}

// Texts returns the SQL of every Query and Parse received.
func (f *Fake) Texts() []string {
	var all []string
	for _, m := range f.Received() {
		d := &decoder{rest: m.Body}
		switch m.Type {
		case 'P':
			d.cstring()
			all = append(all, d.cstring())
		case 'Q':
			all = append(all, d.cstring())
		}
	}
	return all
}

// Startups returns the parameters of every start-up packet.
func (f *Fake) Startups() [][]Parameter {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([][]Parameter(nil), f.startups...)
}

// Cancels returns every CancelRequest.
func (f *Fake) Cancels() []Cancel {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Cancel(nil), f.cancels...)
}

// Sessions returns how many connections are open.
func (f *Fake) Sessions() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.open)
}

func (f *Fake) accept() {
	defer f.wg.Done()
	for {
		conn, err := f.listener.Accept()
		if err != nil {
			return // the listener is closed: the test is over
		}
		f.mu.Lock()
		f.open[conn] = true
		f.nextPID++
		s := &FakeSession{fake: f, RawClient: NewRawClient(conn), pid: f.nextPID, status: 'I'}
		f.mu.Unlock()
		f.wg.Go(func() {
			// What a session dies of is seen by its client, which is what
			// the test looks at.
			_ = s.serve()
			conn.Close()
			f.mu.Lock()
			delete(f.open, conn)
			f.mu.Unlock()
		})
	}
}

func (f *Fake) close() {
	f.listener.Close()
	f.mu.Lock()
	for conn := range f.open {
		conn.Close()
	}
	f.mu.Unlock()
	f.wg.Wait()
}

func (f *Fake) note(m Frame) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.received = append(f.received, m)
}

// fakeIterations is small because guessing a fake's password is worth
// nothing.
const fakeIterations = 4096

func storedCredentials(password string) (scram.StoredCredentials, error) {
	client, err := scram.SHA256.NewClient("", password, "")
	if err != nil {
		return scram.StoredCredentials{}, fmt.Errorf("proxytest: %w", err)
	}
	return client.GetStoredCredentialsWithError(scram.KeyFactors{Salt: "a salt of a fake", Iters: fakeIterations})
}

var errWrongPassword = errors.New("proxytest: wrong password")
