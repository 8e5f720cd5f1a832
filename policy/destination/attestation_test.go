package destination

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"strings"
	"testing"
	"time"
)

// testSigner is a key of which only tests know.
var testSigner = ed25519.NewKeyFromSeed([]byte(strings.Repeat("s", 32)))

func testSigners() map[string]ed25519.PublicKey {
	return map[string]ed25519.PublicKey{"platform-1": testSigner.Public().(ed25519.PublicKey)}
}

func testStatement() Attestation {
	return Attestation{
		Type: TypeAtRest, By: "platform <team> & Co", Claim: map[string]string{"volume": "luks2/aes-xts", "kms": "vault:transit/pg-dest", "backups": "encrypted"},
		SystemIdentifier: testSystem, SPKI: testKey, IssuedAt: testNow.Add(-time.Hour), NotAfter: testNow.AddDate(0, 1, 0),
	}
}

func testFile(t testing.TB) []byte {
	t.Helper()
	file, err := Attest(testStatement(), "platform-1", testSigner)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func TestAttestation(t *testing.T) {
	file := testFile(t)
	const want = `{"by":"platform <team> & Co","claim":{"backups":"encrypted","kms":"vault:transit/pg-dest","volume":"luks2/aes-xts"},` +
		`"issued_at":"2026-03-01T11:00:00Z","not_after":"2026-04-01T12:00:00Z","system_identifier":"7711082518470945569","tls_spki_sha256":"` + testKey + `","type":"at-rest","v":1}`
	if first, _, _ := strings.Cut(string(file), "\n"); first != want {
		t.Errorf("statement %s", first)
	}
	a, err := Verify(file, testSigners())
	if err != nil || a.Signer() != "platform-1" {
		t.Fatalf("%+v, %v", a, err)
	}
	if err := a.About(testSystem, []string{testKey}, testNow, 24*time.Hour); err != nil {
		t.Error(err)
	}
	// What a key elsewhere signs is the same file.
	input, err := SigningInput(testStatement())
	if err != nil {
		t.Fatal(err)
	}
	again, err := Assemble(input, "platform-1", ed25519.Sign(testSigner, input))
	if err != nil || !bytes.Equal(again, file) {
		t.Errorf("%s, %v", again, err)
	}
}

// Every byte counts: none can be changed, left out or added.
func TestAttestationIsWhole(t *testing.T) {
	file := testFile(t)
	refused := func(what string, changed []byte, at int) {
		t.Helper()
		if a, err := Verify(changed, testSigners()); err == nil {
			t.Fatalf("%s at %d is taken: %+v", what, at, a)
		} else if len(err.Error()) < 20 {
			t.Errorf("%s at %d: %v says nothing", what, at, err)
		}
	}
	for i := range file {
		for _, flip := range []byte{0x01, 0x20, 0x80, 0xff} {
			changed := bytes.Clone(file)
			changed[i] ^= flip
			refused("a flipped byte", changed, i)
		}
		refused("a truncation", file[:i], i)
		refused("a byte left out", append(bytes.Clone(file[:i]), file[i+1:]...), i)
		refused("a byte twice", append(bytes.Clone(file[:i+1]), file[i:]...), i)
		refused("a blank", append(append(bytes.Clone(file[:i]), ' '), file[i:]...), i)
	}
	refused("a second file", append(bytes.Clone(file), file...), len(file))
}

// Statements that are signed, and yet not of the form.
func TestAttestationForm(t *testing.T) {
	statement, _, _ := strings.Cut(string(testFile(t)), "\n")
	for _, c := range []struct{ from, to, says string }{
		{`"v":1`, `"v":2`, "version is 2"},
		{`{"by"`, `{ "by"`, "canonical"},
		{`"type":"at-rest"`, `"type":"at-rest","type":"at-rest"`, "canonical"},
		{`"v":1}`, `"v":1,"more":true}`, "more"},
		{`"v":1}`, `"v":1}{}`, "follows"},
		{`at-rest`, `in-flight`, "type"},
		{testSystem, "0" + testSystem, "system_identifier"},
		{testKey, strings.ToUpper(testKey), "tls_spki_sha256"},
		{`11:00:00Z`, `11:00:00.5Z`, "whole seconds"},
		{`11:00:00Z`, `12:00:00+01:00`, "in UTC"},
		{`2026-04-01`, `2026-02-01`, "ends before it begins"},
		{`11:00:00Z`, `11:00:00+00:00`, "canonical"},
		{`platform <team>`, `platform \u003cteam>`, "canonical"},
		{`"by":"platform <team> & Co"`, `"by":""`, "by is empty"},
		{`{"backups":"encrypted","kms":"vault:transit/pg-dest","volume":"luks2/aes-xts"}`, `{}`, "claims nothing"},
	} {
		changed := strings.Replace(statement, c.from, c.to, 1)
		if changed == statement {
			t.Fatalf("%s is not there", c.from)
		}
		file := assemble([]byte(changed), "platform-1", ed25519.Sign(testSigner, []byte(changed)))
		if _, err := Verify(file, testSigners()); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", c.to, err, c.says)
		}
	}
	if _, err := Verify(testFile(t), nil); err == nil || !strings.Contains(err.Error(), `names no key "platform-1"; it names none`) {
		t.Errorf("without signers: %v", err)
	}
	other := map[string]ed25519.PublicKey{"platform-1": ed25519.NewKeyFromSeed([]byte(strings.Repeat("o", 32))).Public().(ed25519.PublicKey)}
	if _, err := Verify(testFile(t), other); err == nil || !strings.Contains(err.Error(), "does not fit") {
		t.Errorf("another key: %v", err)
	}
}

