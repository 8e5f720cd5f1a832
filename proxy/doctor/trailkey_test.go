package doctor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/audit"
	"github.com/sluice-pg/sluice/proxy"
	"github.com/sluice-pg/sluice/proxy/credential/vault/vaulttest"
)

const keyData = "secret/sluice/trail"

// keptInVault is a configuration whose trail's key is in a Vault.
func keptInVault(t *testing.T, s *vaulttest.Server) *proxy.Config {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return &proxy.Config{
		Trail: proxy.TrailConfig{
			Dir:      filepath.Join(dir, "trail"),
			VaultKey: &proxy.VaultKey{Mount: "secret", Path: "sluice/trail", Field: "key"},
		},
		Vault: &proxy.VaultConfig{
			Address: s.Start(t), Timeout: time.Second,
			Auth: proxy.VaultAuth{AppRole: &proxy.VaultAppRole{
				Mount: "approle", RoleIDFile: write("role", vaulttest.RoleID), SecretIDFile: write("secret", vaulttest.SecretID),
			}},
		},
	}
}

// makeKey has the proxy make the key in the fake, and beside the trail its public
// half.
func makeKey(t *testing.T, config *proxy.Config) {
	t.Helper()
	client, giveBack, err := openVault(config)
	if err != nil {
		t.Fatal(err)
	}
	_, err = audit.LoadOrCreateKept(t.Context(), config.Trail.Keeper(client), config.Trail.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	if err := giveBack(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestKeyInVault(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(*testing.T, *vaulttest.Server, *proxy.Config)
		state State
		says  string
	}{
		{"not made yet", nil, OK, "not there; the proxy makes it in Vault at secret/sluice/trail"},
		{"may not be made", func(_ *testing.T, s *vaulttest.Server, _ *proxy.Config) { s.ReadOnly("secret/data/sluice/trail") },
			Problem, "lack create on secret/data/sluice/trail"},
		{"in order", func(t *testing.T, _ *vaulttest.Server, c *proxy.Config) { makeKey(t, c) }, OK, "has sluice-trail/"},
		{"gone", func(t *testing.T, s *vaulttest.Server, c *proxy.Config) {
			makeKey(t, c)
			s.Forget(keyData)
		}, Problem, "has none, and the trail was begun with one"},
		{"deleted", func(t *testing.T, s *vaulttest.Server, c *proxy.Config) {
			makeKey(t, c)
			s.Delete(keyData)
		}, Problem, "vault kv undelete"},
		{"replaced", func(t *testing.T, s *vaulttest.Server, c *proxy.Config) {
			makeKey(t, c)
			public := c.Trail.PublicKey()
			if err := os.Rename(public, public+".old"); err != nil {
				t.Fatal(err)
			}
			s.Forget(keyData)
			makeKey(t, c)
			if err := os.Rename(public+".old", public); err != nil {
				t.Fatal(err)
			}
		}, Problem, "belongs to another key"},
		{"damaged", func(t *testing.T, s *vaulttest.Server, c *proxy.Config) {
			makeKey(t, c)
			text, _ := s.Kept(keyData)["key"].(string)
			s.Keep(keyData, map[string]any{"key": text[:len(text)-5]})
		}, Problem, "it is damaged"},
		{"denied", func(t *testing.T, s *vaulttest.Server, c *proxy.Config) {
			makeKey(t, c)
			s.Deny("secret/data/sluice/trail", true)
		}, Problem, "it takes the right read on secret/data/sluice/trail"},
		{"no login", func(t *testing.T, _ *vaulttest.Server, c *proxy.Config) {
			if err := os.Remove(c.Vault.Auth.AppRole.SecretIDFile); err != nil {
				t.Fatal(err)
			}
		}, Problem, "no such file"},
		{"no configuration", func(_ *testing.T, _ *vaulttest.Server, c *proxy.Config) { c.Vault.Address = "" }, Problem, "no address"},
		{"away", func(_ *testing.T, s *vaulttest.Server, _ *proxy.Config) { s.Set(vaulttest.Sealed()) }, Problem, "Vault is sealed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := vaulttest.New(vaulttest.Options{})
			config := keptInVault(t, s)
			if c.spoil != nil {
				c.spoil(t, s, config)
			}
			f := &findings{}
			key := lookAtTrailKey(t.Context(), f, config)
			if len(f.checks) != 1 || f.checks[0].Name != "trail.key" {
				t.Fatalf("the checks are %v", f.checks)
			}
			want(t, c.name, f.checks[0], c.state, c.says)
			if (key != nil) != (c.name == "in order") {
				t.Errorf("the key is %v", key)
			}
			for _, secret := range s.Secrets() {
				if strings.Contains(f.checks[0].Evidence+f.checks[0].Fix, secret) {
					t.Error("a secret is told")
				}
			}
			if left := s.Tokens(); len(left) > 0 {
				t.Errorf("the logins %v are left", left)
			}
		})
	}
}
