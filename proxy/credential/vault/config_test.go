package vault

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/proxy/credential/vault/vaulttest"
)

func TestValidateSaysEverything(t *testing.T) {
	good := Config{Address: "https://vault.example.com:8200", Journal: "/var/lib/sluice/vault", Auth: Auth{TokenFile: "/run/token"}}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	broken := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(broken, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Config){
		"no address":                 func(c *Config) { c.Address = "" },
		"must begin with https":      func(c *Config) { c.Address = "unix:///run/vault" },
		"names no host":              func(c *Config) { c.Address = "https://" },
		"is not encrypted":           func(c *Config) { c.Address = "http://vault.example.com" },
		"and nothing else":           func(c *Config) { c.Address = "https://user:hunter2@vault" },
		"is no URL":                  func(c *Config) { c.Address = "https://hunter2:x:y" },
		"no journal":                 func(c *Config) { c.Journal = "" },
		"the timeout":                func(c *Config) { c.Timeout = -time.Second },
		"namespace":                  func(c *Config) { c.Namespace = "a\nb" },
		"no certificate in PEM form": func(c *Config) { c.CA = broken },
		"no such file":               func(c *Config) { c.CA = broken + "x" },
		"0 ways to log in":           func(c *Config) { c.Auth = Auth{} },
		"2 ways to log in":           func(c *Config) { c.Auth.JWT = &TokenLogin{Role: "r", TokenFile: "f"} },
		"role id or a file":          func(c *Config) { c.Auth = Auth{AppRole: &AppRole{}} },
		"one of the two":             func(c *Config) { c.Auth = Auth{AppRole: &AppRole{RoleID: "a", RoleIDFile: "b"}} },
		"Kubernetes names no role":   func(c *Config) { c.Auth = Auth{Kubernetes: &TokenLogin{}} },
		"a role and a file":          func(c *Config) { c.Auth = Auth{JWT: &TokenLogin{Role: "r"}} },
		"policy \"a b\"":             func(c *Config) { c.SessionPolicies = []string{"a b"} },
		"mount \"../sys\"":           func(c *Config) { c.Auth = Auth{JWT: &TokenLogin{Mount: "../sys", Role: "r", TokenFile: "f"}} },
	} {
		c := good
		change(&c)
		err := seen(c.Validate())
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "vault: ") {
			t.Errorf("%s: %v", want, err)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("a password in the address is quoted")
		}
	}
	all := Config{Address: "http://elsewhere", Timeout: -1}
	err := all.Validate()
	for _, want := range []string{"not encrypted", "0 ways", "no journal", "timeout"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("not everything is said: %s is not in %v", want, err)
		}
	}
}

func TestIssuerConfigIsChecked(t *testing.T) {
	c := open(t, config(t, newFake(vaulttest.Options{})))
	control, err := pgconn.ParseConfig("host=127.0.0.1 dbname=shop sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	control.User, control.Password = "", ""
	for want, config := range map[string]IssuerConfig{
		"needs a name":               {},
		"no engine 7":                {Database: "d", Engine: 7},
		"no name of a role":          {Database: "d", Roles: []string{"../x"}},
		"not where it is":            {Database: "d", ControlRole: "control"},
		"must not have its own":      {Database: "d", ControlRole: "control", Control: &pgconn.Config{User: "postgres"}},
		"the control role":           {Database: "d", ControlRole: "a/b", Control: control},
		"the mount \"a//b\"":         {Database: "d", Mount: "a//b"},
		"the path of a secret \"/\"": {Database: "d", Engine: KV, Roles: []string{"/"}},
	} {
		if _, err := c.Issuer(config); seen(err) == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "vault: ") {
			t.Errorf("%s: %v", want, err)
		}
	}
	issuer(t, c, IssuerConfig{Database: "twice"})
	if _, err := c.Issuer(IssuerConfig{Database: "twice"}); err == nil {
		t.Error("a database has two issuers")
	}
}

// Nothing in the environment reaches the client: not the address, not a token,
// not a namespace, and not what would make the library refuse to work.
func TestEnvironmentHasNoInfluence(t *testing.T) {
	for name, value := range map[string]string{
		"VAULT_ADDR": "http://127.0.0.1:1", "VAULT_AGENT_ADDR": "http://127.0.0.1:1", "VAULT_TOKEN": "hvs.from-the-environment",
		"VAULT_NAMESPACE": "elsewhere", "VAULT_HEADERS": `{"X-Other":"1"}`, "VAULT_CACERT": "/nowhere",
		"VAULT_CLIENT_TIMEOUT": "nonsense", "VAULT_SKIP_VERIFY": "nonsense", "VAULT_WRAP_TTL": "5m", "VAULT_MAX_RETRIES": "nonsense",
		"VAULT_PROXY_ADDR": "http://127.0.0.1:1", "VAULT_RATE_LIMIT": "0:0",
	} {
		t.Setenv(name, value)
	}
	s := newFake(vaulttest.Options{})
	c := config(t, s)
	c.transport, c.Address = nil, s.Start(t)
	client := begin(t, c)
	lease := issue(t, issuer(t, client, IssuerConfig{}), "session-1")
	if lease.User == "" {
		t.Error("no user")
	}
	closed(t, client)
	nothing(t, s)
	if os.Getenv("VAULT_TOKEN") != "hvs.from-the-environment" || os.Getenv("VAULT_CACERT") != "/nowhere" {
		t.Error("the environment was not put back")
	}
}
