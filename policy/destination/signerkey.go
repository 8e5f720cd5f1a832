package destination

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"strings"
)

// Prefixes of the DER encodings of Ed25519 keys (RFC 8410, sections 4 and 7),
// which have no choices in them.
var (
	publicKeyDER  = []byte{0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00}
	privateKeyDER = []byte{0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20}
)

// ParseSigner reads a signer's public key: the 32 bytes in base64, as Vault's
// transit engine shows them, or PEM, as `openssl pkey -pubout` writes it.
func ParseSigner(text string) (ed25519.PublicKey, error) {
	raw, err := keyBytes(text, "PUBLIC KEY", publicKeyDER)
	if err != nil {
		return nil, errors.New("it is no Ed25519 public key: neither 32 bytes in base64 nor PEM of `openssl pkey -pubout`")
	}
	return raw, nil
}

// ParseSigningKey reads a signer's private key: PEM, as `openssl genpkey
// -algorithm ed25519` writes it, without a passphrase. The error says nothing
// of the key.
func ParseSigningKey(text string) (ed25519.PrivateKey, error) {
	block, rest := pem.Decode([]byte(text))
	if block == nil || len(bytes.TrimSpace(rest)) > 0 {
		return nil, errNoSigningKey
	}
	raw, err := keyBytes(text, "PRIVATE KEY", privateKeyDER)
	if err != nil {
		return nil, errNoSigningKey
	}
	return ed25519.NewKeyFromSeed(raw), nil
}

var errNoSigningKey = errors.New("it is no Ed25519 private key in PEM: make one with `openssl genpkey -algorithm ed25519`")

// keyBytes reads 32 bytes from PEM of the given type, or from base64.
func keyBytes(text, kind string, prefix []byte) ([]byte, error) {
	const size = 32
	if block, rest := pem.Decode([]byte(text)); block != nil {
		raw, found := bytes.CutPrefix(block.Bytes, prefix)
		if block.Type != kind || len(block.Headers) > 0 || !found || len(raw) != size || len(bytes.TrimSpace(rest)) > 0 {
			return nil, errNoSigningKey
		}
		return raw, nil
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(strings.TrimSpace(text))
	if err != nil || len(raw) != size {
		return nil, errNoSigningKey
	}
	return raw, nil
}
