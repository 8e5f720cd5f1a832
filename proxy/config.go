package proxy

import (
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/sluice-pg/sluice/proxy/identity"
)

// Config is the proxy's configuration. Its keys can stand in a file, in the
// environment and on the command line; package layers puts these together.
// Paths in a file are relative to it. The comments of the keys are also their
// descriptions for editors and the manual page.
type Config struct {
	// Listen are the addresses to accept clients at.
	Listen []Listen `yaml:"listen"`
	// Users is the file of SCRAM verifiers, as sluice user add writes it.
	Users string `yaml:"users"`
	// Auth says how clients prove who they are; the first rule that
	// matches decides.
	Auth identity.Rules `yaml:"auth"`
	// OIDC are the OpenID providers whose tokens login rules may ask for.
	OIDC []identity.Issuer `yaml:"oidc"`
	// Databases are the databases behind the proxy.
	Databases []Database `yaml:"databases"`
	// Destinations say how copies get to places that the policy names.
	Destinations []Destination `yaml:"destinations"`
	// Copies bound what copies use.
	Copies Copies `yaml:"copies"`
	// Alerts says whom the watch over copies tells.
	Alerts Alerts `yaml:"alerts"`
	// Vault issues the credentials of databases and destinations that have
	// credential.vault, and keeps the trail's key if there is trail.vault_key, and mask keys.
	Vault *VaultConfig `yaml:"vault"`
	// Policy is the policy document.
	Policy string `yaml:"policy"`
	// MaskKeys are the keys of pseudonyms that masks of the policy name.
	MaskKeys []MaskKey `yaml:"mask_keys"`
	// Trail is where the audit trail lies.
	Trail TrailConfig `yaml:"trail"`
	// Limits bound what one client can use.
	Limits Limits `yaml:"limits"`
	// Admin is the port for probes and metrics.
	Admin Admin `yaml:"admin"`
	// Greeting, if true, sends a NOTICE after login that says what is
	// recorded and how to ask.
	Greeting bool `yaml:"greeting"`
	// Instance names this proxy where several share a database; it must
	// stay the same over restarts. Default: the host's name.
	Instance string `yaml:"instance"`
	// Log is what the program says on standard error.
	Log LogConfig `yaml:"log"`
	// Telemetry is what it tells of itself otherwise. Where that goes is said
	// by the OTEL_* variables of the environment; without them, nowhere.
	Telemetry TelemetryConfig `yaml:"telemetry"`
}

// LogConfig says how much is logged, and how.
type LogConfig struct {
	// Level is debug, info (the default), warn or error.
	Level string `yaml:"level"`
	// Format is text (the default) or json.
	Format string `yaml:"format"`
}

// TelemetryConfig is what the environment does not say.
type TelemetryConfig struct {
	// SQLCommenter, if true, puts a statement into the client's trace if a
	// comment in its text names one (traceparent='...'). Default: false.
	SQLCommenter bool `yaml:"sqlcommenter"`
	// StatementSpans is for how many statements in a second a span is made,
	// at most; as many again that were refused or failed. Default 100;
	// negative: for all.
	StatementSpans int `yaml:"statement_spans"`
}

// Listen is one address with its transport.
type Listen struct {
	// Address is host:port; port 0 takes a free one.
	Address string `yaml:"address"`
	// TLS is the server's certificate. Without it no TLS is offered.
	TLS *ListenTLS `yaml:"tls"`
	// Plaintext says who may go without TLS: never (the default),
	// loopback, or any.
	Plaintext string `yaml:"plaintext"`
	// ProxyProtocol is set if load balancers connect here that say who
	// their client is; nil believes nobody.
	ProxyProtocol *ProxyProtocol `yaml:"proxy_protocol"`
	// ReusePort lets another Sluice on this machine accept clients at the
	// same address (SO_REUSEPORT), so that one can take over from the other.
	// Each needs a trail and an instance of its own. Default false.
	ReusePort bool `yaml:"reuse_port"`
}

// ProxyProtocol says which load balancers are believed.
type ProxyProtocol struct {
	// From are networks or addresses. A connection from them must begin
	// with a PROXY header, version 1 or 2; one from elsewhere must not.
	From []string `yaml:"from"`
	// networks is From, read.
	networks []netip.Prefix
}

