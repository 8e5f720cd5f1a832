package mask

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// keySize is the least length of a key, in bytes.
const keySize = 32

const redacted = "[mask key]"

var errShortKey = errors.New("a key for pseudonyms needs at least 32 random bytes")

// Key is what pseudonyms are made with. It prints nothing wherever it is
// formatted, logged or encoded, and there is no way to read it. The zero value
// is no key.
type Key struct {
	// A pointer, because fmt prints an unexported field of somebody else's
	// struct without asking its methods, and of a pointer only the address.
	secret *[]byte
}

// NewKey makes a key of at least 32 bytes of secret, which it copies.
func NewKey(secret []byte) (Key, error) {
	if len(secret) < keySize {
		return Key{}, errShortKey
	}
	own := append([]byte(nil), secret...)
	return Key{&own}, nil
}

// IsZero is true if there is no key.
func (k Key) IsZero() bool { return k.secret == nil }

// same tells whether both make the same pseudonyms, in constant time.
func (k Key) same(other Key) bool {
	if k.secret == nil || other.secret == nil {
		return k.secret == other.secret
	}
	return hmac.Equal(*k.secret, *other.secret)
}

// derive returns 32 bytes that are the key of one domain and use. What it is
// for is part of what is hashed, so that two uses never share a key.
func (k Key) derive(use, domain string) []byte {
	h := hmac.New(sha256.New, *k.secret)
	_, _ = fmt.Fprintf(h, "sluice mask v1\x00%s\x00%s", use, domain)
	return h.Sum(nil)
}

// Format implements fmt.Formatter, so that no verb reaches the key.
func (Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// String implements fmt.Stringer and prints nothing of the key.
func (Key) String() string { return redacted }

// GoString implements fmt.GoStringer and prints nothing of the key.
func (Key) GoString() string { return redacted }

// MarshalText implements encoding.TextMarshaler and prints nothing of the key.
func (Key) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue implements slog.LogValuer and prints nothing of the key.
func (Key) LogValue() slog.Value { return slog.StringValue(redacted) }
