package carry

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/sluice-pg/sluice/integration/secrets"
)

// issuer gives tokens, as an OpenID provider does. integration/login has a real one.
type issuer struct {
	url, ca string
	key     *ecdsa.PrivateKey
}

func startIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	p := &issuer{key: key}
	answer := func(w http.ResponseWriter, value any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(value)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"issuer": p.url, "jwks_uri": p.url + "/keys"})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "one", Algorithm: string(jose.ES256), Use: "sig"}}})
	})
	server := httptest.NewTLSServer(mux)
	t.Cleanup(server.Close)
	p.url, p.ca = server.URL, filepath.Join(t.TempDir(), "ca.pem")
	must(t, os.WriteFile(p.ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	return p
}

// token is one for a person; acr says how surely they proved who they are, if
// anything does.
func (p *issuer) token(t *testing.T, name, acr string) string {
	t.Helper()
	now := time.Now().Unix()
	claims := map[string]any{"iss": p.url, "sub": name, "aud": "sluice", "iat": now - 10, "exp": now + 1800}
	if acr != "" {
		claims["acr"] = acr
	}
	payload, err := json.Marshal(claims)
	must(t, err)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: p.key}, (&jose.SignerOptions{}).WithHeader("kid", "one"))
	must(t, err)
	signed, err := signer.Sign(payload)
	must(t, err)
	token, err := signed.CompactSerialize()
	must(t, err)
	secrets.LearnJWT(token)
	return token
}
