package login

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// parts takes a token apart and returns its header, read, and its payload.
func parts(t *testing.T, token string) (header map[string]any, payload []byte) {
	t.Helper()
	split := strings.Split(token, ".")
	first, err := base64.RawURLEncoding.DecodeString(split[0])
	if err != nil {
		t.Fatal(err)
	}
	if payload, err = base64.RawURLEncoding.DecodeString(split[1]); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(first, &header); err != nil {
		t.Fatal(err)
	}
	return header, payload
}

// unsigned is a token without its signature, whose header says that it needs
// none (RFC 8725 section 2.1).
func unsigned(t *testing.T, token string) string {
	t.Helper()
	header, payload := parts(t, token)
	header["alg"] = "none"
	data, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(data) + "." + base64.RawURLEncoding.EncodeToString(payload) + "."
}

// sign signs a token's payload anew, under the name of the provider's key.
func sign(t *testing.T, token string, algorithm jose.SignatureAlgorithm, key any) string {
	t.Helper()
	header, payload := parts(t, token)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, (&jose.SignerOptions{}).WithHeader("kid", header["kid"]))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	out, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// signedByOther is a token signed with a key that is not the provider's.
func (s *scene) signedByOther(t *testing.T, token string) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return sign(t, token, jose.RS256, key)
}

// signedByPublicKey is a token whose signature has the provider's public key
// for a shared secret.
func (s *scene) signedByPublicKey(t *testing.T, token string) string {
	t.Helper()
	answer, err := s.idp.client.Get(s.idp.issuer + "/keys")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(data, &set); err != nil || len(set.Keys) == 0 {
		t.Fatalf("%v in %s", err, data)
	}
	der, err := x509.MarshalPKIXPublicKey(set.Keys[0].Key)
	if err != nil {
		t.Fatal(err)
	}
	return sign(t, token, jose.HS256, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}
