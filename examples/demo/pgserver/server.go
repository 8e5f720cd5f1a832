package pgserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
)

// Host is the address on which every server listens.
const Host = "127.0.0.1"

// Server is a PostgreSQL server that Start has started. Its methods may be
// called from several goroutines; Stop, Restart and Kill exclude each other.
type Server struct {
	// Binaries is the folder that holds the server's programs.
	Binaries string
	// Socket is the folder of the Unix socket.
	Socket string
	// CAFile is the certificate to trust; empty without TLS.
	CAFile string

	options   Options
	account   account
	authority *Authority
	dir       string
	port      int

	mu      sync.Mutex
	process *process
	stopped bool
}

// Start creates a server and returns when it answers. The caller must Stop it;
// if Start fails nothing is left behind. Its error ends with the last lines of
// the server's log where there is one.
func Start(ctx context.Context, o Options) (*Server, error) {
	o = o.withDefaults()
	ctx, cancel := context.WithTimeout(ctx, o.StartTimeout)
	defer cancel()
	s := &Server{options: o, port: o.Port}
	var err error
	if s.Binaries, err = FindBinaries(o.Version); err != nil {
		return nil, err
	}
	if s.account, err = serverAccount(); err != nil {
		return nil, err
	}
	if err := s.create(ctx); err != nil {
		return nil, errors.Join(err, s.remove())
	}
	if err := s.launch(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	if err := s.initialise(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// Port is the TCP port.
func (s *Server) Port() int { return s.port }

// Addr is the TCP address, host and port.
func (s *Server) Addr() string { return net.JoinHostPort(Host, strconv.Itoa(s.port)) }

// Superuser is the name of the first role.
func (s *Server) Superuser() string { return s.options.Superuser }

// Password is the superuser's password. It is worth nothing outside this
// server, which listens on loopback and is thrown away.
func (s *Server) Password() string { return s.options.Password }

// PID is the process number of the postmaster, zero when it is not running.
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return 0
	}
	return s.process.cmd.Process.Pid
}

// Dir is the server's own folder. It goes when the server stops.
func (s *Server) Dir() string { return s.dir }

// DSN is a connection URL over TCP that every libpq-like client understands. A
// server with TLS is named by localhost and its certificate is verified in
// full. An empty password is left out.
func (s *Server) DSN(user, password, database string) string {
	u := url.URL{Scheme: "postgres", Host: s.Addr(), Path: "/" + database, User: url.User(user)}
	if password != "" {
		u.User = url.UserPassword(user, password)
	}
	q := url.Values{"sslmode": {"disable"}}
	if s.CAFile != "" {
		q = url.Values{"sslmode": {"verify-full"}, "sslrootcert": {s.CAFile}}
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// SuperuserDSN is a connection URL over the Unix socket, which needs no
// password.
func (s *Server) SuperuserDSN(database string) string {
	u := url.URL{Scheme: "postgres", Path: "/" + database, User: url.User(s.options.Superuser)}
	u.RawQuery = url.Values{"host": {s.Socket}, "port": {strconv.Itoa(s.port)}}.Encode()
	return u.String()
}

// Issue signs a certificate with the server's authority; see Authority.Issue.
// The server takes certificates of that authority from clients.
func (s *Server) Issue(base, commonName string, hosts ...string) (certFile, keyFile string, err error) {
	if s.authority == nil {
		return "", "", errors.New("sluice: this server has no TLS and no authority")
	}
	return s.authority.Issue(base, commonName, hosts...)
}

// LogFile is the path of the server's log.
func (s *Server) LogFile() string { return filepath.Join(s.dir, "server.log") }

// Log is what the server has logged since it was created.
func (s *Server) Log() (string, error) {
	text, err := os.ReadFile(s.LogFile())
	if err != nil {
		return "", fmt.Errorf("sluice: read the server's log: %w", err)
	}
	return string(text), nil
}

func (s *Server) dataDir() string { return filepath.Join(s.dir, "data") }
