package identity

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// signer is a key of the test's provider.
type signer struct {
	name      string
	algorithm jose.SignatureAlgorithm
	key       crypto.Signer
}

func newSigner(t testing.TB, name string, algorithm jose.SignatureAlgorithm) signer {
	t.Helper()
	var key crypto.Signer
	var err error
	switch algorithm {
	case jose.ES256:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case jose.EdDSA:
		_, key, err = ed25519.GenerateKey(rand.Reader)
	default:
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		t.Fatal(err)
	}
	return signer{name, algorithm, key}
}

func (s signer) public() jose.JSONWebKey {
	return jose.JSONWebKey{Key: s.key.Public(), KeyID: s.name, Algorithm: string(s.algorithm), Use: "sig"}
}

// sign makes a token. Entries of header stand beside alg and kid.
func (s signer) sign(t testing.TB, claims any, header map[jose.HeaderKey]any) string {
	t.Helper()
	payload, ok := claims.([]byte)
	if !ok {
		var err error
		if payload, err = json.Marshal(claims); err != nil {
			t.Fatal(err)
		}
	}
	options := (&jose.SignerOptions{}).WithHeader("kid", s.name)
	for name, value := range header {
		options = options.WithHeader(name, value)
	}
	return compact(t, jose.SigningKey{Algorithm: s.algorithm, Key: s.key}, options, payload)
}

func compact(t testing.TB, key jose.SigningKey, options *jose.SignerOptions, payload []byte) string {
	t.Helper()
	made, err := jose.NewSigner(key, options)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := made.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// testProvider answers as a provider does, and counts. integration/login has a
// real one; this one can also be wrong on purpose.
type testProvider struct {
	*httptest.Server
	clock   *testClock
	fetches atomic.Int64
	away    atomic.Bool

	mu   sync.Mutex
	keys []jose.JSONWebKey
	// described replaces the discovery document if it is not nil.
	described map[string]any
}

func startProvider(t testing.TB, keys ...signer) *testProvider {
	t.Helper()
	p := &testProvider{clock: &testClock{time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)}}
	p.show(keys...)
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		described := p.described
		if described == nil {
			described = map[string]any{"issuer": p.URL, "jwks_uri": p.URL + "/keys"}
		}
		p.answer(w, described)
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		p.fetches.Add(1)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.answer(w, jose.JSONWebKeySet{Keys: p.keys})
	})
	p.Server = httptest.NewTLSServer(mux)
	t.Cleanup(p.Close)
	return p
}

func (p *testProvider) answer(w http.ResponseWriter, value any) {
	if p.away.Load() {
		http.Error(w, "away", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value)
}

func (p *testProvider) show(keys ...signer) {
	var all []jose.JSONWebKey
	for _, k := range keys {
		all = append(all, k.public())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = all
}

// open is the provider as Sluice sees it.
func (p *testProvider) open(t *testing.T, change func(*Issuer)) *Provider {
	t.Helper()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	writeFile(t, ca, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Certificate().Raw})), 0o600)
	issuer := Issuer{Name: "company", URL: p.URL, Audiences: []string{"other", "sluice"}, CA: ca}
	if change != nil {
		change(&issuer)
	}
	issuer.Complete()
	issuer.Validate(func(format string, args ...any) { t.Fatalf(format, args...) })
	all, err := OpenProviders([]Issuer{issuer}, p.clock.now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(all.Close)
	return all.Named("company")
}

// claims are those of a good token of alice, with changes; nil takes one away.
func (p *testProvider) claims(changes map[string]any) map[string]any {
	now := p.clock.now().Unix()
	all := map[string]any{
		"iss": p.URL, "sub": "alice", "aud": "sluice", "iat": now - 10, "nbf": now - 10, "exp": now + 300,
		"groups": []string{"support", "dba", "dba"}, "acr": "urn:mfa", "amr": []string{"pwd", "otp"},
	}
	maps.Copy(all, changes)
	maps.DeleteFunc(all, func(_ string, value any) bool { return value == nil })
	return all
}

// overTLS is a login of alice.
func overTLS(p *Provider, rule Rule) Login {
	rule.Databases, rule.Addresses, rule.TLS, rule.OIDC = []string{"all"}, []string{"all"}, "required", "company"
	if rule.Users == nil {
		rule.Users = []string{"all"}
	}
	if rule.Method == "" {
		rule.Method = MethodJWT
	}
	return Login{User: testUser, Rule: rule, Provider: p, Transport: Transport{TLS: true}}
}

// try proves by a token, as both exchanges do.
func (l Login) try(token string) (Identity, error) {
	return l.prove(context.Background(), newToken([]byte(token)))
}
