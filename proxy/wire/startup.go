package wire

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"syscall"
)

// The codes that stand in place of a protocol version in the packets of the
// start-up phase.
const (
	CodeCancel     = 1234<<16 | 5678
	CodeSSLRequest = 1234<<16 | 5679
	CodeGSSRequest = 1234<<16 | 5680
)

// MaxStartup is the server's own limit on a start-up packet, in bytes
// (MAX_STARTUP_PACKET_LENGTH).
const MaxStartup = 10000

// tlsHandshake is the first byte of a TLS ClientHello record (RFC 8446,
// 5.1: ContentType handshake).
const tlsHandshake = 0x16

// Opening is what a peer's first bytes were.
type Opening struct {
	// DirectTLS is true for a TLS handshake without an SSLRequest; the
	// other fields are then empty.
	DirectTLS bool
	// Code is a protocol version (major<<16 | minor) or one of the codes
	// above.
	Code uint32
	// Body is what follows the code.
	Body []byte
}

// ReadOpening reads one packet of the start-up phase, and not a byte more.
// The first byte tells a TLS handshake from a packet: a packet that began
// with 0x16 would be 369 MB long.
func (c *Conn) ReadOpening() (Opening, error) {
	head := make([]byte, 8)
	if err := c.readExact(head[:1]); err != nil {
		return Opening{}, err
	}
	if head[0] == tlsHandshake {
		c.socket = nil
		c.nc = &replayConn{Conn: c.nc, early: head[:1:1]}
		return Opening{DirectTLS: true}, nil
	}
	if err := c.readExact(head[1:4]); err != nil {
		return Opening{}, unexpected(err)
	}
	length := binary.BigEndian.Uint32(head)
	if length < 8 || length > MaxStartup {
		return Opening{}, protocolError("start-up packet of %d bytes", length)
	}
	if err := c.readExact(head[4:]); err != nil {
		return Opening{}, unexpected(err)
	}
	body := make([]byte, length-8)
	if err := c.readExact(body); err != nil {
		return Opening{}, unexpected(err)
	}
	return Opening{Code: binary.BigEndian.Uint32(head[4:]), Body: body}, nil
}

// unexpected makes the end of input an error where a message goes on.
func unexpected(err error) error {
	var side *SideError
	if errors.As(err, &side) && errors.Is(side.Err, io.EOF) {
		return &SideError{side.Side, side.Op, io.ErrUnexpectedEOF}
	}
	return err
}

func (c *Conn) readExact(p []byte) error {
	if _, err := io.ReadFull(c.nc, p); err != nil {
		return &SideError{c.side, "read", err}
	}
	return nil
}

// WriteByte sends one byte at once: the answer to an SSLRequest or
// GSSENCRequest.
func (c *Conn) WriteByte(b byte) error { return c.send([]byte{b}) }

// EarlyBytes reports whether the peer sent more than has been read, without
// waiting. A peer that waits for the answer to its SSLRequest sends nothing.
func (c *Conn) EarlyBytes() bool {
	if c.Buffered() > 0 {
		return true
	}
	sock, ok := c.nc.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := sock.SyscallConn()
	if err != nil {
		return false
	}
	early := false
	// The function's answer says not to wait; an error means a closed
	// socket, which the next read will report.
	_ = raw.Read(func(fd uintptr) bool {
		var b [1]byte
		n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		early = err == nil && n > 0
		return true
	})
	return early
}

// StartTLS performs the server's part of a TLS handshake. It refuses if
// bytes of before the handshake are buffered.
func (c *Conn) StartTLS(ctx context.Context, config *tls.Config) (*tls.ConnectionState, error) {
	if c.Buffered() > 0 {
		return nil, ErrEarlyBytes
	}
	conn := tls.Server(c.nc, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, &SideError{c.side, "read", err}
	}
	c.nc, c.socket = conn, nil
	state := conn.ConnectionState()
	return &state, nil
}

// replayConn gives back the one byte that told a TLS handshake.
type replayConn struct {
	net.Conn
	early []byte
}

func (r *replayConn) Read(p []byte) (int, error) {
	if len(r.early) > 0 && len(p) > 0 {
		n := copy(p, r.early)
		r.early = r.early[n:]
		return n, nil
	}
	return r.Conn.Read(p)
}
