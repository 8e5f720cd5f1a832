package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// session is a client that is as light as can be, because it shares the
// processor with what it measures: pgconn logs in, and from then on bytes are
// only counted.
type session struct {
	conn net.Conn
	in   *bufio.Reader
	// ended lets go of the context that hangs up when it ends.
	ended func() bool
	// tag is the last CommandComplete, such as "COPY 1000".
	tag string
}

// readBuffer is what a session that moves much data reads at once; an idle
// one needs little.
const (
	readBuffer = 256 << 10
	idleBuffer = 1 << 10
)

// connect logs in. The session hangs up when the context ends, which wakes
// whoever reads or writes.
func connect(ctx context.Context, w *way, t transport, buffer int) (*session, error) {
	conn, err := pgconn.Connect(ctx, w.url(t))
	if err != nil {
		return nil, fmt.Errorf("log in: %w", err)
	}
	// pgconn reads in the background when a write is slow. That must have
	// ended, or it would take bytes that are ours.
	if err := conn.SyncConn(ctx); err != nil {
		return nil, fmt.Errorf("log in: %w", err)
	}
	taken, err := conn.Hijack()
	if err != nil {
		return nil, fmt.Errorf("log in: %w", err)
	}
	c := &session{conn: taken.Conn, in: bufio.NewReaderSize(taken.Conn, buffer)}
	c.ended = context.AfterFunc(ctx, func() { _ = c.conn.Close() })
	return c, nil
}

// close says good-bye (Terminate) and hangs up.
func (c *session) close() error {
	c.ended()
	_, err := c.conn.Write([]byte{'X', 0, 0, 0, 4})
	return errors.Join(err, c.conn.Close())
}

// query runs SQL and returns how many bytes of rows and CopyData came, without
// the five bytes that frame each.
func (c *session) query(sql string) (int64, error) {
	if err := c.sendQuery(sql); err != nil {
		return 0, err
	}
	return c.drain('Z')
}

// sendQuery sends a Query message ("Simple Query" in the protocol's chapter).
func (c *session) sendQuery(sql string) error {
	message := binary.BigEndian.AppendUint32([]byte{'Q'}, uint32(len(sql)+5))
	_, err := c.conn.Write(append(append(message, sql...), 0))
	return err
}

// drain reads messages up to and with the first of a type.
func (c *session) drain(until byte) (received int64, err error) {
	var refusal error
	for {
		head, err := c.in.Peek(5)
		if err != nil {
			return received, fmt.Errorf("read from the proxy: %w", err)
		}
		kind, length := head[0], int(binary.BigEndian.Uint32(head[1:]))-4
		if _, err := c.in.Discard(5); err != nil {
			return received, err
		}
		switch kind {
		case 'D', 'd':
			received += int64(length)
		case 'C', 'E':
			if refusal, err = c.readEnd(kind, length); err != nil {
				return received, err
			}
			continue
		}
		if _, err := c.in.Discard(length); err != nil {
			return received, fmt.Errorf("read from the proxy: %w", err)
		}
		if kind == until || kind == 'Z' {
			return received, refusal
		}
	}
}

// readEnd reads the body of what ends a statement: CommandComplete, which it
// keeps, or ErrorResponse, which it returns as the refusal.
func (c *session) readEnd(kind byte, length int) (refusal, err error) {
	body := make([]byte, length)
	if _, err := io.ReadFull(c.in, body); err != nil {
		return nil, fmt.Errorf("read from the proxy: %w", err)
	}
	if kind == 'C' {
		c.tag = string(bytes.TrimSuffix(body, []byte{0}))
		return nil, nil
	}
	var e pgproto3.ErrorResponse
	if err := e.Decode(body); err != nil {
		return nil, err
	}
	return fmt.Errorf("%s %s: %s", e.Severity, e.Code, e.Message), nil
}
