package proxy

import (
	"log/slog"
	"slices"
	"time"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/proxy/credential/vault"
)

// VaultConfig says how to reach the Vault that issues credentials and keeps keys,
// and how to log in there. OpenBao speaks the same.
type VaultConfig struct {
	// Address is the server's URL, https://vault.example.net:8200; http only
	// for this machine.
	Address string `yaml:"address"`
	// CA is a PEM file; empty means the system's pool.
	CA string `yaml:"ca"`
	// ServerName is the name in the certificate; the default is the host.
	ServerName string `yaml:"server_name"`
	// Namespace is that of Vault Enterprise or OpenBao.
	Namespace string `yaml:"namespace"`
	// Auth says how Sluice logs in: exactly one of its keys.
	Auth VaultAuth `yaml:"auth"`
	// Journal is a file of Sluice's own that names every lease before it is
	// used, so that the next start ends what a crash has left. Default: beside
	// the trail's folder, with its name and the ending .leases.
	Journal string `yaml:"journal"`
	// SessionPolicies are the policies in Vault of the token that is made for
	// each lease. Default: those of Sluice's own token.
	SessionPolicies []string `yaml:"session_policies"`
	// Timeout bounds one request. Default 10s.
	Timeout time.Duration `yaml:"timeout"`
}

// VaultAuth says how Sluice logs in to Vault.
type VaultAuth struct {
	// AppRole logs in with a role id and a secret id.
	AppRole *VaultAppRole `yaml:"approle"`
	// TokenFile holds a token, as Vault Agent writes it. It is read again when
	// it changes.
	TokenFile string `yaml:"token_file"`
	// Kubernetes logs in as the pod's service account.
	Kubernetes *VaultJWT `yaml:"kubernetes"`
	// JWT logs in with a token of another issuer.
	JWT *VaultJWT `yaml:"jwt"`
}

// VaultAppRole is a login of the method approle.
type VaultAppRole struct {
	// Mount is where the method is mounted. Default approle.
	Mount string `yaml:"mount"`
	// RoleIDFile holds the role id.
	RoleIDFile string `yaml:"role_id_file"`
	// SecretIDFile holds the secret id. It is read anew for each login.
	SecretIDFile string `yaml:"secret_id_file"`
}

// VaultJWT is a login of the methods kubernetes and jwt.
type VaultJWT struct {
	// Mount is where the method is mounted. Default: its name.
	Mount string `yaml:"mount"`
	// Role is the name of the method's role.
	Role string `yaml:"role"`
	// TokenFile holds the token. Default for kubernetes: where pods find it.
	TokenFile string `yaml:"token_file"`
}

// VaultCredential lets Vault issue the credentials of one database.
type VaultCredential struct {
	// Engine is database (the default: a login made for the session), static
	// (a static role, whose password others may know until it is rotated) or
	// kv (a user name and password kept in KV version 2).
	Engine string `yaml:"engine"`
	// Mount is where the engine is mounted. Default: database, or secret for
	// kv.
	Mount string `yaml:"mount"`
	// ControlRole is the Vault role whose logins may end other sessions (member
	// of pg_signal_backend). Without it nobody can verify that a session is gone
	// from the server.
	ControlRole string `yaml:"control_role"`
	// ReplicationRole is the Vault role for replication connections that the
	// policy allows; its logins have the attribute REPLICATION. Without it there
	// are none, whatever the policy says.
	ReplicationRole string `yaml:"replication_role"`
	// ReplicationGroup is the role of the database that such a session works as
	// where it runs SQL. Default: the login itself, whose tables would keep Vault
	// from dropping it.
	ReplicationGroup string `yaml:"replication_group"`
	// CatalogRole is the Vault role for looking up what names mean in the
	// database, and what functions do. Without it nothing can be masked, and no
	// function is known.
	CatalogRole string `yaml:"catalog_role"`
	// CatalogGroup is the role of the database to do that as. Default: the
	// login itself.
	CatalogGroup string `yaml:"catalog_group"`
}

// Where things are in Vault unless somebody chose otherwise.
const (
	kubernetesToken = "/var/run/secrets/kubernetes.io/serviceaccount/token"
	engineDatabase  = "database"
	engineStatic    = "static"
	engineKV        = "kv"
)

func (v *VaultConfig) fill(trail string) {
	if trail != "" {
		orElse(&v.Journal, trail+".leases")
	}
	orElse(&v.Timeout, 10*time.Second)
	if v.Auth.AppRole != nil {
		orElse(&v.Auth.AppRole.Mount, "approle")
	}
	if k := v.Auth.Kubernetes; k != nil {
		orElse(&k.Mount, "kubernetes")
		orElse(&k.TokenFile, kubernetesToken)
	}
	if j := v.Auth.JWT; j != nil {
		orElse(&j.Mount, "jwt")
	}
}

