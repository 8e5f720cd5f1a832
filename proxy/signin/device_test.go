package signin

import (
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testProvider answers the three requests of the flow. answers are what the
// token endpoint says, one after the other.
func testProvider(t *testing.T, offersDevice bool, answers ...map[string]any) Provider {
	t.Helper()
	p, _ := startProvider(t, offersDevice, answers...)
	return p
}

func startProvider(t *testing.T, offersDevice bool, answers ...map[string]any) (Provider, *httptest.Server) {
	t.Helper()
	mux := http.NewServeMux()
	server := httptest.NewTLSServer(mux)
	t.Cleanup(server.Close)
	say := func(w http.ResponseWriter, status int, value any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(value)
	}
	described := map[string]any{"issuer": server.URL, "token_endpoint": server.URL + "/token", "jwks_uri": server.URL + "/keys"}
	if offersDevice {
		described["device_authorization_endpoint"] = server.URL + "/device"
	}
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) { say(w, 200, described) })
	mux.HandleFunc("/device", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("client_id") != "psql" || r.FormValue("scope") != "openid groups" {
			say(w, 400, map[string]string{"error": "invalid_client"})
			return
		}
		say(w, 200, map[string]any{"device_code": "dc", "user_code": "AB-CD", "verification_uri": server.URL + "/enter", "expires_in": 60, "interval": 1})
	})
	var asked atomic.Int64
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		answer := answers[min(int(asked.Add(1)), len(answers))-1]
		status := 200
		if answer["error"] != nil {
			status = 400
		}
		if r.FormValue("device_code") != "dc" {
			status, answer = 400, map[string]any{"error": "invalid_grant"}
		}
		say(w, status, answer)
	})
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return Provider{Issuer: server.URL, ClientID: "psql", Scopes: []string{"openid", "groups"}, CA: ca}, server
}

func TestDevice(t *testing.T) {
	pending := map[string]any{"error": "authorization_pending"}
	granted := map[string]any{"access_token": "acc.ess.tok", "token_type": "Bearer", "expires_in": 60, "id_token": "id.tok.en"}
	for _, c := range []struct {
		name    string
		change  func(*Provider)
		answers []map[string]any
		token   string
		says    string
	}{
		{"access token", nil, []map[string]any{pending, granted}, "acc.ess.tok", ""},
		{"ID token", func(p *Provider) { p.IDToken = true }, []map[string]any{granted}, "id.tok.en", ""},
		{"no ID token", func(p *Provider) { p.IDToken = true }, []map[string]any{{"access_token": "acc.ess.tok", "token_type": "Bearer"}}, "", "it gave no ID token"},
		{"refused", nil, []map[string]any{{"error": "access_denied", "error_description": "not today"}}, "", "access_denied not today"},
		{"another client", func(p *Provider) { p.ClientID = "x" }, nil, "", "ask for a code: invalid_client"},
		{"no such provider", func(p *Provider) { p.Issuer += "/x" }, nil, "", "404"},
		{"unknown authority", func(p *Provider) { p.CA = "" }, nil, "", "certificate"},
		{"no file", func(p *Provider) { p.CA += "x" }, nil, "", "no such file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := testProvider(t, true, c.answers...)
			if c.change != nil {
				c.change(&p)
			}
			var shown Prompt
			token, err := Device(t.Context(), p, func(prompt Prompt) { shown = prompt })
			if token != c.token || (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("%q, %v", token, err)
			}
			if err == nil && (shown.Code != "AB-CD" || shown.Address != p.Issuer+"/enter" || shown.Expires.IsZero()) {
				t.Errorf("shown %+v", shown)
			}
		})
	}
	if _, err := Device(t.Context(), testProvider(t, false), func(Prompt) { t.Error("shown") }); err == nil || !strings.Contains(err.Error(), "offers no device flow") {
		t.Errorf("%v", err)
	}
}
