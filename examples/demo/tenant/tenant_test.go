package tenant

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/sluice-pg/sluice/proxy/credential"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Nothing that the policies allow is at a path that belongs to somebody else, but
// for what each of Sluice's tokens does with itself and its own leases.
func TestPoliciesReachOnlyTheirOwn(t *testing.T) {
	known := []string{
		"auth/token/lookup-self", "auth/token/renew-self", "auth/token/revoke-self", "sys/capabilities-self", "auth/token/create",
		"auth/token/revoke-accessor", "sys/leases/lookup", "sys/leases/renew", "sys/leases/revoke",
		"sys/leases/revoke/mine/creds/shop-*", "sys/leases/revoke/mine/creds/sluice-control/*", "mine/creds/sluice-control", "mine/creds/shop-*",
		"sys/leases/revoke/mine/creds/copies-*", "mine/creds/copies-probe", "mine/creds/copies-carry", "mine/creds/copies-react", "mine/creds/copies-signal",
	}
	paths, seen := regexp.MustCompile(`path "([^"]*)"`), map[string]bool{}
	for _, file := range []string{"sluice", "sluice-session"} {
		text, err := policyFor("mine", file)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths.FindAllStringSubmatch(text, -1) {
			seen[path[1]] = true
			if !slices.Contains(known, path[1]) {
				t.Errorf("%s allows something at %s", file, path[1])
			}
		}
		if strings.Contains(text, "database/") || strings.Contains(text, `"sluice-session"`) {
			t.Errorf("%s has a name of the example left:\n%s", file, text)
		}
	}
	if len(seen) != len(known) {
		t.Errorf("only %v were found", seen)
	}
}

func TestForeignPathsAreSeen(t *testing.T) {
	for text, want := range map[string]bool{
		`path "database/static-creds/x"`: true, `"secret/data/x"`: true, "sys/leases/revoke/database/x": true,
		`path "mine/creds/x"`: false, `path "sys/leases/revoke/mine/creds/x"`: false,
	} {
		if foreign.MatchString(text) != want {
			t.Errorf("%s: foreign is %t", text, !want)
		}
	}
}

func TestLacking(t *testing.T) {
	for _, c := range []struct{ wanted, given, want string }{
		{"update delete", "update delete read", ""},
		{"update delete", "update", "delete"},
		{"update delete", "deny", "update delete"},
		{"update delete", "", "update delete"},
		{"update", "root", ""},
	} {
		var given []any
		for _, one := range strings.Fields(c.given) {
			given = append(given, one)
		}
		if got := strings.Join(lacking(strings.Fields(c.wanted), given), " "); got != c.want {
			t.Errorf("of %s, %s lacks %q", c.wanted, c.given, got)
		}
	}
	if got := lacking([]string{"update"}, nil); len(got) != 1 {
		t.Error("what Vault does not speak of is allowed")
	}
}

