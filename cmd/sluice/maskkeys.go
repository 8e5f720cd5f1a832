package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/mask"
	"github.com/sluice-pg/sluice/proxy"
	"github.com/sluice-pg/sluice/proxy/credential/vault"
)

// openMaskKeys reads the keys of pseudonyms, once for the life of the process,
// and makes sure that the policy has all it needs.
func (r *running) openMaskKeys(ctx context.Context, p *policy.Policy) (err error) {
	if len(r.config.MaskKeys) > 0 {
		ctx, done := context.WithTimeout(ctx, beginTimeout)
		defer done()
		r.maskKeys, err = r.config.OpenMaskKeys(ctx, r.vault)
		if errors.Is(err, vault.ErrAway) {
			return fmt.Errorf("%w (the key is in Vault: start or unseal Vault, or correct vault.address, then start Sluice again)", err)
		}
		if err != nil {
			return cli.Exit(err, exitConfig)
		}
	}
	r.endUnusedVault(ctx)
	if err := hasMaskKeys(p, r.maskKeys); err != nil {
		return cli.Exit(err, exitConfig)
	}
	return nil
}

// hasMaskKeys refuses a policy whose pseudonyms there is no key for.
func hasMaskKeys(p *policy.Policy, keys map[string]mask.Key) error {
	missing := proxy.MissingMaskKeys(p, keys)
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("policy %s: its masks need keys that are not under mask_keys in the configuration: %s", p.Name(), strings.Join(missing, ", "))
}