// Admin is the port for probes and metrics. It has no login.
type Admin struct {
	// Address is host:port; empty, the default, is no such port.
	Address string `yaml:"address"`
	// PProf offers profiles of the process; only at a loopback address.
	// Default false.
	PProf bool `yaml:"pprof"`
}

// ListenTLS are PEM files.
type ListenTLS struct {
	// Cert is the certificate, with those between it and its authority.
	Cert string `yaml:"cert"`
	// Key is its private key.
	Key string `yaml:"key"`
	// ClientCA verifies client certificates; needed for the auth method
	// cert.
	ClientCA string `yaml:"client_ca"`
}

// Database is one database behind the proxy.
type Database struct {
	// Name is what clients ask for.
	Name string `yaml:"name"`
	// Upstream is where the database is.
	Upstream Upstream `yaml:"upstream"`
	// Credential says where the upstream login comes from.
	Credential Credential `yaml:"credential"`
}

// Upstream is where a database is.
type Upstream struct {
	// Host is the server's name or IP address.
	Host string `yaml:"host"`
	// Port is the server's port. Default 5432.
	Port int `yaml:"port"`
	// Database is the name at the server; the default is the one that
	// clients ask for.
	Database string `yaml:"database"`
	// TLS says how the server proves itself.
	TLS UpstreamTLS `yaml:"tls"`
}

// UpstreamTLS says how the server proves itself.
type UpstreamTLS struct {
	// Mode is verify-full (the default) or disable. Nothing in between:
	// encryption towards somebody unknown protects nobody.
	Mode string `yaml:"mode"`
	// CA is a PEM file; empty means the system's pool.
	CA string `yaml:"ca"`
	// ServerName is the name in the certificate; the default is the host.
	ServerName string `yaml:"server_name"`
}

// Credential says where the upstream login comes from.
type Credential struct {
	// Builtin makes a short-lived role for each session.
	Builtin *BuiltinCredential `yaml:"builtin"`
	// Vault asks the Vault of the section vault; which of its roles a session
	// gets is said by the policy, under leases.
	Vault *VaultCredential `yaml:"vault"`
}

// BuiltinCredential mints short-lived roles over an admin connection. It is
// meant for evaluation: the proxy then holds a standing password.
type BuiltinCredential struct {
	// Admin is a connection string without a password; the password comes
	// from a passfile named in it.
	Admin string `yaml:"admin"`
	// Group is the role that the short-lived roles are members of.
	Group string `yaml:"group"`
	// ReplicationGroup is the role that sessions on replication connections
	// work as. Their logins have the attribute REPLICATION, so Admin has to
	// be a superuser, or from PostgreSQL 16 on to have REPLICATION and
	// CREATEROLE. Without it there are no replication connections, whatever
	// the policy says.
	ReplicationGroup string `yaml:"replication_group"`
	// TTL is how long a session may last. Default 8h.
	TTL time.Duration `yaml:"ttl"`
}

// TrailConfig is where the trail lies.
type TrailConfig struct {
	// Dir is the trail's folder; it is made on first use.
	Dir string `yaml:"dir"`
	// Key signs checkpoints; it is made on first use. Default: beside
	// the trail's folder, with its name and the ending .key.
	Key string `yaml:"key"`
	// VaultKey has the key kept in Vault in the place of a file: read at each
	// start, made at the first. Default: it is in a file.
	VaultKey *VaultKey `yaml:"vault_key"`
	// Timeout bounds how long a statement waits for its record. Default
	// 10s.
	Timeout time.Duration `yaml:"timeout"`
}

// Limits bound what clients can use. Sizes are bytes.
type Limits struct {
	// Connections is how many sessions may be open. Default 500.
	Connections int `yaml:"connections"`
	// StatementBytes is how long a text may be. Default 4 MiB.
	StatementBytes int `yaml:"statement_bytes"`
	// Operators is how many operators one expression may chain. Default
	// 1500.
	Operators int `yaml:"operators"`
	// CacheBytes is the memory in which analyses are kept for texts of the
	// same shape, about. Default 32 MiB.
	CacheBytes int `yaml:"cache_bytes"`
	// Startup bounds the time from the first byte to the login. Default
	// 20s.
	Startup time.Duration `yaml:"startup"`
	// Idle ends sessions that have done nothing for so long, outside a
	// transaction. Zero means never.
	Idle time.Duration `yaml:"idle"`
	// Unreachable is how long the machine of a client or of a database may
	// leave packets unanswered before the connection counts as lost.
	// Default 1m.
	Unreachable time.Duration `yaml:"unreachable"`
	// Drain is how long a stopping proxy lets transactions finish.
	// Default 30s.
	Drain time.Duration `yaml:"drain"`
	// LeaseGrace is how long before the end of its credential a session ends
	// when it is between two transactions; one that is busy has until the end.
	// Default 30s; never more than an eighth of the credential's life.
	LeaseGrace time.Duration `yaml:"lease_grace"`
	// DrainDelay is how long before that it still accepts clients and is
	// not ready any more, so that load balancers send them elsewhere.
	// Default 0s.
	DrainDelay time.Duration `yaml:"drain_delay"`
}