func TestTakeToken(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv(tokenVariable, " \n")
	if _, _, err := TakeToken(); err == nil || !strings.Contains(err.Error(), "vault login") {
		t.Errorf("without a token: %v", err)
	}
	path := filepath.Join(home, ".vault-token")
	if err := os.WriteFile(path, []byte("hvs.of-the-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if token, from, err := TakeToken(); err != nil || token.Reveal() != "hvs.of-the-file" || from != path {
		t.Errorf("from the file: %q, %v", from, err)
	}
	t.Setenv(tokenVariable, "hvs.of-the-environment")
	if token, from, err := TakeToken(); err != nil || token.Reveal() != "hvs.of-the-environment" || from != tokenVariable {
		t.Errorf("from the environment: %q, %v", from, err)
	}
	if _, still := os.LookupEnv(tokenVariable); still {
		t.Error("the token is still in the environment")
	}
}

// fake is a Vault that allows everything and answers some paths with a status.
func fake(t *testing.T, statuses map[string]int) (*Vault, *[]string) {
	t.Helper()
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.Path)
		for part, status := range statuses {
			if strings.Contains(r.Method+" "+r.URL.Path, part) {
				w.WriteHeader(status)
				_, _ = io.WriteString(w, `{"errors": ["something with a password in it"]}`)
				return
			}
		}
		data := map[string]any{"accessor": "a", "role_id": "r", "secret_id": "s", "id": "e", "ttl": 0, "num_uses": 0}
		if r.URL.Path == "/v1/sys/capabilities-self" {
			var body struct {
				Paths []string `json:"paths"`
			}
			_ = json.NewDecoder(r.Body).Decode(&body)
			for _, path := range body.Paths {
				data[path] = []string{"root"}
			}
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"data": data})
	}))
	t.Cleanup(server.Close)
	v, err := Open(t.Context(), Options{Address: server.URL, Token: credential.NewSecret("x"), TokenFrom: "here"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v, &asked
}

func database(t *testing.T) Database {
	t.Helper()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, []byte("-"), 0o600); err != nil {
		t.Fatal(err)
	}
	return Database{Host: "127.0.0.1", Port: 1, Name: "shop", CAFile: ca, User: "shop_vault", Password: credential.NewSecret("p"), Group: "shop_app", CatalogGroup: "shop_catalog"}
}

// Whatever fails, all that may have been made is removed, and Vault's words are
// kept back.
func TestFailedSettleLeavesNothing(t *testing.T) {
	for part, want := range map[string]string{
		"PUT /v1/sys/mounts/":  "mounting a database engine",
		"PUT /v1/sys/auth/":    "mounting AppRole",
		"PUT /v1/sys/policies": "writing the policy",
		"/config/shop":         "listens on this machine's loopback only",
		"/rotate-root/shop":    "a password that nobody knows",
		"/roles/shop-app":      "making the role shop-app",
		"/role/sluice":         "making an AppRole",
		"/secret-id":           "what Sluice logs in with",
	} {
		v, asked := fake(t, map[string]int{part: 400})
		_, err := v.Settle(t.Context(), database(t))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "with a password in it") {
			t.Errorf("%s: %v", part, err)
		}
		for _, made := range *asked {
			path, put := strings.CutPrefix(made, "PUT ")
			if put && (strings.Contains(path, "/sys/mounts/") || strings.Contains(path, "/sys/auth/") || strings.Contains(path, "/policies/")) &&
				!slices.Contains(*asked, "DELETE "+path) {
				t.Errorf("%s: %s was made and not removed", part, path)
			}
		}
	}
}

// Ctrl-C stops the making, and not the removing.
func TestSettleIsInterrupted(t *testing.T) {
	v, asked := fake(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := v.Settle(ctx, database(t)); err == nil {
		t.Error("an interrupted demo has settled")
	}
	if !slices.Contains(*asked, "DELETE /v1/sys/mounts/"+v.Name()) || slices.Contains(*asked, "PUT /v1/"+v.Name()+"/config/shop") {
		t.Errorf("asked for %q", *asked)
	}
}

// What stays is said, with the command that removes it; the rest is removed.
func TestLeaveSaysWhatStays(t *testing.T) {
	v, asked := fake(t, map[string]int{"DELETE /v1/sys/auth/": 403})
	tenant, err := v.Settle(t.Context(), database(t))
	if err != nil {
		t.Fatal(err)
	}
	err = tenant.Leave()
	if err == nil || !strings.Contains(err.Error(), "\n  vault auth disable "+v.Name()+"\n") || strings.Contains(err.Error(), "vault secrets") ||
		!strings.Contains(err.Error(), "the token of here") {
		t.Errorf("left: %v", err)
	}
	for _, path := range []string{"sys/mounts/" + v.Name(), "sys/policies/acl/" + v.Name(), "sys/policies/acl/" + v.sessionPolicy(), "identity/entity/id/e"} {
		if !slices.Contains(*asked, "DELETE /v1/"+path) {
			t.Errorf("%s was not removed", path)
		}
	}
	if again := tenant.Leave(); again != nil {
		t.Errorf("the second time: %v", again)
	}
}
