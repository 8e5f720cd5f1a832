package vaultserver

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/integration/secrets"
	"github.com/sluice-pg/sluice/proxy/credential/vault"
)

// signed is a JWT (RFC 7519) with an ES256 signature (RFC 7518, section 3.4).
func signed(t *testing.T, key *ecdsa.PrivateKey, claims map[string]any) string {
	t.Helper()
	encode := base64.RawURLEncoding.EncodeToString
	body, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	text := encode([]byte(`{"alg":"ES256","typ":"JWT"}`)) + "." + encode(body)
	digest := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	token := text + "." + encode(signature)
	secrets.LearnJWT(token)
	return token
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// logIn logs in with a token of somebody else's.
func (s *Server) logIn(t *testing.T, path, jwt string) Answer {
	t.Helper()
	answer, err := s.unnamed().Do(t.Context(), http.MethodPut, path, map[string]any{"role": "program", "jwt": jwt})
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// enableJWT enables the method jwt with a role for programs, and returns what signs
// the tokens of its issuer.
func (s *Server) enableJWT(t *testing.T, policies ...string) *ecdsa.PrivateKey {
	t.Helper()
	s.EnableAuth(t, "jwt", "jwt")
	key := newKey(t)
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	s.Root().Write(t, "auth/jwt/config", map[string]any{
		"jwt_validation_pubkeys": []string{string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))},
		"bound_issuer":           "https://issuer.example.com",
	})
	s.Root().Write(t, "auth/jwt/role/program", map[string]any{
		"role_type": "jwt", "user_claim": "sub", "bound_audiences": []string{"vault"}, "token_policies": policies,
	})
	return key
}

// claims are those of a token of that issuer.
func claims(audience string) map[string]any {
	return map[string]any{
		"iss": "https://issuer.example.com", "sub": "sluice", "aud": audience,
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(),
	}
}

// The method jwt takes tokens of the issuer it knows, and no others.
func TestJWT(t *testing.T) {
	s := Start(t)
	key := s.enableJWT(t, "default")
	client, _ := s.named(t, s.logIn(t, "auth/jwt/login", signed(t, key, claims("vault"))))
	if got := client.Read(t, "auth/token/lookup-self").Data["display_name"]; got != "jwt-sluice" {
		t.Errorf("logged in as %v", got)
	}
	for what, jwt := range map[string]string{
		"another audience": signed(t, key, claims("elsewhere")), "another key": signed(t, newKey(t), claims("vault")),
	} {
		if answer := s.logIn(t, "auth/jwt/login", jwt); answer.Status != http.StatusBadRequest {
			t.Errorf("a token with %s: %v", what, answer)
		}
	}
}

// enableKubernetes enables the method kubernetes for a cluster with one service
// account, and returns the account's token, which it asks the cluster about (API
// TokenReview), and what signed it.
func (s *Server) enableKubernetes(t *testing.T, policies ...string) (jwt string, key *ecdsa.PrivateKey) {
	t.Helper()
	key = newKey(t)
	jwt = signed(t, key, map[string]any{
		"iss": "kubernetes/serviceaccount", "sub": account,
		"kubernetes.io/serviceaccount/namespace":            "proxies",
		"kubernetes.io/serviceaccount/service-account.name": "sluice",
		"kubernetes.io/serviceaccount/service-account.uid":  "1f0e",
	})
	cluster := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review struct {
			Spec struct{ Token string }
		}
		if err := json.NewDecoder(r.Body).Decode(&review); err != nil || r.URL.Path != "/apis/authentication.k8s.io/v1/tokenreviews" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(map[string]any{
			"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
			"status": map[string]any{
				"authenticated": review.Spec.Token == jwt,
				"user":          map[string]any{"username": account, "uid": "1f0e", "groups": []string{"system:serviceaccounts"}},
			},
		})
	}))
	t.Cleanup(cluster.Close)
	s.EnableAuth(t, "kubernetes", "kubernetes")
	s.Root().Write(t, "auth/kubernetes/config", map[string]any{
		"kubernetes_host":      cluster.URL,
		"kubernetes_ca_cert":   string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cluster.Certificate().Raw})),
		"token_reviewer_jwt":   jwt,
		"disable_local_ca_jwt": true,
	})
	s.Root().Write(t, "auth/kubernetes/role/program", map[string]any{
		"bound_service_account_names": "sluice", "bound_service_account_namespaces": "proxies", "token_policies": policies,
	})
	return jwt, key
}

