package proxy

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/audit"
)

// withVaultKey is a configuration whose trail's key is in Vault.
func withVaultKey(t *testing.T, key string) string {
	t.Helper()
	const trail = "trail: {dir: trail}"
	text := strings.Replace(goodConfig, trail, "trail: {dir: trail, "+key+"}", 1)
	if text == goodConfig {
		t.Fatal("the configuration has another form")
	}
	return text + vaultText
}

func TestVaultKeyDefaults(t *testing.T) {
	c, dir, err := load(t, withVaultKey(t, "vault_key: {path: sluice/trail}"))
	if err != nil {
		t.Fatal(err)
	}
	if place := c.Trail.VaultKey.Place().String(); place != "secret/sluice/trail (field key)" || c.Trail.Key != "" {
		t.Errorf("place %s, file %q", place, c.Trail.Key)
	}
	if got := c.Trail.Keeper(nil).String(); got != "Vault at secret/sluice/trail (field key)" {
		t.Errorf("kept in %s", got)
	}
	// audit verify looks there by itself, as for a key in a file.
	if got := c.Trail.PublicKey(); got != filepath.Join(dir, "trail.pub") {
		t.Errorf("the public key is at %s", got)
	}
	file, _, err := load(t, goodConfig)
	if err != nil {
		t.Fatal(err)
	}
	if file.Trail.Keeper(nil) != nil || file.Trail.PublicKey() != audit.PublicPath(file.Trail.Key) {
		t.Errorf("a key in a file: %+v", file.Trail)
	}
}

func TestVaultKeyMistakes(t *testing.T) {
	for key, want := range map[string]string{
		"vault_key: {}": "trail.vault_key.path: is needed",
		"vault_key: {path: sluice/trail}, key: k":        "key and vault_key are both there",
		"vault_key: {path: ../sys}":                      `the path "../sys" must be`,
		"vault_key: {path: a//b}":                        `the path "a//b" must be`,
		"vault_key: {mount: a b, path: sluice/trail}":    `the mount "a b" must be`,
		"vault_key: {path: sluice/trail, field: 'a\"b'}": `the field "a\"b" must be`,
	} {
		if _, _, err := load(t, withVaultKey(t, key)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q in it", key, err, want)
		}
	}
	without := strings.Replace(withVaultKey(t, "vault_key: {path: sluice/trail}"), vaultText, "", 1)
	if _, _, err := load(t, without); err == nil || !strings.Contains(err.Error(), "trail.vault_key: needs the section vault") {
		t.Errorf("without the section vault: %v", err)
	}
}
