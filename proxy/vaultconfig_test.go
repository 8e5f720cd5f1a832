package proxy

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const vaultText = `vault:
  address: https://vault.example.net
  auth: {approle: {role_id_file: role, secret_id_file: secret}}
`

// withVault is a configuration whose database gets its credentials from Vault.
func withVault(t *testing.T) string {
	t.Helper()
	const builtin = `{builtin: {admin: "host=db.example.net user=issuer", group: shop_app}}`
	text := strings.Replace(goodConfig, builtin, "{vault: {control_role: control}}", 1)
	if text == goodConfig {
		t.Fatal("the configuration has another form")
	}
	return text + vaultText
}

func TestVaultDefaults(t *testing.T) {
	c, dir, err := load(t, withVault(t))
	if err != nil {
		t.Fatal(err)
	}
	v, d := c.Vault, c.Databases[0].Credential.Vault
	for name, ok := range map[string]bool{
		"journal": v.Journal == filepath.Join(dir, "trail.leases"), "timeout": v.Timeout == 10*time.Second,
		"mount": v.Auth.AppRole.Mount == "approle", "role id": v.Auth.AppRole.RoleIDFile == filepath.Join(dir, "role"),
		"secret id": v.Auth.AppRole.SecretIDFile == filepath.Join(dir, "secret"),
		"engine":    d.Engine == "database" && d.Mount == "database", "grace": c.Limits.LeaseGrace == 30*time.Second,
	} {
		if !ok {
			t.Errorf("%s: %+v, %+v", name, v, d)
		}
	}
	client := v.Client(nil)
	if err := client.Validate(); err != nil {
		t.Error(err)
	}
	kubernetes := strings.Replace(withVault(t), "approle: {role_id_file: role, secret_id_file: secret}", "kubernetes: {role: sluice}", 1)
	kubernetes = strings.Replace(kubernetes, "control_role: control", "engine: kv", 1)
	if c, _, err = load(t, kubernetes); err != nil {
		t.Fatal(err)
	}
	if k := c.Vault.Auth.Kubernetes; k.Mount != "kubernetes" || k.TokenFile != kubernetesToken || c.Databases[0].Credential.Vault.Mount != "secret" {
		t.Errorf("%+v", k)
	}
}

func TestVaultMistakes(t *testing.T) {
	good := withVault(t)
	for _, c := range []struct{ old, new, want string }{
		{"  address: https://vault.example.net\n", "", "vault.address: is needed"},
		{"approle: {role_id_file: role, secret_id_file: secret}", "", "exactly one of approle"},
		{"approle: {role_id_file: role", "token_file: x, approle: {role_id_file: role", "not 2"},
		{"role_id_file: role, ", "", "are both needed"},
		{"approle: {role_id_file: role, secret_id_file: secret}", "jwt: {role: sluice}", "JWT needs a role and a file with the token"},
		{"approle: {role_id_file: role, secret_id_file: secret}", "kubernetes: {}", "Kubernetes names no role"},
		{vaultText, "", "needs the section vault"},
		{"control_role: control", "engine: files", "is not database, static or kv"},
		{"control_role: control", "replication_group: x", "means nothing without replication_role"},
		{"{vault: {control_role: control}}", `{builtin: {admin: "host=db.example.net user=issuer", group: shop_app}}`, "nothing uses it"},
		{"control_role: control", "catalog_group: x", "means nothing without catalog_role"},
		{"https://vault.example.net", "http://vault.example.net", "is not encrypted"},
		{"  address:", "  namespace: \"a b\"\n  address:", "the namespace must be"},
		{"approle: {role_id_file", "approle: {mount: ../x, role_id_file", "the mount"},
		{"{vault: {control_role: control}}", "{}", "vault or builtin is needed"},
		{"vault: {control_role: control}", "vault: {}, builtin: {admin: host=x, group: g}", "keep one"},
		{"  address:", "  timeout: -1s\n  address:", "is negative"},
	} {
		text := strings.Replace(good, c.old, c.new, 1)
		if text == good {
			t.Fatalf("%q is not in the configuration", c.old)
		}
		if _, _, err := load(t, text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q in it", c.new, err, c.want)
		}
	}
}
