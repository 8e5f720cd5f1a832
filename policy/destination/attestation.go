package destination

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Attestation is a signed statement about what SQL and the network cannot show.
// It is about one cluster behind one key: a clone keeps the system identifier,
// and another server could be given the key, but hardly both.
//
// A file holds two lines. The first is the statement as canonical JSON: the keys
// of every object sorted, no blanks, no escapes that are not needed, times in
// UTC with whole seconds. The second is
//
//	ed25519 SIGNER SIGNATURE
//
// where SIGNER is the name that the policy gives to a public key, and SIGNATURE
// the signature (RFC 8032) of the first line without its end, in base64 (RFC
// 4648, section 4). With the first line alone and without its end in a file,
// `openssl pkeyutl -verify -rawin` checks it too.
type Attestation struct {
	// By is who states it, for people.
	By string `json:"by"`
	// Claim is what is stated, such as volume: luks2.
	Claim map[string]string `json:"claim"`
	// IssuedAt and NotAfter bound when it holds.
	IssuedAt time.Time `json:"issued_at"`
	NotAfter time.Time `json:"not_after"`
	// SystemIdentifier and SPKI are what it is about: the cluster, and the
	// SHA-256 in hex of the public key of its certificate.
	SystemIdentifier string `json:"system_identifier"`
	SPKI             string `json:"tls_spki_sha256"`
	// Type is what kind of statement it is; TypeAtRest is known.
	Type string `json:"type"`
	// Version is 1.
	Version int `json:"v"`

	// signer is the name of the key; set by Verify alone.
	signer string
}

// TypeAtRest states that data is encrypted at rest.
const TypeAtRest = "at-rest"

// Signer is the name of the key that signed, and "" if nobody has verified the
// signature.
func (a *Attestation) Signer() string { return a.signer }

const (
	maxAttestation  = 8 << 10
	maxClaims       = 32
	signatureMethod = "ed25519"
)

// Attest signs a statement and returns the file. Its times are cut to seconds.
func Attest(a Attestation, signer string, key ed25519.PrivateKey) ([]byte, error) {
	a.Version = 1
	a.IssuedAt, a.NotAfter = a.IssuedAt.UTC().Truncate(time.Second), a.NotAfter.UTC().Truncate(time.Second)
	switch err := a.check(); {
	case err != nil:
		return nil, err
	case !signerName(signer):
		return nil, fmt.Errorf("%q is no name of a signer: letters, digits, dot, hyphen and underscore, at most 64", Clean(signer))
	case len(key) != ed25519.PrivateKeySize:
		return nil, fmt.Errorf("the key is no Ed25519 private key: it has %d bytes, not %d", len(key), ed25519.PrivateKeySize)
	}
	statement, err := a.canonical()
	if err != nil {
		return nil, err
	}
	return assemble(statement, signer, ed25519.Sign(key, statement)), nil
}

// SigningInput is the exact text to be signed, for keys that live elsewhere,
// such as in Vault's transit engine; Assemble makes the file of it.
func SigningInput(a Attestation) ([]byte, error) {
	a.Version = 1
	a.IssuedAt, a.NotAfter = a.IssuedAt.UTC().Truncate(time.Second), a.NotAfter.UTC().Truncate(time.Second)
	if err := a.check(); err != nil {
		return nil, err
	}
	return a.canonical()
}

// Assemble makes the file of a text of SigningInput and its signature.
func Assemble(statement []byte, signer string, signature []byte) ([]byte, error) {
	if !signerName(signer) || len(signature) != ed25519.SignatureSize {
		return nil, errors.New("the signer's name or the signature has not the form it must have")
	}
	if _, err := parseStatement(statement); err != nil {
		return nil, err
	}
	return assemble(statement, signer, signature), nil
}

func assemble(statement []byte, signer string, signature []byte) []byte {
	return fmt.Appendf(nil, "%s\n%s %s %s\n", statement, signatureMethod, signer, base64.StdEncoding.EncodeToString(signature))
}

// Verify reads a file and checks its form and its signature by one of the keys
// that the policy names. Whether it is about a place, and still holds, is
// checked by About.
func Verify(file []byte, signers map[string]ed25519.PublicKey) (*Attestation, error) {
	if len(file) > maxAttestation {
		return nil, fmt.Errorf("the attestation has %d bytes, more than %d", len(file), maxAttestation)
	}
	statement, rest, found := bytes.Cut(file, []byte("\n"))
	line, after, ended := bytes.Cut(rest, []byte("\n"))
	if !found || !ended || len(after) > 0 {
		return nil, errors.New("the attestation is not two whole lines: a statement and its signature; perhaps a part of it is missing")
	}
	words := strings.Split(string(line), " ")
	if len(words) != 3 || words[0] != signatureMethod {
		return nil, errors.New(`the attestation's second line is not "ed25519 SIGNER SIGNATURE"`)
	}
	key, named := signers[words[1]]
	if !named {
		return nil, fmt.Errorf("the policy names no key %q; it names %s", Clean(words[1]), keyNames(signers))
	}
	signature, err := base64.StdEncoding.Strict().DecodeString(words[2])
	if err != nil || len(signature) != ed25519.SignatureSize || len(key) != ed25519.PublicKeySize ||
		base64.StdEncoding.EncodeToString(signature) != words[2] {
		return nil, errors.New("the attestation's signature is not 64 bytes in base64")
	}
	if !ed25519.Verify(key, statement, signature) {
		return nil, fmt.Errorf("the signature of %q does not fit: the statement was changed after it was signed, or the policy's key is another one", words[1])
	}
	a, err := parseStatement(statement)
	if err != nil {
		return nil, err
	}
	a.signer = words[1]
	return a, nil
}

