package pgserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// socketPathLimit is what a Unix socket's path may measure on Linux, with its
// final NUL; other systems allow a little less.
const socketPathLimit = 104

// create makes the server's folder, its data and its configuration.
func (s *Server) create(ctx context.Context) error {
	if err := s.makeFolders(); err != nil {
		return err
	}
	if err := s.initdb(ctx); err != nil {
		return err
	}
	if s.options.TLS {
		if err := s.writeCertificates(); err != nil {
			return err
		}
	}
	return s.writeHBA(s.options.HBA)
}

// makeFolders lays out the server's folder: data and the socket are closed to
// other users, certificates can be read by everybody.
func (s *Server) makeFolders() error {
	parent := s.options.Dir
	if parent == "" {
		parent = os.TempDir()
	}
	parent, err := filepath.Abs(parent)
	if err != nil {
		return fmt.Errorf("sluice: folder for a server: %w", err)
	}
	if err := s.account.canReach(parent); err != nil {
		return err
	}
	if s.dir, err = os.MkdirTemp(parent, "sluice-pg-"); err != nil {
		return fmt.Errorf("sluice: folder for a server: %w", err)
	}
	s.Socket = filepath.Join(s.dir, "run")
	if n := len(filepath.Join(s.Socket, ".s.PGSQL.65535.lock")); n >= socketPathLimit {
		return fmt.Errorf("sluice: the path %s is too long for a Unix socket (%d bytes, limit %d): choose a shorter Dir",
			s.Socket, n, socketPathLimit)
	}
	if err := os.Mkdir(s.Socket, 0o700); err != nil {
		return fmt.Errorf("sluice: folder for the socket: %w", err)
	}
	if err := os.Chmod(s.dir, 0o711); err != nil {
		return fmt.Errorf("sluice: folder for a server: %w", err)
	}
	for _, dir := range []string{s.dir, s.Socket} {
		if err := s.account.own(dir); err != nil {
			return fmt.Errorf("sluice: hand a folder to the server: %w", err)
		}
	}
	return nil
}

func (s *Server) initdb(ctx context.Context) (err error) {
	passwordFile := filepath.Join(s.dir, "initdb.password")
	if err := s.writeOwned(passwordFile, s.options.Password+"\n"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(passwordFile)) }()
	cmd := exec.CommandContext(ctx, filepath.Join(s.Binaries, "initdb"),
		"--pgdata", s.dataDir(), "--no-sync", "--locale", "C", "--encoding", "UTF8",
		"--auth", "scram-sha-256", "--username", s.options.Superuser, "--pwfile", passwordFile)
	cmd.Dir = s.dir
	cmd.Env = serverEnvironment()
	cmd.SysProcAttr = s.account.attributes()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("sluice: initdb: %w\n%s", err, lastLines(string(out), 10))
	}
	return nil
}

// serverEnvironment keeps the caller's PG* variables away from the server.
func serverEnvironment() []string {
	return []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "TZ=UTC"}
}

// remove deletes the server's folder.
func (s *Server) remove() error {
	if s.dir == "" {
		return nil
	}
	if err := os.RemoveAll(s.dir); err != nil {
		return fmt.Errorf("sluice: remove a server's folder: %w", err)
	}
	return nil
}

// freePort asks the kernel for a port that nobody uses at the moment.
func freePort() (int, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(Host, "0"))
	if err != nil {
		return 0, fmt.Errorf("sluice: find a free port: %w", err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		return 0, fmt.Errorf("sluice: find a free port: %w", err)
	}
	return port, nil
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	return strings.Join(lines, "\n")
}
