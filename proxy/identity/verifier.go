package identity

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/xdg-go/scram"
	"github.com/xdg-go/stringprep"
)

const (
	// MinIterations is the least RFC 7677 section 4 allows.
	MinIterations = 4096
	// MaxIterations is what pgx accepts from a server; more would lock its
	// users out.
	MaxIterations = 10_000_000
	// DefaultIterations is what AddUser takes when it is told none: some
	// 30 ms on a client of today.
	DefaultIterations = 32768

	verifierPrefix = "SCRAM-SHA-256$"
	saltLength     = 16 // as PostgreSQL (SCRAM_DEFAULT_SALT_LEN)
	minSaltLength  = 8
	maxSaltLength  = 64
	maxNameLength  = 63 // NAMEDATALEN - 1, the longest name a client can use
	maxLineLength  = 1024
)

// verifier is what the server side of SCRAM keeps of a password (RFC 5802
// section 3): enough to check a proof, too little to make one.
type verifier struct {
	iterations int
	salt       []byte
	storedKey  []byte
	serverKey  []byte
}

// parseLine reads one line of a verifiers file, without its line end:
//
//	name:SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey
//
// Errors never quote the line.
func parseLine(line string) (name string, v verifier, err error) {
	if len(line) > maxLineLength {
		return "", verifier{}, fmt.Errorf("line is longer than %d bytes", maxLineLength)
	}
	name, rest, ok := strings.Cut(line, ":")
	if !ok {
		return "", verifier{}, errors.New("no ':' between name and verifier")
	}
	if err := checkName(name); err != nil {
		return "", verifier{}, err
	}
	v, err = parseVerifier(rest)
	if err != nil {
		return "", verifier{}, err
	}
	return name, v, nil
}

// parseVerifier reads PostgreSQL's own form of a SCRAM verifier
// (src/common/scram-common.c, scram_build_secret).
func parseVerifier(text string) (verifier, error) {
	rest, ok := strings.CutPrefix(text, verifierPrefix)
	if !ok {
		return verifier{}, errors.New("the verifier does not begin with SCRAM-SHA-256$")
	}
	factors, keys, ok := strings.Cut(rest, "$")
	if !ok {
		return verifier{}, errors.New("no '$' between salt and keys")
	}
	count, salt, ok := strings.Cut(factors, ":")
	if !ok {
		return verifier{}, errors.New("no ':' between iteration count and salt")
	}
	stored, server, ok := strings.Cut(keys, ":")
	if !ok {
		return verifier{}, errors.New("no ':' between StoredKey and ServerKey")
	}

	var v verifier
	var err error
	if v.iterations, err = parseIterations(count); err != nil {
		return verifier{}, err
	}
	if v.salt, err = parseBase64("salt", salt, minSaltLength, maxSaltLength); err != nil {
		return verifier{}, err
	}
	if v.storedKey, err = parseBase64("StoredKey", stored, sha256.Size, sha256.Size); err != nil {
		return verifier{}, err
	}
	if v.serverKey, err = parseBase64("ServerKey", server, sha256.Size, sha256.Size); err != nil {
		return verifier{}, err
	}
	return v, nil
}

func parseIterations(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || strconv.Itoa(n) != text {
		return 0, errors.New("the iteration count is not a plain decimal number")
	}
	return n, checkIterations(n)
}

func checkIterations(n int) error {
	if n < MinIterations || n > MaxIterations {
		return fmt.Errorf("the iteration count %d is not between %d and %d", n, MinIterations, MaxIterations)
	}
	return nil
}

// parseBase64 accepts only the one canonical spelling of a value, so that a
// line has one meaning and one form.
func parseBase64(what, text string, least, most int) ([]byte, error) {
	value, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || base64.StdEncoding.EncodeToString(value) != text {
		return nil, fmt.Errorf("the %s is not base64", what)
	}
	if len(value) < least || len(value) > most {
		return nil, fmt.Errorf("the %s has %d bytes, want %s", what, len(value), span(least, most))
	}
	return value, nil
}

func span(least, most int) string {
	if least == most {
		return strconv.Itoa(least)
	}
	return fmt.Sprintf("%d to %d", least, most)
}

// checkName says whether a name can stand in a verifiers file and in a
// start-up packet.
func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("the user name is empty")
	case len(name) > maxNameLength:
		return fmt.Errorf("the user name is longer than %d bytes", maxNameLength)
	case !utf8.ValidString(name):
		return errors.New("the user name is not UTF-8")
	case strings.ContainsRune(name, ':'):
		return errors.New("the user name contains ':'")
	case strings.ContainsFunc(name, unicode.IsControl):
		return errors.New("the user name contains a control character, a line break or a NUL")
	case strings.HasPrefix(name, "#"):
		return errors.New("the user name begins with '#', which begins a comment")
	case strings.TrimSpace(name) != name:
		return errors.New("the user name begins or ends with white space")
	}
	return nil
}

// format is the inverse of parseVerifier.
func (v verifier) format() string {
	encode := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("%s%d:%s$%s:%s", verifierPrefix,
		v.iterations, encode(v.salt), encode(v.storedKey), encode(v.serverKey))
}

// credentials hands the verifier to the SCRAM library.
func (v verifier) credentials() scram.StoredCredentials {
	return scram.StoredCredentials{
		KeyFactors: scram.KeyFactors{Salt: string(v.salt), Iters: v.iterations},
		StoredKey:  v.storedKey,
		ServerKey:  v.serverKey,
	}
}

// newVerifier makes a verifier with a fresh salt.
func newVerifier(password []byte, iterations int) (verifier, error) {
	salt := make([]byte, saltLength)
	if _, err := rand.Read(salt); err != nil {
		return verifier{}, fmt.Errorf("make a salt: %w", err)
	}
	return deriveVerifier(password, salt, iterations)
}

// deriveVerifier computes StoredKey and ServerKey (RFC 5802 section 3).
func deriveVerifier(password, salt []byte, iterations int) (verifier, error) {
	prepared := prepare(password)
	if prepared == "" {
		return verifier{}, errors.New("the password is empty")
	}
	salted, err := pbkdf2.Key(sha256.New, prepared, salt, iterations, sha256.Size)
	if err != nil {
		return verifier{}, fmt.Errorf("derive the keys: %w", err)
	}
	storedKey := sha256.Sum256(keyed(salted, "Client Key"))
	return verifier{
		iterations: iterations,
		salt:       salt,
		storedKey:  storedKey[:],
		serverKey:  keyed(salted, "Server Key"),
	}, nil
}

func keyed(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// prepare applies SASLprep (RFC 4013) the way PostgreSQL and libpq do, so
// that both ends hash the same thing: a password that SASLprep refuses is
// taken byte for byte as it is, and the zero-width space, which RFC 3454
// lists both as a space and as nothing, is a space.
func prepare(password []byte) string {
	spaced := strings.ReplaceAll(string(password), "\u200b", " ")
	prepared, err := stringprep.SASLprep.Prepare(spaced)
	if err != nil {
		return string(password)
	}
	return prepared
}
