package demo

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
	"github.com/sluice-pg/sluice/examples/demo/tenant"
	"github.com/sluice-pg/sluice/proxy/credential"
)

// leases is what the policy has besides when Vault makes the logins.
//
//go:embed leases.yaml.tmpl
var leases string

// vaultUser makes and ends logins in shop for Vault.
const vaultUser = "shop_vault"

// catalogGroup is what Sluice looks at the catalog as. It is granted nothing.
const catalogGroup = "shop_catalog"

// vaultSQL is what a database needs for Vault, as examples/vault/prepare.sql
// does it. The logins inherit nothing, so the right to connect has to be
// everybody's; pg_hba.conf and passwords say who comes in. The server's log must
// not quote the password, should this fail.
const vaultSQL = `
	SET log_min_error_statement = panic;
	CREATE ROLE shop_vault LOGIN CREATEROLE PASSWORD '%s';
	CREATE ROLE shop_catalog NOLOGIN;
	GRANT shop_app, shop_catalog, pg_signal_backend TO shop_vault WITH ADMIN OPTION;
	GRANT CONNECT ON DATABASE shop TO PUBLIC`

// VaultSetup is what Sluice needs to know to have Vault issue credentials.
type VaultSetup struct {
	// Address, CA and Namespace lead to Vault; CA and Namespace can be empty.
	Address, CA, Namespace string
	// Mount is the database engine's, AuthMount that of the method AppRole.
	Mount, AuthMount string
	// ControlRole makes the login that ends sessions.
	ControlRole string
	// CatalogRole makes the login that looks up what names mean, as CatalogGroup.
	CatalogRole, CatalogGroup string
	// SessionPolicy is that of the token for one login.
	SessionPolicy string
	// RoleIDFile and SecretIDFile hold what Sluice logs in with.
	RoleIDFile, SecretIDFile string
}

// inVault is the demo's part in Vault; nil if Sluice issues credentials itself.
type inVault struct {
	options *tenant.Options
	vault   *tenant.Vault
	tenant  *tenant.Tenant
}

// openVault looks at Vault before anything is started or made.
func openVault(ctx context.Context, o Options) (*inVault, error) {
	if o.Vault == nil {
		return nil, nil
	}
	vault, err := tenant.Open(ctx, *o.Vault)
	if err != nil {
		return nil, err
	}
	return &inVault{options: o.Vault, vault: vault}, nil
}

func (v *inVault) close() {
	if v != nil {
		v.vault.Close()
	}
}

// furnish says where logins come from: it sets Vault up, or Sluice to make them.
func (v *inVault) furnish(ctx context.Context, out io.Writer, w *workplace, s *Servers) error {
	if v == nil {
		return w.issueItself(s)
	}
	fmt.Fprintf(out, "Setting up the Vault at %s; all that is made there is named %s and goes with the demo ...\n", v.options.Address, v.vault.Name())
	db := tenant.Database{
		Host: pgserver.Host, Port: s.Shop.Port(), Name: w.setup.Database, CAFile: s.Shop.CAFile,
		User: vaultUser, Password: credential.NewSecret(rand.Text()), Group: group, CatalogGroup: catalogGroup,
	}
	if err := s.Shop.Exec(ctx, w.setup.Database, fmt.Sprintf(vaultSQL, db.Password.Reveal())); err != nil {
		return fmt.Errorf("preparing shop for Vault: %w", err)
	}
	var err error
	if v.tenant, err = v.vault.Settle(ctx, db); err != nil {
		return err
	}
	if err := v.setUp(w); err != nil {
		return errors.Join(err, v.tenant.Leave())
	}
	return nil
}

// setUp writes what Sluice logs in to Vault with, and adds leases to the policy.
func (v *inVault) setUp(w *workplace) error {
	in := func(name string) string { return filepath.Join(w.setup.Dir, name) }
	w.setup.Vault = &VaultSetup{
		Address: v.options.Address, CA: v.options.CA, Namespace: v.options.Namespace,
		Mount: v.tenant.Name(), AuthMount: v.tenant.Name(), ControlRole: tenant.ControlRole, SessionPolicy: v.tenant.SessionPolicy(),
		CatalogRole: tenant.CatalogRole, CatalogGroup: catalogGroup,
		RoleIDFile: in("vault-role-id"), SecretIDFile: in("vault-secret-id"),
	}
	policy, err := os.ReadFile(w.setup.Policy)
	if err := errors.Join(err,
		os.WriteFile(w.setup.Policy, append(policy, leases...), 0o600),
		os.WriteFile(w.setup.Vault.RoleIDFile, []byte(v.tenant.RoleID), 0o600),
		os.WriteFile(w.setup.Vault.SecretIDFile, []byte(v.tenant.SecretID.Reveal()), 0o600),
	); err != nil {
		return fmt.Errorf("files for Sluice: %w", err)
	}
	return nil
}

// leave removes everything from Vault. Sluice has to be stopped, and the servers
// have to run.
func (v *inVault) leave(out io.Writer) error {
	if v == nil {
		return nil
	}
	if err := v.tenant.Leave(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nNothing of the demo is left in Vault.\n")
	return nil
}

// invite tells a person what is special with Vault.
func (v *inVault) invite(out io.Writer) {
	if v == nil {
		return
	}
	fmt.Fprintf(out, "Vault makes the logins: SHOW sluice.session names yours. What is there for it is named %s, and goes then, too.\n", v.vault.Name())
	if v.vault.Left > 0 {
		fmt.Fprintf(out, "The token of %s ends at %s; end the demo before, or it cannot remove what it has made.\n",
			v.options.TokenFrom, time.Now().Add(v.vault.Left).Format("15:04"))
	}
}
