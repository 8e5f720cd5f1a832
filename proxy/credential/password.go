package credential

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
)

const (
	passwordBytes = 32
	saltBytes     = 16
	// iterations is PostgreSQL's default. More would buy nothing: the
	// password is 256 random bits.
	iterations = 4096
)

// newPassword makes a random password and the SCRAM-SHA-256 verifier the
// server is given in its place (RFC 5802 section 3, in the form of
// pg_authid.rolpassword).
func newPassword() (Secret, string, error) {
	raw := make([]byte, passwordBytes+saltBytes)
	if _, err := rand.Read(raw); err != nil {
		return Secret{}, "", fmt.Errorf("make a password: %w", err)
	}
	password := base64.RawURLEncoding.EncodeToString(raw[:passwordBytes])
	verifier, err := scramVerifier(password, raw[passwordBytes:])
	if err != nil {
		return Secret{}, "", err
	}
	return NewSecret(password), verifier, nil
}

// scramVerifier takes ASCII passwords only, which SASLprep leaves alone.
func scramVerifier(password string, salt []byte) (string, error) {
	salted, err := pbkdf2.Key(sha256.New, password, salt, iterations, sha256.Size)
	if err != nil {
		return "", fmt.Errorf("derive the verifier: %w", err)
	}
	mac := func(text string) []byte {
		h := hmac.New(sha256.New, salted)
		h.Write([]byte(text))
		return h.Sum(nil)
	}
	stored := sha256.Sum256(mac("Client Key"))
	encode := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s",
		iterations, encode(salt), encode(stored[:]), encode(mac("Server Key"))), nil
}
