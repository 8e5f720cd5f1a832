package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sluice-pg/sluice/audit"
	"github.com/sluice-pg/sluice/audit/record"
	"github.com/sluice-pg/sluice/proxy"
	"github.com/sluice-pg/sluice/proxy/credential/vault"
)

// lookAtTrailKey judges the key that signs, and returns it if it can be used.
func lookAtTrailKey(ctx context.Context, f *findings, config *proxy.Config) *audit.Key {
	if config.Trail.VaultKey != nil {
		return lookAtKeyInVault(ctx, f, config)
	}
	return lookAtKeyFile(f, config.Trail)
}

// begun tells whether a trail has records.
func begun(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, record.SegmentName(0)))
	return err == nil
}

// lookAtKeyInVault reads the key as the proxy does at its start, and makes none.
func lookAtKeyInVault(ctx context.Context, f *findings, config *proxy.Config) *audit.Key {
	client, giveBack, err := openVault(config)
	if err != nil {
		noVault(f, trailKey, err)
		return nil
	}
	defer func() {
		if err := giveBack(ctx); err != nil {
			f.warning("vault.returned", "Revoke it in Vault, or let it run out.", "the login for the look at the trail's key is not given back: %v", err)
		}
	}()
	keeper, place := config.Trail.Keeper(client), config.Trail.VaultKey.Place()
	key, err := audit.LoadKept(ctx, keeper)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		lookAtKeyToBe(ctx, f, config.Trail, client)
		return nil
	case errors.Is(err, audit.ErrKey):
		f.problem(trailKey, "Put the key back, as an earlier version of the secret has it, or begin a new trail with another path.", "%v", err)
		return nil
	case err != nil:
		f.problem(trailKey, keyFix(err), "%v", err)
		return nil
	}
	switch err := key.CheckPublic(config.Trail.PublicKey()); {
	case errors.Is(err, audit.ErrKey):
		f.problem(trailKey, "Put the key back that the trail was begun with, or begin a new trail in another folder.", "%v", err)
		return nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		f.unknown(trailKey, "Run the doctor as the proxy's user.", "%s", pathError(err))
		return nil
	}
	f.ok(trailKey, "Vault at %s has %s", place, key)
	return key
}

// lookAtKeyToBe judges a key that Vault does not have: one may be made for a new
// trail only, and by whom Vault lets.
func lookAtKeyToBe(ctx context.Context, f *findings, c proxy.TrailConfig, client *vault.Client) {
	place := c.VaultKey.Place()
	if _, err := os.Stat(c.PublicKey()); begun(c.Dir) || err == nil {
		f.problem(trailKey, "Put the key back into Vault, or begin a new trail in another folder.", "Vault at %s has none, and the trail was begun with one", place)
		return
	}
	if err := client.MayCreateKept(ctx, place); err != nil {
		f.problem(trailKey, keyFix(err), "not there, and it cannot be made: %v", err)
		return
	}
	f.ok(trailKey, "not there; the proxy makes it in Vault at %s", place)
}

// keyFix says what to do where the key cannot be read.
func keyFix(err error) string {
	if errors.Is(err, vault.ErrAway) || errors.Is(err, vault.ErrDenied) {
		return vaultFix(err)
	}
	return "Correct trail.vault_key and vault.auth, or what they name in Vault."
}
