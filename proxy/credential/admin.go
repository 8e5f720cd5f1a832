package credential

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

const (
	applicationName  = "sluice/credential"
	statementTimeout = 15 * time.Second
	lockTimeout      = 5 * time.Second
	// callTimeout is what one conversation with the server may take before
	// the connection is given up.
	callTimeout = 20 * time.Second
	// undoTimeout bounds taking a role back that may have come into being.
	// Somebody waits for the error; what is left then is for Sweep.
	undoTimeout = 5 * time.Second
	// pingTimeout is how long a connection may take to show that it is
	// alive. One that was cut without a word never does, and who waits for it
	// could have dialled anew.
	pingTimeout = 3 * time.Second
)

// admin is the one connection of the issuer. Calls take turns, and a
// connection that broke is dialled anew at the next call.
type admin struct {
	config *pgconn.Config
	turn   chan struct{} // holds one token; a mutex that a context can leave
	conn   *pgconn.PgConn
	last   uint32 // process id of the newest backend, alive or not
	closed bool
}

func newAdmin(config *pgconn.Config) *admin {
	return &admin{config: pinned(config), turn: make(chan struct{}, 1)}
}

// pinned adds what only statements depend on that change something: nothing
// waits for ever, and a role that was dropped is not back after a crash of the
// server.
func pinned(config *pgconn.Config) *pgconn.Config {
	config = Pinned(config, applicationName, statementTimeout)
	maps.Copy(config.RuntimeParams, map[string]string{
		"DateStyle":                     "ISO, MDY",
		"default_transaction_read_only": "off",
		"synchronous_commit":            "on",
		"lock_timeout":                  fmt.Sprint(lockTimeout.Milliseconds()),
	})
	return config
}

// do runs fn with the connection.
func (a *admin) do(ctx context.Context, fn func(ctx context.Context, conn *pgconn.PgConn) error) error {
	select {
	case a.turn <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("wait for the admin connection: %w", ctx.Err())
	}
	defer func() { <-a.turn }()
	if a.closed {
		return errors.New("the credential issuer is closed")
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := a.connect(ctx); err != nil {
		return err
	}
	return fn(ctx, a.conn)
}

// doIn runs fn in another database of the server, over a connection of its
// own.
func (a *admin) doIn(ctx context.Context, database string, fn func(ctx context.Context, conn *pgconn.PgConn) error) error {
	if database == a.config.Database {
		return a.do(ctx, fn)
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	config := a.config.Copy()
	config.Database = database
	conn, err := dial(ctx, config)
	if err != nil {
		return err
	}
	defer hangUp(conn)
	return fn(ctx, conn)
}

// connect makes sure that the connection is alive. The ping before every
// call costs a round trip and spares the doubt whether a role was created
// just when the connection turned out to be dead.
func (a *admin) connect(ctx context.Context) error {
	if a.conn != nil {
		if a.conn.TxStatus() == 'I' && ping(ctx, a.conn) == nil {
			return nil
		}
		hangUp(a.conn)
		a.conn = nil
		if ctx.Err() != nil {
			return fmt.Errorf("admin connection: %w", ctx.Err())
		}
	}
	conn, err := dial(ctx, a.config)
	if err != nil {
		return err
	}
	if err := bury(ctx, conn, a.last); err != nil {
		hangUp(conn)
		return err
	}
	a.conn, a.last = conn, conn.PID()
	return nil
}

func ping(ctx context.Context, conn *pgconn.PgConn) error {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	return conn.Ping(ctx)
}

// bury waits until the backend of the connection before is gone, so that a
// statement it was still working on is done or undone when we look.
func bury(ctx context.Context, conn *pgconn.PgConn, pid uint32) error {
	if pid == 0 {
		return nil
	}
	const sql = `SELECT pg_catalog.pg_terminate_backend(a.pid) FROM pg_catalog.pg_stat_activity a
WHERE a.pid OPERATOR(pg_catalog.=) $1::pg_catalog.int4 AND a.usename OPERATOR(pg_catalog.=) CURRENT_USER
  AND a.application_name OPERATOR(pg_catalog.=) $2::pg_catalog.text`
	for {
		rows, err := Query(ctx, conn, sql, fmt.Sprint(pid), applicationName)
		if err != nil {
			return fmt.Errorf("admin connection: end the backend %d of the one before: %w", pid, err)
		}
		if len(rows) == 0 {
			return nil
		}
		select {
		case <-time.After(longestPoll / 10):
		case <-ctx.Done():
			return fmt.Errorf("admin connection: the backend %d of the one before is still alive: %w", pid, ctx.Err())
		}
	}
}

func dial(ctx context.Context, config *pgconn.Config) (*pgconn.PgConn, error) {
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("admin connection to database %q: %w", config.Database, err)
	}
	if conn.ParameterStatus("standard_conforming_strings") != "on" {
		hangUp(conn)
		return nil, fmt.Errorf("admin connection to database %q: the server does not take standard_conforming_strings=on", config.Database)
	}
	return conn, nil
}

// hangUp closes a connection that may be broken without waiting long.
func hangUp(conn *pgconn.PgConn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Close(ctx)
}

// close ends the connection; later calls are refused.
func (a *admin) close(ctx context.Context) error {
	select {
	case a.turn <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("wait for the admin connection: %w", ctx.Err())
	}
	defer func() { <-a.turn }()
	a.closed = true
	if a.conn == nil {
		return nil
	}
	conn := a.conn
	a.conn = nil
	if conn.IsClosed() {
		return nil
	}
	// It is closed in any case; a server that has cut it before just cannot
	// be told.
	_ = conn.Close(ctx)
	return nil
}

// run executes statements that were put together here, in one transaction
// when there are several, and returns nothing.
func run(ctx context.Context, conn *pgconn.PgConn, sql string) error {
	return conn.Exec(ctx, sql).Close()
}