func keyNames(signers map[string]ed25519.PublicKey) string {
	if len(signers) == 0 {
		return "none"
	}
	return named(slices.Sorted(maps.Keys(signers)))
}

// parseStatement reads a statement, which must be canonical.
func parseStatement(text []byte) (*Attestation, error) {
	if !utf8.Valid(text) {
		return nil, errors.New("the statement is not UTF-8")
	}
	var a Attestation
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&a); err != nil {
		return nil, fmt.Errorf("the statement cannot be read: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the statement")
	}
	if err := a.check(); err != nil {
		return nil, err
	}
	again, err := a.canonical()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, text) {
		return nil, errors.New("the statement is not in its canonical form, so it could be read in two ways")
	}
	return &a, nil
}

// canonical is the statement as it is signed. The fields of Attestation stand
// in the order of their names, and encoding/json sorts maps.
func (a *Attestation) canonical() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(a); err != nil {
		return nil, fmt.Errorf("the statement has no JSON: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// check refuses statements that say too little.
func (a *Attestation) check() error {
	switch {
	case a.Version != 1:
		return fmt.Errorf("the statement's version is %d, and 1 is the only one known", a.Version)
	case a.Type != TypeAtRest:
		return fmt.Errorf("the statement's type is %q, and %s is the only one known", Clean(a.Type), TypeAtRest)
	case !isNumber(a.SystemIdentifier):
		return errors.New("system_identifier is not a number as pg_control_system() shows it")
	case !isSHA256(a.SPKI):
		return errors.New("tls_spki_sha256 is not a SHA-256 in lower-case hex")
	case a.By == "" || len(a.By) > 200:
		return errors.New("by is empty or longer than 200 bytes")
	case !wholeSeconds(a.IssuedAt) || !wholeSeconds(a.NotAfter):
		return errors.New("issued_at and not_after must be times in UTC with whole seconds")
	case !a.IssuedAt.Before(a.NotAfter):
		return errors.New("it ends before it begins: not_after is not after issued_at")
	case len(a.Claim) == 0 || len(a.Claim) > maxClaims:
		return fmt.Errorf("it claims nothing, or more than %d things", maxClaims)
	}
	for key, value := range a.Claim {
		if key == "" || len(key) > 64 || len(value) > 500 {
			return errors.New("a claim has no name, or is too long")
		}
	}
	return nil
}

func wholeSeconds(t time.Time) bool {
	_, offset := t.Zone()
	return !t.IsZero() && t.Nanosecond() == 0 && offset == 0
}

func isNumber(s string) bool {
	n, err := strconv.ParseUint(s, 10, 64)
	return err == nil && strconv.FormatUint(n, 10) == s && n > 0
}

func isSHA256(s string) bool {
	raw, err := hex.DecodeString(s)
	return err == nil && len(raw) == 32 && strings.ToLower(s) == s
}

// signerName reports whether a name can be that of a signer.
func signerName(s string) bool {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"
	return s != "" && len(s) <= 64 && strings.Trim(s, allowed) == "" &&
		!strings.ContainsFunc(s, func(r rune) bool { return !strings.ContainsRune(allowed, r) })
}

// About says why an attestation does not hold for a place at a time, and nil
// if it does: keys are all that the place shows, and every one must be the one
// that is attested. A maximum age of 0 leaves it to the attestation's own end.
func (a *Attestation) About(systemIdentifier string, keys []string, now time.Time, maximumAge time.Duration) error {
	const skew = 5 * time.Minute
	switch {
	case a.signer == "":
		return errors.New("nobody has verified its signature")
	case a.SystemIdentifier != systemIdentifier:
		return fmt.Errorf("it is about the cluster %s, and this is %s", a.SystemIdentifier, Clean(systemIdentifier))
	case len(keys) == 0:
		return errors.New("it is about a certificate's key, and the place showed none")
	case now.Before(a.IssuedAt.Add(-skew)):
		return fmt.Errorf("it begins only at %s", a.IssuedAt.Format(time.RFC3339))
	case !now.Before(a.NotAfter):
		return fmt.Errorf("it ended at %s: have it made again", a.NotAfter.Format(time.RFC3339))
	case maximumAge > 0 && now.Sub(a.IssuedAt) > maximumAge:
		return fmt.Errorf("it is of %s, and may be %s old at most: have it made again", a.IssuedAt.Format(time.RFC3339), maximumAge)
	}
	for _, key := range keys {
		if key != a.SPKI {
			return fmt.Errorf("it is about a server with the key %.16s, and one with %.16s answers", a.SPKI, Clean(key))
		}
	}
	return nil
}

// atRest judges what is attested about encryption at rest.
func (j *judge) atRest() {
	if j.floor.AtRest == "" {
		return
	}
	const fix = "Have somebody whom the policy names as a signer attest it: `sluice destination attest NAME`."
	const what = "Whether data is encrypted at rest"
	if len(j.with.Attestations) == 0 {
		j.unknown(CodeAtRest, what, "nobody has attested it", fix)
		return
	}
	if j.m.Inside == nil || !j.m.Inside.SystemIdentifier.Known {
		j.unknown(CodeAtRest, what, "which cluster answers is not known", fixSetup)
		return
	}
	var keys []string
	for _, o := range j.m.Outside {
		for _, c := range o.TLS.Certificates {
			keys = append(keys, c.Key)
		}
	}
	var why []string
	for _, a := range j.with.Attestations {
		err := a.About(j.m.Inside.SystemIdentifier.Value, keys, j.with.Now, j.floor.AttestationAge)
		if err == nil && a.Type == TypeAtRest {
			return
		}
		if err != nil {
			why = append(why, err.Error())
		}
	}
	j.unknown(CodeAtRest, what, "no attestation holds: "+strings.Join(why, "; "), fix)
}
