package proxytest

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// readPatience is how long a client waits for bytes that must come.
const readPatience = 15 * time.Second

// RawClient is one end of a connection that knows the protocol and keeps
// none of its rules: every byte sent is the caller's choice. It is used by
// one goroutine at a time.
type RawClient struct {
	conn net.Conn
	in   *bufio.Reader
	// PID and Key are the last cancel key received.
	PID uint32
	Key []byte
	// Secure is the state of TLS, nil on a plain connection.
	Secure *tls.ConnectionState
	// greeting is true between login and the first ReadyForQuery.
	greeting bool
	// pieces bounds how much one Write carries; 0 is no bound.
	pieces int
}

// NewRawClient takes over an open connection.
func NewRawClient(conn net.Conn) *RawClient {
	return &RawClient{conn: conn, in: bufio.NewReaderSize(conn, 64<<10)}
}

// Close closes the connection without a word.
func (c *RawClient) Close() error { return c.conn.Close() }

// Send writes bytes as they are.
func (c *RawClient) Send(b []byte) error {
	if err := c.conn.SetWriteDeadline(time.Now().Add(readPatience)); err != nil {
		return err
	}
	for len(b) > 0 {
		n := len(b)
		if c.pieces > 0 {
			n = min(n, c.pieces)
		}
		if _, err := c.conn.Write(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// SendFrames writes messages in one go.
func (c *RawClient) SendFrames(frames ...Frame) error {
	var all []byte
	for _, f := range frames {
		all = append(all, f.Bytes()...)
	}
	return c.Send(all)
}

// Receive reads one message and remembers a cancel key that comes by.
func (c *RawClient) Receive() (Frame, error) {
	if err := c.patience(); err != nil {
		return Frame{}, err
	}
	f, err := ReadFrame(c.in)
	if err == nil && f.Type == 'K' && len(f.Body) >= 4 {
		d := &decoder{rest: f.Body}
		c.PID = d.uint32()
		c.Key = append([]byte(nil), d.rest...)
	}
	return f, err
}

// ReceiveUntil reads messages up to and with the first of the type. On an
// error it returns what came before.
func (c *RawClient) ReceiveUntil(kind byte) ([]Frame, error) {
	var all []Frame
	for {
		f, err := c.Receive()
		if err != nil {
			return all, err
		}
		if all = append(all, f); f.Type == kind {
			return all, nil
		}
	}
}

// ReceiveByte reads the single byte that answers an SSLRequest or
// GSSENCRequest.
func (c *RawClient) ReceiveByte() (byte, error) {
	if err := c.patience(); err != nil {
		return 0, err
	}
	return c.in.ReadByte()
}

// StartTLS makes the client side of a TLS handshake on the connection. The
// caller has made the SSLRequest and seen its S, or sends none at all for
// direct TLS.
func (c *RawClient) StartTLS(ctx context.Context, config *tls.Config) error {
	if c.in.Buffered() > 0 {
		return errors.New("proxytest: bytes arrived before the TLS handshake")
	}
	secure := tls.Client(c.conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("proxytest: TLS handshake: %w", err)
	}
	state := secure.ConnectionState()
	c.conn, c.Secure = secure, &state
	c.in = bufio.NewReaderSize(secure, 64<<10)
	return nil
}

// RequestTLS sends an SSLRequest and starts TLS; any answer but S is an
// error.
func (c *RawClient) RequestTLS(ctx context.Context, config *tls.Config) error {
	if err := c.Send(TLSRequest()); err != nil {
		return err
	}
	answer, err := c.ReceiveByte()
	if err != nil {
		return fmt.Errorf("proxytest: answer to SSLRequest: %w", err)
	}
	if answer != 'S' {
		return fmt.Errorf("proxytest: SSLRequest was answered %q", answer)
	}
	return c.StartTLS(ctx, config)
}

// Closed reports whether an error of a read or write means that the other
// side is gone, in whatever way.
func Closed(err error) bool {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return false
	}
	var op *net.OpError
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &op)
}

func (c *RawClient) patience() error {
	return c.conn.SetReadDeadline(time.Now().Add(readPatience))
}
