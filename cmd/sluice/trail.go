package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/sluice-pg/sluice/audit"
	"github.com/sluice-pg/sluice/proxy/credential/vault"
)

// openTrail opens the trail with the key that signs it.
func (r *running) openTrail(ctx context.Context) error {
	var err error
	if r.key, err = r.trailKey(ctx); err != nil {
		return fmt.Errorf("trail: %w", err)
	}
	digests := r.key.Derive("digests of server messages")
	r.messageKey = digests[:]
	if r.trail, err = audit.Open(r.config.Trail.Dir, audit.Options{Key: r.key}); err != nil {
		return fmt.Errorf("trail: %w", err)
	}
	return nil
}

// trailKey reads the key, once for the life of the process, and makes it if
// there is none yet.
func (r *running) trailKey(ctx context.Context) (*audit.Key, error) {
	c := &r.config.Trail
	if c.VaultKey == nil {
		return audit.LoadOrCreateKey(c.Key)
	}
	ctx, done := context.WithTimeout(ctx, beginTimeout)
	defer done()
	key, err := audit.LoadOrCreateKept(ctx, c.Keeper(r.vault), c.PublicKey())
	if errors.Is(err, vault.ErrAway) {
		return nil, fmt.Errorf("%w (the key is in Vault, and nothing runs unrecorded: start or unseal Vault, or correct vault.address, then start Sluice again)", err)
	}
	if err != nil {
		return nil, err
	}
	r.log.Info("the trail's key is in Vault", "place", c.VaultKey.Place().String(), "key", key)
	return key, nil
}

// endUnusedVault gives the login to Vault back where only keys were wanted from
// it: from then on Vault may be away for as long as it likes.
func (r *running) endUnusedVault(ctx context.Context) {
	if r.vault == nil || r.config.VaultIssues() {
		return
	}
	if err := r.vault.Close(ctx); err != nil {
		r.log.Warn("the login to Vault is not given back, and ends by itself", "err", err)
	}
	r.vault = nil
}