// account is the name of the service account.
const account = "system:serviceaccount:proxies:sluice"

// The method kubernetes takes tokens that the cluster knows, and no others.
func TestKubernetes(t *testing.T) {
	s := Start(t)
	jwt, key := s.enableKubernetes(t, "default")
	client, _ := s.named(t, s.logIn(t, "auth/kubernetes/login", jwt))
	if got := client.Read(t, "auth/token/lookup-self").Data["display_name"]; got != "kubernetes-proxies-sluice" {
		t.Errorf("logged in as %v", got)
	}
	other := signed(t, key, map[string]any{"sub": account, "x": "another token"})
	if answer := s.logIn(t, "auth/kubernetes/login", other); answer.Status < http.StatusBadRequest {
		t.Errorf("a token that the cluster does not know: %v", answer)
	}
}

// Sluice's client logs in with both methods, over TLS with an authority of Vault's
// own, and reads what only its role may.
func TestSluiceLogsIn(t *testing.T) {
	s := StartWith(t, Options{TLS: true})
	s.EnableEngine(t, "kept", "kv", map[string]string{"version": "2"})
	s.WritePolicy(t, "reader", `path "kept/data/sluice" { capabilities = ["read"] }`)
	s.awaitWrite(t, "kept/data/sluice", map[string]any{"data": map[string]any{"key": "what is kept for Sluice"}})
	key := s.enableJWT(t, "default", "reader")
	ofAccount, _ := s.enableKubernetes(t, "default", "reader")
	signedByOther := signed(t, newKey(t), claims("vault"))
	for _, c := range []struct {
		name  string
		token string
		auth  func(vault.TokenLogin) vault.Auth
		says  string // what is wrong; empty for nothing
	}{
		{"JWT", signed(t, key, claims("vault")), func(l vault.TokenLogin) vault.Auth { return vault.Auth{JWT: &l} }, ""},
		{"JWT of another key", signedByOther, func(l vault.TokenLogin) vault.Auth { return vault.Auth{JWT: &l} }, "status 400"},
		{"Kubernetes", ofAccount, func(l vault.TokenLogin) vault.Auth { return vault.Auth{Kubernetes: &l} }, ""},
		{"Kubernetes with a token of nobody's", signedByOther, func(l vault.TokenLogin) vault.Auth { return vault.Auth{Kubernetes: &l} }, "log in with Kubernetes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "token")
			if err := os.WriteFile(file, []byte(c.token+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			text, err := s.readKept(t, c.auth(vault.TokenLogin{Role: "program", TokenFile: file}), s.CAFile())
			switch {
			case c.says == "" && (err != nil || text != "what is kept for Sluice"):
				t.Errorf("read %q, %v", text, err)
			case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says) || text != ""):
				t.Errorf("read %q, %v; want %q", text, err, c.says)
			case c.says != "":
				return
			}
			if _, err := s.readKept(t, c.auth(vault.TokenLogin{Role: "program", TokenFile: file}), ""); err == nil || !strings.Contains(err.Error(), "certificate") {
				t.Errorf("with the authorities of the system: %v", err)
			}
		})
	}
}

// awaitWrite writes as soon as a new engine takes it.
func (s *Server) awaitWrite(t *testing.T, path string, body map[string]any) {
	t.Helper()
	for deadline := time.Now().Add(startTime); ; time.Sleep(20 * time.Millisecond) {
		answer, err := s.Root().Do(t.Context(), http.MethodPut, path, body)
		if err == nil && answer.Status == http.StatusOK {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("write %s: %v, %v", path, answer, err)
		}
	}
}

// readKept has a client of Sluice's read at kept/sluice; ca is who vouches for Vault.
func (s *Server) readKept(t *testing.T, auth vault.Auth, ca string) (string, error) {
	t.Helper()
	client, err := vault.Open(vault.Config{
		Address: s.TLSAddress(), CA: ca, Journal: filepath.Join(t.TempDir(), "journal"), Auth: auth,
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := client.ReadKept(t.Context(), vault.Place{Mount: "kept", Path: "sluice", Field: "key"})
	if err := client.Close(t.Context()); err != nil {
		t.Error(err)
	}
	return text.Reveal(), err
}
