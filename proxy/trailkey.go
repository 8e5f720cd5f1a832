package proxy

import (
	"context"
	"path/filepath"

	"github.com/sluice-pg/sluice/audit"
	"github.com/sluice-pg/sluice/proxy/credential"
	"github.com/sluice-pg/sluice/proxy/credential/vault"
)

// VaultKey says where in Vault the trail's key is: in the engine KV version 2.
type VaultKey struct {
	// Mount is where the engine is mounted. Default: secret.
	Mount string `yaml:"mount"`
	// Path is the path of the secret below the mount, such as sluice/trail. Each
	// trail has a key, and so a path, of its own.
	Path string `yaml:"path"`
	// Field is the field of the secret. Default: key.
	Field string `yaml:"field"`
}

func (v *VaultKey) fill() {
	orElse(&v.Mount, "secret")
	orElse(&v.Field, "key")
}

func (v *VaultKey) validate(wrong func(string, ...any)) {
	if v.Path == "" {
		wrong("trail.vault_key.path: is needed, such as sluice/trail")
		return
	}
	if err := v.Place().Validate(); err != nil {
		wrong("trail.vault_key: %w", err)
	}
}

// Place is where the client of Vault finds the key.
func (v *VaultKey) Place() vault.Place {
	return vault.Place{Mount: v.Mount, Path: v.Path, Field: v.Field}
}

// Keeper keeps the trail's key in Vault; nil for one in a file.
func (t *TrailConfig) Keeper(client *vault.Client) audit.Keeper {
	if t.VaultKey == nil {
		return nil
	}
	return vaultKeeper{client, t.VaultKey.Place()}
}

// PublicKey is the file with the key that checks what the trail's key signs.
func (t *TrailConfig) PublicKey() string {
	if t.VaultKey == nil {
		return audit.PublicPath(t.Key)
	}
	return audit.PublicPath(filepath.Clean(t.Dir) + ".key")
}

// vaultKeeper is an audit.Keeper.
type vaultKeeper struct {
	client *vault.Client
	place  vault.Place
}

// Load implements audit.Keeper.
func (k vaultKeeper) Load(ctx context.Context) (string, error) {
	private, err := k.client.ReadKept(ctx, k.place)
	return private.Reveal(), err
}

// Create implements audit.Keeper.
func (k vaultKeeper) Create(ctx context.Context, private string) error {
	return k.client.CreateKept(ctx, k.place, credential.NewSecret(private))
}

// String implements audit.Keeper.
func (k vaultKeeper) String() string { return "Vault at " + k.place.String() }
