package pgserver

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// portTries is how often a new free port is chosen when another program took
// the last one in the moment before the server did.
const portTries = 5

// launch starts the postmaster and waits until it answers.
func (s *Server) launch(ctx context.Context) error {
	for try := 1; ; try++ {
		if s.options.Port == 0 {
			port, err := freePort()
			if err != nil {
				return err
			}
			s.port = port
		}
		if err := s.writeConfig(); err != nil {
			return err
		}
		err := s.run(ctx)
		if err == nil || s.options.Port != 0 || try == portTries || !s.portTaken() {
			return err
		}
	}
}

// run starts the postmaster at the configured port; on failure it is gone. The
// caller holds the lock or has the only reference.
func (s *Server) run(ctx context.Context) error {
	p, err := s.spawn()
	if err != nil {
		return err
	}
	if err := s.awaitReady(ctx, p); err != nil {
		err = fmt.Errorf("%w\n%s", err, s.logTail())
		return errors.Join(err, p.end(syscall.SIGQUIT))
	}
	s.process = p
	return nil
}

func (s *Server) awaitReady(ctx context.Context, p *process) error {
	tick := time.NewTicker(30 * time.Millisecond)
	defer tick.Stop()
	var last error
	for {
		if last = s.Exec(ctx, "postgres", "SELECT 1"); last == nil {
			return nil
		}
		select {
		case <-p.exited:
			return fmt.Errorf("sluice: PostgreSQL ended while starting: %w", p.state)
		case <-ctx.Done():
			return fmt.Errorf("sluice: PostgreSQL does not answer: %w", errors.Join(ctx.Err(), last))
		case <-tick.C:
		}
	}
}

func (s *Server) portTaken() bool {
	text, err := s.Log()
	return err == nil && strings.Contains(lastLines(text, 10), "could not create any TCP/IP sockets")
}

func (s *Server) logTail() string {
	text, err := s.Log()
	if err != nil {
		return err.Error()
	}
	return lastLines(text, 15)
}

// initialise creates the database and runs the caller's statements.
func (s *Server) initialise(ctx context.Context) error {
	database := "postgres"
	if s.options.Database != "" {
		create := "CREATE DATABASE " + quoteIdentifier(s.options.Database)
		if err := s.Exec(ctx, database, create); err != nil {
			return fmt.Errorf("sluice: create database %s: %w", s.options.Database, err)
		}
		database = s.options.Database
	}
	for i, sql := range s.options.InitSQL {
		if err := s.Exec(ctx, database, sql); err != nil {
			return fmt.Errorf("sluice: statement %d of InitSQL: %w", i+1, err)
		}
	}
	return nil
}

func quoteIdentifier(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// Exec runs statements as superuser in one database over the Unix socket and
// throws their rows away. The error is that of the first statement that
// failed, a *pgconn.PgError if it came from the server.
func (s *Server) Exec(ctx context.Context, database, sql string) (err error) {
	_, err = s.Query(ctx, database, sql)
	return err
}

// Query runs statements as superuser like Exec and returns the rows of the
// last one, each value in its text form; NULL is an empty string.
func (s *Server) Query(ctx context.Context, database, sql string) (_ [][]string, err error) {
	conn, err := pgconn.Connect(ctx, s.SuperuserDSN(database))
	if err != nil {
		return nil, fmt.Errorf("sluice: log in to the server: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	results, err := conn.Exec(ctx, sql).ReadAll()
	if err != nil {
		return nil, err
	}
	if len(results) == 0 {
		return nil, nil
	}
	var rows [][]string
	for _, values := range results[len(results)-1].Rows {
		row := make([]string, len(values))
		for i, v := range values {
			row[i] = string(v)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// Stop ends the server the fast way: sessions are cut, their transactions
// rolled back. Then its folder is removed. A second call does nothing.
func (s *Server) Stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return nil
	}
	s.stopped = true
	return errors.Join(s.endProcess(syscall.SIGINT), s.remove())
}

// Kill ends the server at once, much as a crash would: sessions are cut without
// a clean shutdown and Restart begins with recovery.
func (s *Server) Kill() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.endProcess(syscall.SIGQUIT)
}

// Restart ends the server the fast way if it runs, and starts it again at the
// same port with the same data.
func (s *Server) Restart(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return errors.New("sluice: this server was stopped and its folder is gone")
	}
	if err := s.endProcess(syscall.SIGINT); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.options.StartTimeout)
	defer cancel()
	return s.run(ctx)
}

// SetHBA replaces the lines after the superuser's own in pg_hba.conf and makes
// the server read them.
func (s *Server) SetHBA(ctx context.Context, lines []string) error {
	if err := s.writeHBA(lines); err != nil {
		return err
	}
	return s.Exec(ctx, "postgres", "SELECT pg_reload_conf()")
}

func (s *Server) endProcess(sig syscall.Signal) error {
	if s.process == nil {
		return nil
	}
	p := s.process
	s.process = nil
	if err := p.end(sig); err != nil {
		return fmt.Errorf("%w\n%s", err, s.logTail())
	}
	return nil
}
