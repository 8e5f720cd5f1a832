package audit

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

const (
	keyNamePrefix = "sluice-trail/"
	publicSuffix  = ".pub"
	maxKeyBytes   = 4096
)

// ErrKey is the error for a key that is there and cannot be used.
var ErrKey = errors.New("the trail's key cannot be used")

// Key signs a trail's checkpoints. It is an ed25519 key in the encoding of
// golang.org/x/mod/sumdb/note, and satisfies note.Signer. However it is
// printed, logged or marshalled, only its public name is shown.
type Key struct {
	signer   note.Signer
	verifier note.Verifier
	public   string
	// derive makes other secrets; a function shows nothing when it is printed.
	derive func(purpose string) [sha256.Size]byte
}

// NewKey makes a key with a name of its own, in memory only.
func NewKey() (*Key, error) {
	key, _, err := generateKey()
	return key, err
}

// VerifierKey returns the public key as note.NewVerifier reads it.
func (k *Key) VerifierKey() string { return k.public }

// Verifier returns what checks this key's signatures.
func (k *Key) Verifier() note.Verifier { return k.verifier }

// Derive makes a secret of 32 bytes for a purpose, from the private key: the same
// for the same key and purpose, and of no help to who wants the key, or the
// secret for another purpose.
func (k *Key) Derive(purpose string) [sha256.Size]byte {
	return k.derive(purpose)
}

func keyed(key []byte, text string) (sum [sha256.Size]byte) {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	mac.Sum(sum[:0])
	return sum
}

// Name implements note.Signer.
func (k *Key) Name() string { return k.signer.Name() }

// KeyHash implements note.Signer.
func (k *Key) KeyHash() uint32 { return k.signer.KeyHash() }

// Sign implements note.Signer.
func (k *Key) Sign(msg []byte) ([]byte, error) { return k.signer.Sign(msg) }

// String names the key without saying anything secret.
func (k *Key) String() string { return fmt.Sprintf("%s+%08x", k.Name(), k.KeyHash()) }

// GoString implements fmt.GoStringer.
func (k *Key) GoString() string { return "audit.Key(" + k.String() + ")" }

// Format implements fmt.Formatter: every verb prints the public name.
func (k *Key) Format(f fmt.State, _ rune) { fmt.Fprint(f, k.String()) }

// LogValue implements slog.LogValuer.
func (k *Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalText implements encoding.TextMarshaler.
func (k *Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// parseKeyText reads a private key as it is kept, with or without the end of a
// line.
func parseKeyText(text string) (*Key, error) { return parseKey(strings.TrimSuffix(text, "\n")) }

// parseKey reads a private key. Its errors never quote it.
func parseKey(private string) (*Key, error) {
	if len(private) > maxKeyBytes {
		return nil, fmt.Errorf("audit: %w: it has %d bytes, and no key has more than %d", ErrKey, len(private), maxKeyBytes)
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		return nil, fmt.Errorf("audit: %w: %s (%w)", ErrKey, wrongKind(private), err)
	}
	public, err := publicHalf(signer.Name(), private)
	if err != nil {
		return nil, fmt.Errorf("audit: %w: %w", ErrKey, err)
	}
	verifier, err := note.NewVerifier(public)
	if err != nil || verifier.KeyHash() != signer.KeyHash() {
		return nil, fmt.Errorf("audit: %w: its halves do not fit", ErrKey)
	}
	root := keyed([]byte(private), "sluice: secrets derived from a trail's key")
	derive := func(purpose string) [sha256.Size]byte { return keyed(root[:], purpose) }
	return &Key{signer, verifier, public, derive}, nil
}

// wrongKind says what a text is that is no private key of a trail.
func wrongKind(text string) string {
	_, err := note.NewVerifier(text)
	switch {
	case err == nil:
		return "it is the public half, and the private one is needed"
	case strings.HasPrefix(text, "-----BEGIN "):
		return "it is a PEM file, and no key that Sluice makes"
	case strings.HasPrefix(text, "PRIVATE+KEY+"):
		return "it is damaged"
	}
	return "it is no key that Sluice makes"
}

// publicHalf derives the verifier key. The private key is
// PRIVATE+KEY+name+hash+data, where data is base64 of a byte for the
// algorithm and the 32 bytes of the seed.
func publicHalf(name, private string) (string, error) {
	fields := strings.SplitN(private, "+", 5)
	data, err := base64.StdEncoding.DecodeString(fields[len(fields)-1])
	defer clear(data)
	if err != nil || len(data) != 1+ed25519.SeedSize {
		return "", errors.New("malformed key data")
	}
	public := ed25519.NewKeyFromSeed(data[1:]).Public().(ed25519.PublicKey)
	return note.NewEd25519VerifierKey(name, public)
}

func generateKey() (key *Key, private string, err error) {
	id := make([]byte, 5)
	if _, err := rand.Read(id); err != nil {
		return nil, "", fmt.Errorf("audit: making a key: %w", err)
	}
	name := keyNamePrefix + strings.ToLower(base32.StdEncoding.EncodeToString(id))
	private, _, err = note.GenerateKey(rand.Reader, name)
	if err != nil {
		return nil, "", fmt.Errorf("audit: making a key: %w", err)
	}
	key, err = parseKey(private)
	return key, private, err
}

// publish keeps the verifier key at path.
func (k *Key) publish(path string) error {
	err := writeExclusive(path, []byte(k.public+"\n"), 0o644)
	if err == nil {
		return nil
	}
	if !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("audit: writing the verifier key: %w", err)
	}
	return k.CheckPublic(path)
}