// Complete fills in defaults, reads paths as relative to dir, and says
// everything that is wrong.
func (c *Config) Complete(dir string) error {
	c.fill()
	c.Anchor(dir)
	return c.validate()
}

// Anchor reads the paths that are relative so far as relative to dir.
func (c *Config) Anchor(dir string) {
	paths := []*string{&c.Users, &c.Policy, &c.Trail.Dir, &c.Trail.Key}
	for _, l := range c.Listen {
		if l.TLS != nil {
			paths = append(paths, &l.TLS.Cert, &l.TLS.Key, &l.TLS.ClientCA)
		}
	}
	for i := range c.Databases {
		paths = append(paths, &c.Databases[i].Upstream.TLS.CA)
	}
	for i := range c.Destinations {
		paths = append(paths, &c.Destinations[i].Server.TLS.CA)
	}
	paths = append(paths, &c.Alerts.CA, &c.Alerts.HeaderFile)
	if c.Vault != nil {
		paths = append(paths, c.Vault.paths()...)
	}
	for i := range c.MaskKeys {
		paths = append(paths, &c.MaskKeys[i].File)
	}
	for i := range c.OIDC {
		paths = append(paths, &c.OIDC[i].CA)
	}
	for _, path := range paths {
		if *path != "" && !filepath.IsAbs(*path) {
			*path = filepath.Join(dir, *path)
		}
	}
}

func (c *Config) fill() {
	for i := range c.Listen {
		orElse(&c.Listen[i].Plaintext, "never")
	}
	for i := range c.OIDC {
		c.OIDC[i].Complete()
	}
	for i := range c.Databases {
		d := &c.Databases[i]
		orElse(&d.Upstream.Database, d.Name)
		orElse(&d.Upstream.Port, 5432)
		orElse(&d.Upstream.TLS.Mode, "verify-full")
		orElse(&d.Upstream.TLS.ServerName, d.Upstream.Host)
		if b := d.Credential.Builtin; b != nil {
			orElse(&b.TTL, 8*time.Hour)
		}
		if v := d.Credential.Vault; v != nil {
			v.fill()
		}
	}
	for i := range c.Destinations {
		c.Destinations[i].fill()
	}
	c.Copies.fill()
	c.Alerts.fill()
	trail := ""
	if c.Trail.Dir != "" {
		trail = filepath.Clean(c.Trail.Dir)
		if c.Trail.VaultKey == nil {
			orElse(&c.Trail.Key, trail+".key")
		}
	}
	if v := c.Trail.VaultKey; v != nil {
		v.fill()
	}
	for i := range c.MaskKeys {
		c.MaskKeys[i].fill()
	}
	if c.Vault != nil {
		c.Vault.fill(trail)
	}
	orElse(&c.Trail.Timeout, 10*time.Second)
	orElse(&c.Telemetry.StatementSpans, 100)
	orElse(&c.Log.Level, "info")
	orElse(&c.Log.Format, "text")
	orElse(&c.Limits.Connections, 500)
	orElse(&c.Limits.StatementBytes, 4<<20)
	orElse(&c.Limits.Operators, 1500)
	orElse(&c.Limits.CacheBytes, 32<<20)
	orElse(&c.Limits.Startup, 20*time.Second)
	orElse(&c.Limits.Unreachable, time.Minute)
	orElse(&c.Limits.Drain, 30*time.Second)
	orElse(&c.Limits.LeaseGrace, 30*time.Second)
	orElse(&c.Log.Level, "info")
	if c.Instance == "" {
		c.Instance, _ = os.Hostname()
	}
}

func orElse[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
