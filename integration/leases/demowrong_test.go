package leases

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
	"github.com/sluice-pg/sluice/examples/demo/tenant"
	"github.com/sluice-pg/sluice/proxy/credential"
)

// A Vault on another machine meets nobody at the loopback.
func (s *demoStage) elsewhere(t *testing.T) {
	v, err := tenant.Open(t.Context(), tenant.Options{Address: s.vault.Address(), Token: credential.NewSecret(s.token), TokenFrom: "VAULT_TOKEN"})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	authority, err := pgserver.NewAuthority(t.TempDir(), "nobody's")
	if err != nil {
		t.Fatal(err)
	}
	_, err = v.Settle(t.Context(), tenant.Database{
		Host: "127.0.0.1", Port: 1, Name: "shop", CAFile: authority.CertFile(),
		User: "shop_vault", Password: credential.NewSecret("a password"), Group: "shop_app",
	})
	if err == nil || !strings.Contains(err.Error(), "cannot log in to the demo's PostgreSQL at 127.0.0.1:1, which listens on this machine's loopback only; take a Vault that") {
		t.Error(err)
	}
	if diff := cmp.Diff(s.before, s.inVault(t)); diff != "" {
		t.Errorf("Vault is not as it was (-before +after)\n%s", diff)
	}
}

func (s *demoStage) refusals(t *testing.T) {
	s.tap.strikeAt(0, false, nil)
	nothing, _ := s.vault.Root().Child(t, map[string]any{"policies": []string{"default"}, "ttl": "1h"})
	counted, _ := s.vault.Root().Child(t, map[string]any{"policies": []string{"root"}, "num_uses": 9})
	short, _ := s.vault.Root().Child(t, map[string]any{"policies": []string{"default"}, "ttl": "1m"})
	for name, c := range map[string]struct {
		address, token string
		want           []string
	}{
		"no token":       {s.tap.address(), "", []string{"no token for Vault: set VAULT_TOKEN", "vault login"}},
		"wrong token":    {s.tap.address(), "hvs.there-is-no-such-token", []string{"the token of VAULT_TOKEN is not valid"}},
		"not allowed":    {s.tap.address(), nothing.Token().Reveal(), []string{"update, delete on sys/mounts/sluice-demo-", "create on auth/sluice-demo-"}},
		"counted token":  {s.tap.address(), counted.Token().Reveal(), []string{"can be used", "times only"}},
		"short token":    {s.tap.address(), short.Token().Reveal(), []string{"needs it for 5m0s"}},
		"not reachable":  {"http://127.0.0.1:1", "x", []string{"Vault at http://127.0.0.1:1 cannot be reached"}},
		"not encrypted":  {"http://vault.example.net:8200", "x", []string{"not encrypted", "https"}},
		"not an address": {"vault", "x", []string{"must begin with https://"}},
	} {
		d := s.prepare(t, "--script")
		d.cmd.Args[len(d.cmd.Args)-1] = c.address
		d.token(c.token)
		d.run(t)
		if code := d.wait(t); code == 0 || strings.Contains(d.String(), "Starting three") {
			t.Errorf("%s: exit code %d\n%s", name, code, d.String())
		}
		for _, words := range c.want {
			if !strings.Contains(d.String(), words) {
				t.Errorf("%s: %q is not in %s", name, words, d.String())
			}
		}
	}
	s.vault.Seal(t)
	d := s.start(t, "--script")
	if code := d.wait(t); code == 0 || !strings.Contains(d.String(), "is sealed or not ready; unseal it with") {
		t.Errorf("sealed: exit code %d\n%s", code, d.String())
	}
	s.vault.Unseal(t)
}
