package proxy

import (
	"fmt"
	"time"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/proxy/credential/vault"
)

// Destination says how copies get to a place that the policy names.
type Destination struct {
	// Name is that of the destination in the policy.
	Name string `yaml:"name"`
	// Server is where it is, as the policy says as well: what is carried there
	// and what is measured is the same server.
	Server Upstream `yaml:"server"`
	// Credential says where the logins there come from.
	Credential DestinationCredential `yaml:"credential"`
}

// DestinationCredential says where the logins come from with which Sluice works at
// a destination. Each is short-lived and a member of one of the roles that sluice
// destination setup makes.
type DestinationCredential struct {
	// Builtin makes a short-lived role for each purpose.
	Builtin *DestinationBuiltin `yaml:"builtin"`
	// Vault asks the Vault of the section vault.
	Vault *DestinationVault `yaml:"vault"`
}

// DestinationBuiltin mints short-lived roles over an admin connection. It is meant
// for evaluation: the proxy then holds a standing password of the destination.
type DestinationBuiltin struct {
	// Admin is a connection string without a password; the password comes
	// from a passfile named in it.
	Admin string `yaml:"admin"`
	// TTL is how long a login lasts, and with it a copy may take. Default 8h.
	TTL time.Duration `yaml:"ttl"`
}

// DestinationVault lets Vault issue the logins.
type DestinationVault struct {
	// Mount is where the database engine is mounted. Default: database.
	Mount string `yaml:"mount"`
	// ProbeRole is the Vault role whose logins look at the place.
	ProbeRole string `yaml:"probe_role"`
	// CarrierRole is the Vault role whose logins load copies.
	CarrierRole string `yaml:"carrier_role"`
	// ReactorRole is the Vault role whose logins close and remove them. Without
	// it nothing is done about a place whose protection has become less, but to
	// say so.
	ReactorRole string `yaml:"reactor_role"`
	// ControlRole is the Vault role whose logins may end other sessions (member
	// of pg_signal_backend). Without it nobody can verify that a session of
	// Sluice is gone from the server.
	ControlRole string `yaml:"control_role"`
}

// Copies bound what copies that the proxy carries use.
type Copies struct {
	// Streams is how many connections one copy uses at each end, besides one
	// that holds it together. Default 2.
	Streams int `yaml:"streams"`
	// AtOnce is how many copies are carried at a time; further ones are told to
	// try again. Default 2.
	AtOnce int `yaml:"at_once"`
}

func (c *Copies) fill() {
	orElse(&c.Streams, 2)
	orElse(&c.AtOnce, 2)
}

// maxStreams bounds both numbers.
const maxStreams = 64

func (c *Copies) validate(wrong func(string, ...any)) {
	if c.Streams < 1 || c.Streams > maxStreams {
		wrong("copies.streams: %d is not between 1 and %d", c.Streams, maxStreams)
	}
	if c.AtOnce < 1 || c.AtOnce > maxStreams {
		wrong("copies.at_once: %d is not between 1 and %d", c.AtOnce, maxStreams)
	}
}

func (d *Destination) fill() {
	orElse(&d.Server.Port, 5432)
	orElse(&d.Server.TLS.Mode, "verify-full")
	orElse(&d.Server.TLS.ServerName, d.Server.Host)
	if b := d.Credential.Builtin; b != nil {
		orElse(&b.TTL, 8*time.Hour)
	}
	if v := d.Credential.Vault; v != nil {
		orElse(&v.Mount, "database")
	}
}

func (c *Config) validateDestinations(wrong func(string, ...any)) {
	names := map[string]bool{}
	for i := range c.Destinations {
		d := &c.Destinations[i]
		if d.Credential.Vault != nil && c.Vault == nil {
			wrong("destinations[%d] (%s): credential.vault: needs the section vault", i, d.Name)
		}
		if names[d.Name] {
			wrong("destinations[%d].name: %q is there twice", i, d.Name)
		}
		names[d.Name] = true
		d.validate(func(format string, args ...any) {
			wrong("destinations[%d] (%s): "+format, append([]any{i, d.Name}, args...)...)
		})
	}
}

func (d *Destination) validate(wrong func(string, ...any)) {
	if d.Name == "" {
		wrong("name is needed: that of a destination of the policy")
	}
	d.Server.validate("server", wrong)
	if d.Server.Database == "" {
		wrong("server.database is needed")
	}
	b, v := d.Credential.Builtin, d.Credential.Vault
	switch {
	case b == nil && v == nil:
		wrong("credential: vault or builtin is needed")
	case b != nil && v != nil:
		wrong("credential: vault and builtin are both there; keep one")
	case v != nil && (v.ProbeRole == "" || v.CarrierRole == ""):
		wrong("credential.vault: probe_role and carrier_role are both needed")
	case b != nil && b.Admin == "":
		wrong("credential.builtin.admin is needed")
	case b != nil && b.TTL < time.Minute:
		wrong("credential.builtin.ttl: %s is under a minute", b.TTL)
	}
}

// VaultIssuer is the configuration of an issuer for a destination that has
// credential.vault.
func (d *Destination) VaultIssuer() (vault.IssuerConfig, error) {
	control, err := ControlConfig(d.Server)
	if err != nil {
		return vault.IssuerConfig{}, err
	}
	v := d.Credential.Vault
	roles := []string{v.ProbeRole, v.CarrierRole}
	if v.ReactorRole != "" {
		roles = append(roles, v.ReactorRole)
	}
	return vault.IssuerConfig{
		Database: "destination " + d.Name, Mount: v.Mount, Engine: vault.Dynamic, Roles: roles, Apart: true, Control: control, ControlRole: v.ControlRole,
	}, nil
}

// SameServer says in what policy and configuration differ about where a destination
// is, nil if in nothing.
func (d *Destination) SameServer(def *policy.PlaceDef) error {
	at := d.Server
	if def.Host == at.Host && def.Port == at.Port && def.Database == at.Database {
		return nil
	}
	return fmt.Errorf("the policy says that %s is %s, and the configuration says %s", def.Name,
		serverWords(def.Host, def.Port, def.Database), serverWords(at.Host, at.Port, at.Database))
}