// An attestation holds for its cluster behind its key, and for its time.
func TestAbout(t *testing.T) {
	a, err := Verify(testFile(t), testSigners())
	if err != nil {
		t.Fatal(err)
	}
	key, other := []string{testKey}, strings.Repeat("a", 64)
	for _, c := range []struct {
		system string
		keys   []string
		now    time.Time
		age    time.Duration
		says   string
	}{
		{"1", key, testNow, 0, "it is about the cluster"},
		{testSystem, nil, testNow, 0, "the place showed none"},
		{testSystem, []string{other}, testNow, 0, "it is about a server with the key"},
		{testSystem, []string{testKey, other}, testNow, 0, "it is about a server with the key"},
		{testSystem, key, testNow.AddDate(0, 1, 0), 0, "it ended at 2026-04-01"},
		{testSystem, key, testNow.AddDate(0, 0, -1), 0, "it begins only at"},
		{testSystem, key, testNow, time.Minute, "may be 1m0s old at most"},
	} {
		if err := a.About(c.system, c.keys, c.now, c.age); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v, want %q", err, c.says)
		}
	}
	unsigned := testStatement()
	if err := unsigned.About(testSystem, key, testNow, 0); err == nil || !strings.Contains(err.Error(), "verified") {
		t.Errorf("an attestation that nobody verified: %v", err)
	}
	floor := Floor{AtRest: "attested"}
	with := Demands{Now: testNow, Attestations: []*Attestation{a}}
	if list := Judge(floor, good(), with); len(list) > 0 {
		t.Errorf("%+v", list)
	}
	with.Now = testNow.AddDate(1, 0, 0)
	if list := Judge(floor, good(), with); len(list) != 1 || !strings.Contains(list[0].Sentence, "it ended at") {
		t.Errorf("%+v", list)
	}
}

// Keys are read as openssl and Vault write them.
func TestSignerKeys(t *testing.T) {
	public, err := x509.MarshalPKIXPublicKey(testSigner.Public())
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(testSigner)
	if err != nil {
		t.Fatal(err)
	}
	armor := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	for _, text := range []string{armor("PUBLIC KEY", public), base64.StdEncoding.EncodeToString(testSigner.Public().(ed25519.PublicKey)) + "\n"} {
		if key, err := ParseSigner(text); err != nil || !key.Equal(testSigner.Public()) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if key, err := ParseSigningKey(armor("PRIVATE KEY", private)); err != nil || !key.Equal(testSigner) {
		t.Errorf("%v", err)
	}
	for _, text := range []string{"", "short", armor("PRIVATE KEY", private), armor("PUBLIC KEY", public[:20]), armor("PUBLIC KEY", public) + armor("PUBLIC KEY", public)} {
		if _, err := ParseSigner(text); err == nil {
			t.Errorf("%q is a signer", text)
		}
	}
	for _, text := range []string{"", base64.StdEncoding.EncodeToString(testSigner.Seed()), armor("PUBLIC KEY", public)} {
		if _, err := ParseSigningKey(text); err == nil || strings.Contains(err.Error(), text) && text != "" {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// FuzzVerify looks for bytes that are taken without a signature, and for files
// that are read in two ways.
func FuzzVerify(f *testing.F) {
	file := testFile(f)
	f.Add(file)
	f.Add([]byte("{}\ned25519 platform-1 AAAA\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if a, err := Verify(data, testSigners()); err == nil && !bytes.Equal(data, file) {
			t.Fatalf("%q is taken: %+v", data, a)
		}
		// Signed, anything that is read is read in one way.
		signed := assemble(data, "platform-1", ed25519.Sign(testSigner, data))
		a, err := Verify(signed, testSigners())
		if err != nil {
			return
		}
		if text, err := a.canonical(); err != nil || !bytes.Equal(text, data) {
			t.Errorf("%q is read as %q", data, text)
		}
	})
}

func FuzzParseSigner(f *testing.F) {
	f.Add("-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----\n")
	f.Add(base64.StdEncoding.EncodeToString(make([]byte, 32)))
	f.Fuzz(func(t *testing.T, text string) {
		if key, err := ParseSigner(text); err == nil && len(key) != ed25519.PublicKeySize {
			t.Errorf("a key of %d bytes", len(key))
		}
		if key, err := ParseSigningKey(text); err == nil && len(key) != ed25519.PrivateKeySize {
			t.Errorf("a key of %d bytes", len(key))
		}
	})
}