func (v *VaultCredential) fill() {
	orElse(&v.Engine, engineDatabase)
	if v.Engine == engineKV {
		orElse(&v.Mount, "secret")
	} else {
		orElse(&v.Mount, "database")
	}
}

// paths are the settings that are read as relative to the file they stand in.
func (v *VaultConfig) paths() []*string {
	paths := []*string{&v.CA, &v.Journal, &v.Auth.TokenFile}
	if a := v.Auth.AppRole; a != nil {
		paths = append(paths, &a.RoleIDFile, &a.SecretIDFile)
	}
	for _, j := range []*VaultJWT{v.Auth.Kubernetes, v.Auth.JWT} {
		if j != nil {
			paths = append(paths, &j.TokenFile)
		}
	}
	return paths
}

func (v *VaultConfig) validate(wrong func(string, ...any)) {
	ways := 0
	for _, given := range []bool{v.Auth.AppRole != nil, v.Auth.TokenFile != "", v.Auth.Kubernetes != nil, v.Auth.JWT != nil} {
		if given {
			ways++
		}
	}
	switch a := v.Auth.AppRole; {
	case v.Address == "":
		wrong("vault.address: is needed, such as https://vault.example.net:8200")
	case ways != 1:
		wrong("vault.auth: exactly one of approle, token_file, kubernetes and jwt is needed, not %d", ways)
	case a != nil && (a.RoleIDFile == "" || a.SecretIDFile == ""):
		wrong("vault.auth.approle: role_id_file and secret_id_file are both needed")
	case v.Journal != "": // else the trail's folder is missing, which is said
		c := v.Client(nil)
		if err := c.Check(); err != nil {
			wrong("%w", err)
		}
	}
}

func (v *VaultCredential) validate(wrong func(string, ...any)) {
	switch v.Engine {
	case engineDatabase, engineStatic, engineKV:
	default:
		wrong("credential.vault.engine: %q is not database, static or kv", v.Engine)
	}
	if v.ReplicationGroup != "" && v.ReplicationRole == "" {
		wrong("credential.vault.replication_group: means nothing without replication_role")
	}
	if v.CatalogGroup != "" && v.CatalogRole == "" {
		wrong("credential.vault.catalog_group: means nothing without catalog_role")
	}
}

// VaultIssues reports whether Vault issues the credentials of any database or
// destination.
func (c *Config) VaultIssues() bool {
	return slices.ContainsFunc(c.Databases, func(d Database) bool { return d.Credential.Vault != nil }) ||
		slices.ContainsFunc(c.Destinations, func(d Destination) bool { return d.Credential.Vault != nil })
}

// sharesPassword reports whether sessions get a login that was not made for them.
func (d *Database) sharesPassword() bool {
	v := d.Credential.Vault
	return v != nil && v.Engine != engineDatabase
}

// Client is the configuration of a client for Vault.
func (v *VaultConfig) Client(log *slog.Logger) vault.Config {
	c := vault.Config{
		Address: v.Address, CA: v.CA, ServerName: v.ServerName, Namespace: v.Namespace, Journal: v.Journal, Timeout: v.Timeout, Log: log,
		SessionPolicies: v.SessionPolicies,
		Auth:            vault.Auth{TokenFile: v.Auth.TokenFile, Kubernetes: v.Auth.Kubernetes.login(), JWT: v.Auth.JWT.login()},
	}
	if a := v.Auth.AppRole; a != nil {
		c.Auth.AppRole = &vault.AppRole{Mount: a.Mount, RoleIDFile: a.RoleIDFile, SecretIDFile: a.SecretIDFile}
	}
	return c
}

func (j *VaultJWT) login() *vault.TokenLogin {
	if j == nil {
		return nil
	}
	return &vault.TokenLogin{Mount: j.Mount, Role: j.Role, TokenFile: j.TokenFile}
}

// engines are where credentials come from, as the configuration names it.
var engines = map[string]vault.Engine{engineDatabase: vault.Dynamic, engineStatic: vault.Static, engineKV: vault.KV}

// VaultIssuer is the configuration of an issuer for a database that has
// credential.vault. rules are those of the policy that choose its credentials.
func (d *Database) VaultIssuer(rules []policy.LeaseTerms) (vault.IssuerConfig, error) {
	control, err := ControlConfig(d.Upstream)
	if err != nil {
		return vault.IssuerConfig{}, err
	}
	v := d.Credential.Vault
	return vault.IssuerConfig{
		Database: d.Name, Mount: v.Mount, Engine: engines[v.Engine], Roles: v.roles(rules), Control: control, ControlRole: v.ControlRole,
	}, nil
}

// roles are Vault's roles that will be asked for.
func (v *VaultCredential) roles(rules []policy.LeaseTerms) []string {
	roles := []string{v.CatalogRole, v.ReplicationRole}
	for _, r := range rules {
		roles = append(roles, r.Role)
	}
	slices.Sort(roles)
	return slices.DeleteFunc(slices.Compact(roles), func(role string) bool { return role == "" })
}
