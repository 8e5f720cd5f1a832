package transfer

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/sluice-pg/sluice/proxy/wire"
)

const (
	// maxAnswer bounds a message of a server that is no data, in bytes.
	maxAnswer = 4 << 20
	// maxResult bounds the rows of one query about definitions, in bytes.
	maxResult = 32 << 20
	// farewell bounds how long the end of a connection may take.
	farewell = 2 * time.Second
)

// link is one connection. It is for one goroutine.
type link struct {
	side    wire.Side
	conn    *wire.Conn
	version int // server_version_num
	pid     uint32
	login   *pgconn.HijackedConn // to cancel with; nil if that is not possible
	fields  [][]byte
	// tag is that of the last CommandComplete; status is the transaction's after
	// the last answer, 0 while there is none.
	tag    string
	status byte
}

// dial opens a connection and takes its socket over, so that COPY data is moved
// in pieces and a row is never larger in memory than it has to be.
func dial(ctx context.Context, open Opener, side wire.Side) (*link, error) {
	pg, err := open(ctx)
	if err != nil {
		return nil, failed(side, "connect", err)
	}
	if err := pg.SyncConn(ctx); err != nil {
		pg.Close(ctx)
		return nil, failed(side, "connect", err)
	}
	h, err := pg.Hijack()
	if err != nil {
		pg.Close(ctx)
		return nil, failed(side, "connect", err)
	}
	l := &link{side: side, conn: wire.NewConn(h.Conn, side), pid: h.PID, login: h}
	version, err := l.value(ctx, "SELECT pg_catalog.current_setting('server_version_num')")
	if err == nil {
		l.version, err = strconv.Atoi(version)
	}
	if err != nil {
		l.close()
		return nil, failed(side, "connect", err)
	}
	return l, nil
}

// close says goodbye and closes the socket.
func (l *link) close() {
	_ = l.conn.SetWriteDeadline(time.Now().Add(farewell))
	if l.conn.WriteFrame('X') == nil {
		_ = l.conn.Flush()
	}
	_ = l.conn.Close()
}

// guard has the server stop what it does when the context ends, and then
// closes the connection. The function it returns ends the watch.
func (l *link) guard(ctx context.Context) func() {
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		l.cancel()
		_ = l.conn.Close()
	})
	return func() {
		if !stop() {
			<-stopped
		}
	}
}

// cancel sends a CancelRequest.
func (l *link) cancel() {
	if l.login == nil {
		return
	}
	ctx, done := context.WithTimeout(context.Background(), farewell)
	defer done()
	if pg, err := pgconn.Construct(l.login); err == nil {
		_ = pg.CancelRequest(ctx)
	}
}

// Query implements catalog.Querier.
func (l *link) Query(ctx context.Context, sql string, row func([][]byte) error) error {
	defer l.guard(ctx)()
	if err := l.send(sql); err != nil {
		return because(ctx, err)
	}
	return because(ctx, l.answer(row))
}

// because puts the end of a context in front of what it led to.
func because(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil && !errors.Is(err, context.Cause(ctx)) {
		return fmt.Errorf("%w (%w)", context.Cause(ctx), err)
	}
	return err
}

// send begins a simple query.
func (l *link) send(sql string) error {
	if strings.Contains(sql, "\x00") {
		return errors.New("a statement with a zero byte in it")
	}
	l.status = 0
	if err := l.conn.WriteFrame('Q', []byte(sql), []byte{0}); err != nil {
		return err
	}
	return l.conn.Flush()
}

// answer reads up to ReadyForQuery. The error is the server's first, else that
// of row; after an error of the connection nothing more can be read.
func (l *link) answer(row func([][]byte) error) error {
	var first error
	note := func(err error) {
		if first == nil {
			first = err
		}
	}
	size := 0
	l.status = 0
	for {
		h, err := l.conn.Next()
		if err != nil {
			return errors.Join(first, err)
		}
		switch h.Type {
		case 'C', 'D', 'E', 'Z':
		case 'G':
			// Nothing here asks for COPY: what would read our next message as data is ended.
			return fmt.Errorf("%w: the server wants data that nobody offered", wire.ErrProtocol)
		default:
			if err := l.conn.Discard(); err != nil {
				return err
			}
			continue
		}
		body, err := l.conn.Body(maxAnswer)
		if err != nil {
			return errors.Join(first, err)
		}
		switch {
		case h.Type == 'Z' && len(body) == 1:
			l.status = body[0]
			return first
		case h.Type == 'Z':
			return fmt.Errorf("%w: a transaction status of %d bytes", wire.ErrProtocol, len(body))
		case h.Type == 'C':
			l.tag = string(bytes.TrimSuffix(body, []byte{0}))
		case h.Type == 'E':
			note(serverError(body))
		case h.Type == 'D' && row != nil && first == nil:
			if size += len(body); size > maxResult {
				return fmt.Errorf("%w: the server's answer is over %d bytes", wire.ErrTooLarge, maxResult)
			}
			if l.fields, err = dataRow(l.fields[:0], body); err == nil {
				err = row(l.fields)
			}
			note(err)
		}
	}
}

