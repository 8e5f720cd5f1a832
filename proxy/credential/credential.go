package credential

import (
	"log/slog"
	"time"
)

// Secret is a password or key. It prints nothing wherever it is formatted,
// logged or encoded; Reveal is the only way to its value.
type Secret struct{ value string }

// NewSecret wraps a value.
func NewSecret(value string) Secret { return Secret{value} }

// Reveal returns the value, for the one place that sends it.
func (s Secret) Reveal() string { return s.value }

// String implements fmt.Stringer and prints nothing of the value.
func (Secret) String() string { return "[secret]" }

// GoString implements fmt.GoStringer and prints nothing of the value.
func (Secret) GoString() string { return "[secret]" }

// MarshalText implements encoding.TextMarshaler and prints nothing of the
// value.
func (Secret) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }

// LogValue implements slog.LogValuer and prints nothing of the value.
func (Secret) LogValue() slog.Value { return slog.StringValue("[secret]") }

// Request says for whom a credential is wanted.
type Request struct {
	// SessionID names the session in the role name and the trail.
	SessionID string
	// Subject is the person or program that logged in to the proxy.
	Subject string
	// Database is the database's name in the configuration.
	Database string
}

// Lease is a credential with an end.
type Lease struct {
	// ID names the lease in the trail.
	ID string
	// User and Password log in upstream.
	User     string
	Password Secret
	// Role is the group role the session works as; empty for none.
	Role string
	// Expires is when the credential stops to be valid.
	Expires time.Time
}
