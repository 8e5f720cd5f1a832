package survey

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/proxy"
	"github.com/sluice-pg/sluice/proxy/credential"
	"github.com/sluice-pg/sluice/proxy/credential/vault"
)

// fromVault has Vault make a login, with a journal of its own so that a running
// proxy is not disturbed.
func (l *Login) fromVault(ctx context.Context, config *proxy.Config, d proxy.Database, p *policy.Policy) (*credential.Lease, error) {
	role, group, err := reader(d, p)
	if err != nil {
		return nil, err
	}
	issuing, err := d.VaultIssuer(p.Leases(d.Name))
	if err != nil {
		return nil, err
	}
	return l.issueInVault(ctx, config, issuing, role, group)
}

func (l *Login) issueInVault(ctx context.Context, config *proxy.Config, issuing vault.IssuerConfig, role, group string) (*credential.Lease, error) {
	dir, err := os.MkdirTemp("", "sluice-classify-")
	if err != nil {
		return nil, fmt.Errorf("a folder for the journal: %w", err)
	}
	l.end = append(l.end, func(context.Context) error { return os.RemoveAll(dir) })
	settings := config.Vault.Client(nil)
	settings.Journal = filepath.Join(dir, "journal")
	client, err := vault.Open(settings)
	if err != nil {
		return nil, err
	}
	l.end = append(l.end, client.Close)
	issuer, err := client.Issuer(issuing)
	if err != nil {
		return nil, err
	}
	if err := client.Begin(ctx); err != nil {
		return nil, err
	}
	lease, err := issuer.Issue(ctx, credential.Request{SessionID: "classify", Subject: subject, Database: issuing.Database, Role: role, Group: group})
	if err != nil {
		return nil, err
	}
	l.end = append(l.end, func(ctx context.Context) error { return issuer.End(ctx, lease) })
	return lease, nil
}

// reader is the Vault role of sessions that come to read, with the role of the
// database that they work as; or that which looks up functions.
func reader(d proxy.Database, p *policy.Policy) (role, group string, err error) {
	if rules := p.LeasesFor(d.Name, policy.PurposeRead); len(rules) > 0 {
		return rules[0].Role, rules[0].Group, nil
	}
	if v := d.Credential.Vault; v.CatalogRole != "" {
		return v.CatalogRole, v.CatalogGroup, nil
	}
	return "", "", errors.New("no rule under leases gives anybody a credential to read here, and credential.vault.catalog_role is not set: add one of them")
}
