package credential

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const redacted = "[secret]"

// Secret is a password or key. It prints nothing wherever it is formatted,
// logged or encoded; Reveal is the only way to its value. The zero value is
// the empty secret.
type Secret struct {
	// A pointer, because fmt prints an unexported field of somebody else's
	// struct without asking its methods, and of a pointer only the address.
	value *string
}

// NewSecret wraps a value.
func NewSecret(value string) Secret { return Secret{&value} }

// Reveal returns the value, for the one place that sends it.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// Format implements fmt.Formatter, so that no verb reaches the value.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// String implements fmt.Stringer and prints nothing of the value.
func (Secret) String() string { return redacted }

// GoString implements fmt.GoStringer and prints nothing of the value.
func (Secret) GoString() string { return redacted }

// MarshalText implements encoding.TextMarshaler and prints nothing of the
// value.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue implements slog.LogValuer and prints nothing of the value.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// Request says for whom a credential is wanted.
type Request struct {
	// SessionID names the session in the role name and the trail.
	SessionID string
	// Subject is the person or program that logged in to the proxy.
	Subject string
	// Person tells people apart who have the same Subject; empty where names do.
	Person string
	// Database is the database's name in the configuration.
	Database string
	// Role is the name of the Vault role that the credential is to be of, Group
	// the role of the database that the session is to work as. The built-in
	// issuer ignores Role, and Group if it has one of its own.
	Role  string
	Group string
	// Connections is how many connections are opened with it at a time; zero for
	// as many as a session needs. Vault's roles say themselves how many may be.
	Connections int
	// Share says whether others may have the lease too.
	Share Share
	// Replication asks for a login that may open replication connections.
	Replication bool
}

// Check says what is wrong with the names in a request. They go into comments,
// journals and the log of Vault, so they are short and printable.
func (r Request) Check() error {
	for _, field := range []struct{ name, value string }{
		{"session", r.SessionID}, {"subject", r.Subject},
	} {
		switch {
		case field.value == "":
			return fmt.Errorf("the request names no %s", field.name)
		case len(field.value) > 256:
			return fmt.Errorf("the %s is longer than 256 bytes", field.name)
		case !utf8.ValidString(field.value) || strings.ContainsFunc(field.value, unicode.IsControl):
			return fmt.Errorf("the %s is not printable text", field.name)
		}
	}
	return nil
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
	// Expires is when the credential stops to be valid, as known when it was
	// issued. Where there is a Life, that knows better.
	Expires time.Time
	// Life is the end of the lease as it changes; nil if it never does.
	Life *Life
	// Backends takes the server processes that log in with the lease; nil if
	// the issuer finds them without.
	Backends *Backends
	// EndsBackends says that End sees to it that every backend is gone,
	// verified by its process id. Without it whoever logged in has to close
	// its own connections, and cannot verify that.
	EndsBackends bool
	// Weak says that the password was not made for this lease, so that others
	// may know it, and is not taken away with it.
	Weak bool

	part *part // of a lease that others have too
}
