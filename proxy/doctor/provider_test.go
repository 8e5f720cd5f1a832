package doctor

import (
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/proxy/identity"
)

// A key of RFC 7517, appendix A.1.
const someKey = `{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","kid":"1"}`

func TestProviders(t *testing.T) {
	mux := http.NewServeMux()
	server := httptest.NewTLSServer(mux)
	t.Cleanup(server.Close)
	answer := func(path, text string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(text))
		})
	}
	describe := func(name string) string {
		text, err := json.Marshal(map[string]string{"issuer": server.URL + name, "jwks_uri": server.URL + "/keys"})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	answer("/.well-known/openid-configuration", describe(""))
	answer("/other/.well-known/openid-configuration", describe("/another"))
	answer("/keys", `{"keys":[`+someKey+`]}`)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		issuer identity.Issuer
		state  State
		says   string
	}{
		{"in order", identity.Issuer{URL: server.URL, CA: ca}, OK, "shows 1 key"},
		{"another name", identity.Issuer{URL: server.URL + "/other", CA: ca}, Problem, "issuer"},
		{"not there", identity.Issuer{URL: server.URL + "/nowhere", CA: ca}, Problem, "404"},
		{"unknown authority", identity.Issuer{URL: server.URL}, Problem, "certificate"},
		{"no file", identity.Issuer{URL: server.URL, CA: ca + "x"}, Problem, "no such file"},
		{"other algorithms", identity.Issuer{URL: server.URL, CA: ca, Algorithms: []string{"RS256"}}, Problem, "none of its keys is for RS256"},
	} {
		c.issuer.Complete()
		f := &findings{subject: c.name}
		lookAtProvider(t.Context(), f, c.issuer)
		if len(f.checks) != 1 || f.checks[0].State != c.state || !strings.Contains(f.checks[0].Evidence, c.says) || (c.state == OK) != (f.checks[0].Fix == "") {
			t.Errorf("%s: %+v", c.name, f.checks)
		}
	}
}
