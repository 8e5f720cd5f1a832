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
	"testing"
	"time"
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
	return text + "." + encode(signature)
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

// The method jwt takes tokens of the issuer it knows, and no others.
func TestJWT(t *testing.T) {
	s := Start(t)
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
		"role_type": "jwt", "user_claim": "sub", "bound_audiences": []string{"vault"}, "token_policies": []string{"default"},
	})
	claims := func(audience string) map[string]any {
		return map[string]any{
			"iss": "https://issuer.example.com", "sub": "sluice", "aud": audience,
			"iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(),
		}
	}
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

// The method kubernetes asks the cluster about a token (API TokenReview).
func TestKubernetes(t *testing.T) {
	key := newKey(t)
	name := "system:serviceaccount:proxies:sluice"
	jwt := signed(t, key, map[string]any{
		"iss": "kubernetes/serviceaccount", "sub": name,
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
				"user":          map[string]any{"username": name, "uid": "1f0e", "groups": []string{"system:serviceaccounts"}},
			},
		})
	}))
	t.Cleanup(cluster.Close)
	s := Start(t)
	s.EnableAuth(t, "kubernetes", "kubernetes")
	s.Root().Write(t, "auth/kubernetes/config", map[string]any{
		"kubernetes_host":      cluster.URL,
		"kubernetes_ca_cert":   string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cluster.Certificate().Raw})),
		"token_reviewer_jwt":   jwt,
		"disable_local_ca_jwt": true,
	})
	s.Root().Write(t, "auth/kubernetes/role/program", map[string]any{
		"bound_service_account_names": "sluice", "bound_service_account_namespaces": "proxies", "token_policies": []string{"default"},
	})
	client, _ := s.named(t, s.logIn(t, "auth/kubernetes/login", jwt))
	if got := client.Read(t, "auth/token/lookup-self").Data["display_name"]; got != "kubernetes-proxies-sluice" {
		t.Errorf("logged in as %v", got)
	}
	other := signed(t, key, map[string]any{"sub": name, "x": "another token"})
	if answer := s.logIn(t, "auth/kubernetes/login", other); answer.Status < http.StatusBadRequest {
		t.Errorf("a token that the cluster does not know: %v", answer)
	}
}