// dataRow reads the body of a DataRow; nil is NULL.
func dataRow(fields [][]byte, body []byte) ([][]byte, error) {
	if len(body) < 2 {
		return nil, fmt.Errorf("%w: a row without a count", wire.ErrProtocol)
	}
	n := int(binary.BigEndian.Uint16(body))
	body = body[2:]
	for range n {
		if len(body) < 4 {
			return nil, fmt.Errorf("%w: a row that ends early", wire.ErrProtocol)
		}
		length := int32(binary.BigEndian.Uint32(body))
		body = body[4:]
		if length == -1 {
			fields = append(fields, nil)
			continue
		}
		if length < 0 || int(length) > len(body) {
			return nil, fmt.Errorf("%w: a field that ends behind its row", wire.ErrProtocol)
		}
		fields = append(fields, body[:length:length])
		body = body[length:]
	}
	if len(body) > 0 {
		return nil, fmt.Errorf("%w: a row with more in it than its fields", wire.ErrProtocol)
	}
	return fields, nil
}

// exec runs statements and throws their rows away.
func (l *link) exec(ctx context.Context, sql string) error { return l.Query(ctx, sql, nil) }

// rows runs a query and keeps its rows; NULL is the empty string.
func (l *link) rows(ctx context.Context, sql string, columns int) ([][]string, error) {
	var out [][]string
	err := l.Query(ctx, sql, func(values [][]byte) error {
		if len(values) != columns {
			return fmt.Errorf("%w: %d columns instead of %d", wire.ErrProtocol, len(values), columns)
		}
		row := make([]string, columns)
		for i, v := range values {
			row[i] = string(v)
		}
		out = append(out, row)
		return nil
	})
	return out, err
}

// together is how many statements are sent before the answers are read: fewer
// than what could fill the buffers of both sockets.
const together = 64

// each runs statements one after the other, up to the first that fails. Each is a
// message of its own, so that a text of the source's in it, such as the
// definition of a constraint, cannot be two statements.
func (l *link) each(ctx context.Context, statements []string) error {
	defer l.guard(ctx)()
	for batch := range slices.Chunk(statements, together) {
		for _, sql := range batch {
			if strings.Contains(sql, "\x00") {
				return errors.New("a statement with a zero byte in it")
			}
			for _, m := range []wire.Encoder{&pgproto3.Parse{Query: sql}, &pgproto3.Bind{}, &pgproto3.Execute{}} {
				if err := l.conn.WriteMessage(m); err != nil {
					return because(ctx, err)
				}
			}
		}
		l.status = 0
		if err := l.extended(&pgproto3.Sync{}); err != nil {
			return because(ctx, err)
		}
		if err := l.answer(nil); err != nil {
			return because(ctx, err)
		}
	}
	return nil
}

// value runs a query of one column and returns its first row, empty if there is
// none.
func (l *link) value(ctx context.Context, sql string) (string, error) {
	rows, err := l.rows(ctx, sql, 1)
	if err != nil || len(rows) == 0 {
		return "", err
	}
	return rows[0][0], nil
}

// field is a column of a result, of a RowDescription.
type field struct {
	name     string
	oid      uint32
	modifier int32
}

// describe asks what a statement returns, without running it. As one message of
// the extended protocol it is one statement, whatever its text says.
func (l *link) describe(ctx context.Context, sql string) ([]field, error) {
	defer l.guard(ctx)()
	err := l.extended(&pgproto3.Parse{Query: sql}, &pgproto3.Describe{ObjectType: 'S'}, &pgproto3.Sync{})
	if err != nil {
		return nil, because(ctx, err)
	}
	var out []field
	var first error
	for {
		h, err := l.conn.Next()
		if err != nil {
			return nil, because(ctx, err)
		}
		body, err := l.conn.Body(maxAnswer)
		if err != nil {
			return nil, because(ctx, err)
		}
		switch h.Type {
		case 'E':
			first = serverError(body)
		case 'T':
			var m pgproto3.RowDescription
			if err := m.Decode(body); err != nil {
				return nil, err
			}
			for _, f := range m.Fields {
				out = append(out, field{string(f.Name), f.DataTypeOID, f.TypeModifier})
			}
		case 'Z':
			return out, because(ctx, first)
		}
	}
}

// extended sends messages of the extended protocol.
func (l *link) extended(messages ...wire.Encoder) error {
	for _, m := range messages {
		if err := l.conn.WriteMessage(m); err != nil {
			return err
		}
	}
	return l.conn.Flush()
}

// begin starts a COPY and waits for the answer, 'H' for one that reads and 'G'
// for one that loads. A COPY that reads is one statement of the extended
// protocol: no text in it can be two.
func (l *link) begin(sql string, want byte) error {
	var err error
	if want == 'H' {
		err = l.extended(&pgproto3.Parse{Query: sql}, &pgproto3.Bind{}, &pgproto3.Execute{}, &pgproto3.Sync{})
	} else {
		err = l.send(sql)
	}
	if err != nil {
		return err
	}
	var first error
	for {
		h, err := l.conn.Next()
		if err != nil {
			return errors.Join(first, err)
		}
		if h.Type == want && first == nil {
			return l.conn.Discard()
		}
		body, err := l.conn.Body(maxAnswer)
		if err != nil {
			return err
		}
		switch h.Type {
		case 'E':
			first = serverError(body)
		case 'Z':
			if first == nil {
				first = fmt.Errorf("%w: the server did not begin the COPY", wire.ErrProtocol)
			}
			return first
		case 'G', 'H':
			return fmt.Errorf("%w: the server began a COPY in the other direction", wire.ErrProtocol)
		}
	}
}
