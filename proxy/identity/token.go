package identity

import (
	"fmt"
	"io"
	"log/slog"
)

// MaxToken bounds a token, and the login message that carries it, in bytes.
// Providers that list every group of a person come to some kilobytes; the
// other methods keep the bound of 1,024 bytes.
const MaxToken = 16 << 10

const tokenRedacted = "[token]"

// Token is a bearer token (RFC 6750) as a client sent it: whoever has it can
// log in with it until it expires. It prints nothing wherever it is formatted,
// logged or encoded. The zero value is no token.
type Token struct {
	// A pointer, because fmt prints an unexported field of somebody else's
	// struct without asking its methods, and of a pointer only the address.
	value *string
}

func newToken(value []byte) Token {
	text := string(value)
	return Token{&text}
}

// reveal returns the token, for the one place that verifies it.
func (t Token) reveal() string {
	if t.value == nil {
		return ""
	}
	return *t.value
}

// Format implements fmt.Formatter, so that no verb reaches the value.
func (Token) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, tokenRedacted) }

// String implements fmt.Stringer and prints nothing of the value.
func (Token) String() string { return tokenRedacted }

// GoString implements fmt.GoStringer and prints nothing of the value.
func (Token) GoString() string { return tokenRedacted }

// MarshalText implements encoding.TextMarshaler and prints nothing of the
// value.
func (Token) MarshalText() ([]byte, error) { return []byte(tokenRedacted), nil }

// LogValue implements slog.LogValuer and prints nothing of the value.
func (Token) LogValue() slog.Value { return slog.StringValue(tokenRedacted) }
