package main

import (
	"context"
	"fmt"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/proxy"
	"github.com/sluice-pg/sluice/proxy/credential"
	"github.com/sluice-pg/sluice/proxy/credential/vault"
)

// openVault reads what an earlier run has left in the journal. It contacts
// nobody.
func (r *running) openVault() (err error) {
	if r.config.Vault == nil {
		return nil
	}
	r.vault, err = vault.Open(r.config.Vault.Client(r.log))
	return err
}

// vaultHealth tells whether Vault can be asked; nil where there is none.
func (r *running) vaultHealth() func() error {
	if r.vault == nil {
		return nil
	}
	return r.vault.Healthy
}

// vaultIssuer issues the credentials of one database or destination that Vault makes.
type vaultIssuer struct {
	*credential.Shared
	issuer *vault.Issuer
	name   string
}

func (r *running) newVaultIssuer(d proxy.Database, p *policy.Policy) (*vaultIssuer, error) {
	config, err := d.VaultIssuer(p.Leases(d.Name))
	if err != nil {
		return nil, err
	}
	return r.openVaultIssuer(config, d.Name)
}

func (r *running) openVaultIssuer(config vault.IssuerConfig, name string) (*vaultIssuer, error) {
	issuer, err := r.vault.Issuer(config)
	if err != nil {
		return nil, err
	}
	return &vaultIssuer{Shared: credential.NewShared(issuer, nil), issuer: issuer, name: name}, nil
}

// Issue implements proxy.Credentials.
func (i *vaultIssuer) Issue(ctx context.Context, request credential.Request) (*credential.Lease, error) {
	if err := i.begin(ctx); err != nil {
		return nil, err
	}
	return i.Shared.Issue(ctx, request)
}

// begin logs in to Vault, once for all databases, and ends what an earlier run
// has left. What Vault denies for a destination keeps nobody else from working.
func (i *vaultIssuer) begin(ctx context.Context) error {
	ctx, done := context.WithTimeout(ctx, beginTimeout)
	defer done()
	if err := i.issuer.Begin(ctx); err != nil {
		return fmt.Errorf("the first login: %w", err)
	}
	return nil
}

// database is the name of the database or destination it is for.
func (i *vaultIssuer) database() string { return i.name }
