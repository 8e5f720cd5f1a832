package vaultserver

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
	"github.com/sluice-pg/sluice/integration/secrets"
	"github.com/sluice-pg/sluice/proxy/credential"
)

// The variables that name another server.
const (
	addressVariable = "SLUICE_TEST_VAULT_ADDR"
	tokenVariable   = "SLUICE_TEST_VAULT_TOKEN"
)

// Options describes one server. The zero value listens with HTTP alone.
type Options struct {
	// TLS makes it listen with HTTPS too, with a certificate for localhost
	// and 127.0.0.1 that the authority in CAFile has signed.
	TLS bool
}

// Server is a Vault server that Start has started, or the one that the
// environment names. Its methods are for one goroutine; clients of it may be
// used from several.
type Server struct {
	program   string
	dir       string
	cert, key string
	caFile    string

	port, tlsPort       int
	address, tlsAddress string
	root                credential.Secret
	unsealKey           credential.Secret
	process             *process
}

// Start starts a server that ends with the test, initialises and unseals it.
func Start(t testing.TB) *Server {
	t.Helper()
	return StartWith(t, Options{})
}

// StartWith is Start with options.
func StartWith(t testing.TB, o Options) *Server {
	t.Helper()
	if address := os.Getenv(addressVariable); address != "" {
		return elsewhere(t, address, o)
	}
	if os.Getenv(tokenVariable) != "" {
		t.Fatalf("%s is set, but %s is not", tokenVariable, addressVariable)
	}
	program, err := Build(t.Context(), os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{program: program, dir: t.TempDir()}
	if o.TLS {
		s.certify(t)
	}
	t.Cleanup(func() { s.Stop(t) })
	s.run(t)
	s.initialise(t)
	s.Unseal(t)
	return s
}

// elsewhere is the server that the environment names.
func elsewhere(t testing.TB, address string, o Options) *Server {
	t.Helper()
	token := os.Getenv(tokenVariable)
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		t.Fatalf("%s is no address such as http://127.0.0.1:8200", addressVariable)
	case token == "":
		t.Fatalf("%s needs %s, a token of that server that may do everything", addressVariable, tokenVariable)
	case o.TLS:
		t.Fatalf("this test needs a server with a certificate of its own, which that of %s is not: unset it", addressVariable)
	}
	s := &Server{address: address, root: credential.NewSecret(token)}
	if sealed := s.Sealed(t); sealed {
		t.Fatalf("the server of %s is sealed: unseal it first", addressVariable)
	}
	secrets.Learn(secrets.VaultToken, token)
	return s
}

// Own says that the server is ours to kill, restart and seal.
func (s *Server) Own() bool { return s.program != "" }

// Mine fails the test if the server is not ours. What the test has to do to it, such
// as "kill", is a word or some before "Vault".
func (s *Server) Mine(t testing.TB, what string) {
	t.Helper()
	if !s.Own() {
		t.Fatalf("this test has to %s Vault, and the server of %s is not ours: unset it, and the tests start one", what, addressVariable)
	}
}

// Address is where it is reached, such as "http://127.0.0.1:41233". It stays
// the same over Restart.
func (s *Server) Address() string { return s.address }

// TLSAddress is where it is reached with HTTPS; empty without Options.TLS.
func (s *Server) TLSAddress() string { return s.tlsAddress }

// CAFile is the authority to trust at TLSAddress; empty without Options.TLS.
func (s *Server) CAFile() string { return s.caFile }

// RootToken may do everything.
func (s *Server) RootToken() credential.Secret { return s.root }

// PID is the number of the process; 0 when it does not run or is not ours.
func (s *Server) PID() int {
	if s.process == nil {
		return 0
	}
	return s.process.cmd.Process.Pid
}

// Log is what the server has logged since it was created.
func (s *Server) Log() string {
	if !s.Own() {
		return ""
	}
	text, err := os.ReadFile(s.logFile())
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Kill ends the server with SIGKILL, as a crash would.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	s.Mine(t, "kill")
	s.end(t, syscall.SIGKILL)
}

// Stop ends the server with SIGTERM, if it runs. The end of the test does it,
// too.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	if s.process == nil {
		return
	}
	s.end(t, syscall.SIGTERM)
}

// Restart ends the server if it runs, and starts it again at the same
// addresses with the same storage. It is sealed then, as Vault is.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.Mine(t, "restart")
	s.Stop(t)
	s.run(t)
}

func (s *Server) end(t testing.TB, sig syscall.Signal) {
	t.Helper()
	p := s.process
	if p == nil {
		t.Fatal("Vault does not run")
	}
	s.process = nil
	if err := p.end(sig); err != nil {
		t.Errorf("end Vault: %v\n%s", err, s.logTail())
	}
	if code := p.cmd.ProcessState.ExitCode(); sig == syscall.SIGTERM && code != 0 {
		t.Errorf("Vault ended with exit code %d\n%s", code, s.logTail())
	}
}

func (s *Server) run(t testing.TB) {
	t.Helper()
	p, where, err := s.spawn()
	if err != nil {
		t.Fatalf("start Vault: %v\n%s", err, s.logTail())
	}
	s.process, s.address, s.tlsAddress = p, where.Address, where.TLSAddress
	if s.port, err = portOf(where.Address); err != nil {
		t.Fatal(err)
	}
	if where.TLSAddress == "" {
		return
	}
	if s.tlsPort, err = portOf(where.TLSAddress); err != nil {
		t.Fatal(err)
	}
}

func portOf(address string) (int, error) {
	u, err := url.Parse(address)
	if err != nil {
		return 0, fmt.Errorf("Vault says that it listens at %q: %w", address, err)
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		return 0, fmt.Errorf("Vault says that it listens at %q: %w", address, err)
	}
	return port, nil
}

// certify makes an authority and a certificate in a folder of their own.
func (s *Server) certify(t testing.TB) {
	t.Helper()
	folder := t.TempDir()
	authority, err := pgserver.NewAuthority(folder, "Sluice throw-away authority for Vault")
	if err != nil {
		t.Fatal(err)
	}
	if s.cert, s.key, err = authority.Issue("vault", "localhost", "localhost", "127.0.0.1"); err != nil {
		t.Fatal(err)
	}
	s.caFile = authority.CertFile()
}

func (s *Server) logFile() string    { return filepath.Join(s.dir, "log") }
func (s *Server) dataFolder() string { return filepath.Join(s.dir, "data") }

// logTail is the end of the log, for messages.
func (s *Server) logTail() string {
	const most = 2000
	text := s.Log()
	return text[max(0, len(text)-most):]
}
