package tenant

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/sluice-pg/sluice/proxy/credential"
)

// The names in the engine. Its policies speak of roles that begin with shop-.
const (
	// SessionRole makes the logins of sessions.
	SessionRole = "shop-app"
	// ControlRole makes the login that ends sessions.
	ControlRole = "sluice-control"
	// CatalogRole makes the login that looks up what names mean.
	CatalogRole = "shop-catalog"

	connection = "shop"
	appRole    = "sluice"
)

// Vault keeps who has logged in, in a place of its own.
const (
	entityLookup = "identity/lookup/entity"
	entityByID   = "identity/entity/id/"
)

// newName is a name that nothing else in Vault has.
func newName() string { return "sluice-demo-" + strings.ToLower(rand.Text()[:10]) }

// Database is what Vault makes logins in.
type Database struct {
	Host string
	Port int
	Name string
	// CAFile is the certificate of whoever signed that of the database.
	CAFile string
	// User makes and ends logins. Vault replaces its Password.
	User     string
	Password credential.Secret
	// Group is what sessions work as, CatalogGroup what Sluice looks at the
	// catalog as.
	Group, CatalogGroup string
}

// Tenant is what the demo has in Vault.
type Tenant struct {
	*Vault
	// RoleID and SecretID are what Sluice logs in with.
	RoleID   string
	SecretID credential.Secret

	accessor string // of the login method
	belongs  []belonging
	left     bool
}

// Name is the name of the engine, the login method and the policy of Sluice.
func (v *Vault) Name() string { return v.name }

// SessionPolicy is the policy of a token for one login.
func (t *Tenant) SessionPolicy() string { return t.sessionPolicy() }

func (v *Vault) sessionPolicy() string { return v.name + "-session" }

func (v *Vault) approle() string { return "auth/" + v.name + "/role/" + appRole }

// Settle makes everything. If it fails nothing is left; otherwise the caller
// must Leave.
func (v *Vault) Settle(ctx context.Context, db Database) (*Tenant, error) {
	t := &Tenant{Vault: v}
	for _, step := range []func(context.Context, Database) error{t.mount, t.allow, t.connect, t.roles, t.login} {
		if err := errors.Join(step(ctx, db), ctx.Err()); err != nil {
			return nil, errors.Join(err, t.Leave())
		}
	}
	return t, nil
}

// mount makes the engine and the login method.
func (t *Tenant) mount(ctx context.Context, _ Database) error {
	const why = "made by sluice demo, which removes it when it ends"
	t.note(belonging{
		path: "sys/mounts/" + t.name, leases: "sys/leases/revoke-force/" + t.name,
		by: "vault lease revoke -force -prefix " + t.name + "; vault secrets disable " + t.name,
	})
	if _, err := t.write(ctx, "sys/mounts/"+t.name, map[string]any{"type": "database", "description": why}); err != nil {
		return t.explain("mounting a database engine at "+t.name+"/", err)
	}
	t.note(belonging{path: "sys/auth/" + t.name, by: "vault auth disable " + t.name})
	if _, err := t.write(ctx, "sys/auth/"+t.name, map[string]any{"type": "approle", "description": why}); err != nil {
		return t.explain("mounting AppRole at auth/"+t.name+"/", err)
	}
	return nil
}

// allow writes the two policies.
func (t *Tenant) allow(ctx context.Context, _ Database) error {
	for name, file := range map[string]string{t.name: "sluice", t.sessionPolicy(): "sluice-session"} {
		text, err := policyFor(t.name, file)
		if err != nil {
			return err
		}
		t.note(belonging{path: "sys/policies/acl/" + name, by: "vault policy delete " + name})
		if _, err := t.write(ctx, "sys/policies/acl/"+name, map[string]any{"policy": text}); err != nil {
			return t.explain("writing the policy "+name, err)
		}
	}
	return nil
}

// connect tells Vault of the database, and has it set a password that nobody
// else knows.
func (t *Tenant) connect(ctx context.Context, db Database) error {
	ca, err := os.ReadFile(db.CAFile)
	if err != nil {
		return fmt.Errorf("the authority of the database: %w", err)
	}
	names, err := read("username.tmpl")
	if err != nil {
		return err
	}
	_, err = t.write(ctx, t.name+"/config/"+connection, map[string]any{
		"plugin_name": "postgresql-database-plugin", "password_authentication": "scram-sha-256",
		"allowed_roles":     []string{SessionRole, ControlRole, CatalogRole},
		"connection_url":    fmt.Sprintf("postgresql://{{username}}:{{password}}@%s:%d/%s?sslmode=verify-full", db.Host, db.Port, db.Name),
		"username_template": names, "tls_ca": string(ca),
		"username": db.User, "password": db.Password.Reveal(),
	})
	// Vault has looked at the database before it answers.
	if code := status(err); code == 400 || code == 500 {
		return fmt.Errorf("Vault at %s cannot log in to the demo's PostgreSQL at %s:%d, which listens on this machine's loopback only; "+
			"take a Vault that runs on this machine, outside of containers, such as: vault server -dev", t.options.Address, db.Host, db.Port)
	}
	if err != nil {
		return t.explain("telling Vault of the database", err)
	}
	_, err = t.write(ctx, t.name+"/rotate-root/"+connection, nil)
	return t.explain("having Vault set a password that nobody knows", err)
}

// roles make the logins of sessions, and those of Sluice's own.
func (t *Tenant) roles(ctx context.Context, db Database) error {
	for _, r := range []struct{ name, create, group, heir string }{
		{SessionRole, "create", db.Group, db.Group},
		{ControlRole, "create-control", "pg_signal_backend", db.User},
		{CatalogRole, "create", db.CatalogGroup, db.CatalogGroup},
	} {
		body := map[string]any{"db_name": connection, "default_ttl": "1h", "max_ttl": "12h"}
		for key, file := range map[string]string{
			"creation_statements": r.create, "renew_statements": "renew", "revocation_statements": "revoke",
		} {
			text, err := statement(file, r.group, r.heir)
			if err != nil {
				return err
			}
			body[key] = []string{text}
		}
		if _, err := t.write(ctx, t.name+"/roles/"+r.name, body); err != nil {
			return t.explain("making the role "+r.name, err)
		}
	}
	return nil
}

// login makes what Sluice logs in with. The secret id ends by itself, should
// the demo be killed.
func (t *Tenant) login(ctx context.Context, _ Database) error {
	if _, err := t.write(ctx, t.approle(), map[string]any{
		"token_policies": []string{t.name, t.sessionPolicy()}, "token_no_default_policy": true,
		"token_type": "service", "token_period": "1h", "secret_id_ttl": "24h",
	}); err != nil {
		return t.explain("making an AppRole", err)
	}
	method, methodErr := t.read(ctx, "sys/auth/"+t.name)
	role, roleErr := t.read(ctx, t.approle()+"/role-id")
	secret, secretErr := t.write(ctx, t.approle()+"/secret-id", nil)
	if err := errors.Join(methodErr, roleErr, secretErr); err != nil {
		return t.explain("asking for what Sluice logs in with", err)
	}
	if method == nil || role == nil || secret == nil {
		return errors.New("Vault does not say what Sluice is to log in with")
	}
	t.accessor, _ = method.Data["accessor"].(string)
	t.RoleID, _ = role.Data["role_id"].(string)
	id, _ := secret.Data["secret_id"].(string)
	if t.accessor == "" || t.RoleID == "" || id == "" {
		return errors.New("Vault does not say what Sluice is to log in with")
	}
	t.SecretID = credential.NewSecret(id)
	return nil
}
