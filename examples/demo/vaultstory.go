package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sluice-pg/sluice/audit/read"
	"github.com/sluice-pg/sluice/examples/demo/tenant"
)

// issued is the type of the record about a credential.
const issued = "credential.issued"

// story is the same story, with one step more if Vault makes the logins.
func (v *inVault) story(chapters []chapter) []chapter {
	if v == nil {
		return chapters
	}
	first := &chapters[0]
	first.steps = append(first.steps, step{
		say:   "Her login at the database is one that Vault made for this session. It bears her name, and works as the group.",
		types: `SELECT session_user, current_user;`, shows: []string{"sluice_shop_app_" + user + "-", group},
		truths: []truth{{
			say: "the server has this one login from Vault for her, with an end", on: shop, want: "1",
			sql: `SELECT count(*) FROM pg_roles WHERE rolname LIKE 'sluice\_shop\_app\_alice-%' AND rolvaliduntil > now() AND NOT rolinherit`,
		}},
	})
	return chapters
}

// gone is what holds for the session's login at the end.
func (v *inVault) gone() truth {
	if v == nil {
		return truth{
			say: "the logins that Sluice made for her sessions are gone", on: shop, want: "0",
			sql: `SELECT count(*) FROM pg_roles WHERE rolname LIKE 'sluice\_alice\_%'`,
		}
	}
	return truth{
		say: "the logins that Vault made for her sessions are gone", on: shop, want: "0",
		sql: `SELECT count(*) FROM pg_roles WHERE rolname LIKE 'sluice\_shop\_app\_%'`,
	}
}

// vaultLease shows what the trail says of the login's lease, and asks Vault
// whether it has ended.
func (p *player) vaultLease(ctx context.Context) error {
	if p.vault == nil {
		return nil
	}
	fmt.Fprintln(p.out, "\n   Which logins were they, made by which role of Vault's, by which rule, and what for?")
	shows := []string{"role=sluice_shop_app_" + user + "-", "vault_role=" + tenant.SessionRole, "rule=engineers", "purpose=read"}
	if err := p.command(ctx, 0, shows, "audit", "show", "--type", issued, "--user", user, p.work.setup.TrailDir); err != nil {
		return err
	}
	lease, err := leaseOf(p.work.setup.TrailDir)
	if err != nil {
		return err
	}
	gone, err := p.vault.vault.Gone(ctx, lease)
	if err == nil && !gone {
		err = errors.New("Vault still has the lease of the session that has ended")
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(p.out, "   [ok] looked up: Vault does not know this lease any more")
	return nil
}

// leaseOf is the lease of the user's first session in a trail.
func leaseOf(trail string) (string, error) {
	var text bytes.Buffer
	if err := read.Show(&text, trail, read.Filter{Type: issued, User: user}, read.NDJSON); err != nil {
		return "", err
	}
	var record struct {
		Body struct {
			Lease string `json:"lease"`
		} `json:"body"`
	}
	if err := json.NewDecoder(&text).Decode(&record); err != nil {
		return "", fmt.Errorf("the trail does not have a lease of %s: %w", user, err)
	}
	if record.Body.Lease == "" {
		return "", fmt.Errorf("the trail does not name the lease of %s", user)
	}
	return record.Body.Lease, nil
}
