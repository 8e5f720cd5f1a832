package proxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/sluice-pg/sluice/proxy/wire"
)

const (
	// smallBody bounds messages that hold a name and little else, in
	// bytes.
	smallBody = 8 << 10
	// parseRoom is what a Parse may be longer than its text: a name and
	// 65,535 parameter types, in bytes.
	parseRoom = smallBody + 4*65535 + 16
)

// errTerminated says that the client said goodbye.
var errTerminated = errors.New("client terminated the session")

// errIdle says that the idle limit was reached.
var errIdle = errors.New("idle limit reached")

// fromClient reads the client's messages until one of them ends the
// session. Each is forwarded as it is, replaced by a marker, or ends the
// session; nothing here writes to the client.
func (s *session) fromClient(ctx context.Context) error {
	for {
		err := s.client.Serve(s.clientRests, oddFromClient, func(h wire.Header) error {
			if err := s.clientSpeaks(h); err != nil {
				return err
			}
			return s.clientMessage(ctx, h)
		})
		switch {
		case s.patience == 0 || !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		case s.patience == s.server.config.Limits.Idle && s.pending.idle() && s.client.Buffered() == 0:
			return errIdle
		}
	}
}

// oddFromClient tells a message that will not be accepted from what its header
// says.
func oddFromClient(h wire.Header) bool {
	switch h.Type {
	case 'Q', 'P', 'B', 'F', 'd', 'c', 'f', 'X':
		return false
	case 'E', 'D', 'C':
		return h.Len > smallBody
	case 'S', 'H':
		return h.Len > 0
	}
	return true
}

// clientRests sends on what has been gathered, and bounds the wait for what
// comes next.
func (s *session) clientRests() error {
	if err := s.flush(); err != nil {
		return err
	}
	if err := s.payOwed(); err != nil {
		return err
	}
	return s.clientDeadline(s.patienceNow())
}

// payOwed sends the Syncs that were held back and are due.
func (s *session) payOwed() error {
	for range s.pending.owed() {
		if err := s.sync(); err != nil {
			return err
		}
	}
	return nil
}

// clientSpeaks comes before every message of the client.
func (s *session) clientSpeaks(h wire.Header) error {
	s.bytesIn.Add(int64(h.Len) + 5)
	if s.held.id != "" && (strings.IndexByte("BDE", h.Type) < 0 || !s.fitsBehindHeld(h.Len)) {
		if err := s.sayHeld(); err != nil {
			return err
		}
	}
	holding, tooFar, leftRole := s.pending.beforeMessage()
	if holding {
		if err := s.payOwed(); err != nil {
			return err
		}
	}
	// The message itself may take as long as it takes.
	if err := s.clientDeadline(0); err != nil {
		return err
	}
	if tooFar {
		if err := s.fallBack(); err != nil {
			return err
		}
	}
	if leftRole {
		return s.takeRoleBack(h.Type)
	}
	return nil
}

// A client that sends on and reads no answers fills sockets, not memory:
// maxAhead is how many messages may wait for an answer, maxTextAhead how many
// bytes of SQL.
const (
	maxAhead     = 5000
	maxTextAhead = 8 << 20
)

// fallBack waits until the client is not too far ahead of the server any more.
func (s *session) fallBack() error {
	if err := s.flushUpstream(); err != nil {
		return err
	}
	p := s.pending
	return p.wait(func() bool { return !p.tooFarAhead() })
}

// heldTick is how often a client that sent a Sync inside a COPY is left
// waiting to see whether the COPY failed.
const heldTick = 20 * time.Millisecond

// patienceNow is how long to wait for the client before looking around; zero
// is for ever.
func (s *session) patienceNow() time.Duration {
	if s.pending.holding() {
		return heldTick
	}
	return s.server.config.Limits.Idle
}

// clientDeadline bounds reading from the client; zero means not at all.
func (s *session) clientDeadline(limit time.Duration) error {
	if limit == 0 && s.patience == 0 {
		return nil
	}
	s.patience = limit
	var at time.Time
	if limit > 0 {
		at = time.Now().Add(limit)
	}
	if err := s.client.SetReadDeadline(at); err != nil {
		return fmt.Errorf("client: %w", err)
	}
	if s.stopped() {
		// The new deadline may have replaced that of stop.
		return errClosed
	}
	return nil
}

func (s *session) clientMessage(ctx context.Context, h wire.Header) error {
	if strings.IndexByte("QPBEF", h.Type) >= 0 {
		if err := s.keepsLease(); err != nil {
			return err
		}
	}
	switch h.Type {
	case 'Q':
		return s.query(ctx, h)
	case 'P':
		return s.parse(ctx, h)
	case 'B':
		return s.bind(ctx)
	case 'E':
		return s.execute(ctx, h)
	case 'D', 'C':
		return s.describeOrClose(h)
	case 'S', 'H':
		return s.syncOrFlush(h)
	case 'F':
		return s.functionCall(ctx, h)
	case 'd', 'c', 'f':
		return s.copyData(h)
	case 'X':
		return s.terminate()
	}
	return fmt.Errorf("%w: client: unexpected message type %q", wire.ErrProtocol, h.Type)
}

func (s *session) terminate() error {
	if err := s.client.Discard(); err != nil {
		return err
	}
	s.left.Store(true)
	if err := s.upstream.conn.WriteFrame('X'); err != nil {
		return err
	}
	if err := s.flush(); err != nil {
		return err
	}
	return errTerminated
}

// send pushes a ticket and gathers its message. The ticket comes first, so
// that the answer never finds the queue without it.
func (s *session) send(t *ticket, typ byte, parts ...[]byte) error {
	if err := s.push(t); err != nil {
		return err
	}
	return s.upstream.conn.WriteFrame(typ, parts...)
}

var nul = []byte{0}

// sendMarker sends what the server will refuse in the place of a message of
// the given type. A Parse of the unnamed statement takes away the one before
// it even if it fails; a Parse under a name of its own leaves that alone.
func (s *session) sendMarker(typ byte, r *refusal) error {
	if err := s.sayHeld(); err != nil {
		return err // it may not fit behind what is held
	}
	t := &ticket{typ: typ, refusal: r}
	switch typ {
	case 'Q':
		return s.send(t, 'Q', []byte(r.marker()), nul)
	case 'F':
		// No function has OID 0.
		return s.send(t, 'F', make([]byte, 8), []byte{0, 0})
	}
	name := []byte("sluice_refused")
	if r.unnamed {
		name = nil
	}
	return s.send(t, 'P', name, nul, []byte(r.marker()), []byte{0, 0, 0})
}

// cutString takes a NUL-terminated string off a body.
func cutString(body []byte) (string, []byte, bool) {
	text, rest, ok := bytes.Cut(body, nul)
	return string(text), rest, ok
}
