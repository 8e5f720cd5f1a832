package wire

import (
	"errors"
	"fmt"
)

// Side names the end of a connection that an error belongs to.
type Side string

// The sides.
const (
	Client      Side = "client"
	Upstream    Side = "upstream"
	Destination Side = "destination"
)

// SideError is a failed read or write, with the side it failed on.
type SideError struct {
	Side Side
	Op   string // "read" or "write"
	Err  error
}

// Error implements error.
func (e *SideError) Error() string { return fmt.Sprintf("%s: %s: %v", e.Side, e.Op, e.Err) }

// Unwrap returns the cause.
func (e *SideError) Unwrap() error { return e.Err }

// ErrProtocol is wrapped by every error about bytes that are no well-formed
// message.
var ErrProtocol = errors.New("protocol violation")

// ErrTooLarge is wrapped by errors about messages over a limit.
var ErrTooLarge = errors.New("message too large")

// ErrEarlyBytes is returned by StartTLS if the peer sent bytes between its
// SSLRequest and the handshake (CVE-2021-23214 and its kin).
var ErrEarlyBytes = fmt.Errorf("%w: bytes before the TLS handshake", ErrProtocol)

func protocolError(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrProtocol, fmt.Sprintf(format, args...))
}

func tooLarge(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrTooLarge, fmt.Sprintf(format, args...))
}
