package proxy

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/sluice-pg/sluice/proxy/identity"
)

// validate says everything that is wrong.
func (c *Config) validate() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(c.Listen) == 0 {
		wrong("listen: at least one address is needed")
	}
	for i, l := range c.Listen {
		l.validate(func(format string, args ...any) {
			wrong("listen[%d]"+format, append([]any{i}, args...)...)
		})
	}
	c.Admin.validate(wrong)
	if len(c.Auth) == 0 {
		wrong("auth: at least one rule is needed")
	}
	if err := c.Auth.Validate(); err != nil {
		wrong("auth: %w", err)
	}
	c.validateIssuers(wrong)
	c.Log.validate(wrong)
	c.validateTrail(wrong)
	c.validateMaskKeys(wrong)
	c.validateDatabases(wrong)
	c.validateDestinations(wrong)
	c.Copies.validate(wrong)
	c.Alerts.validate(wrong)
	if c.Vault != nil {
		c.Vault.validate(wrong)
		if c.Trail.VaultKey == nil && !c.VaultIssues() && !c.keptInVault() {
			wrong("vault: nothing uses it: no database and no destination has credential.vault, and there is no trail.vault_key")
		}
	}
	c.Limits.validate(wrong)
	return errors.Join(errs...)
}

func (c *Config) validateDatabases(wrong func(string, ...any)) {
	if len(c.Databases) == 0 {
		wrong("databases: at least one is needed")
	}
	names := map[string]bool{}
	for i, d := range c.Databases {
		if d.Credential.Vault != nil && c.Vault == nil {
			wrong("databases[%d] (%s): credential.vault: needs the section vault", i, d.Name)
		}
		if names[d.Name] {
			wrong("databases[%d].name: %q is there twice", i, d.Name)
		}
		names[d.Name] = true
		d.validate(func(format string, args ...any) {
			wrong("databases[%d] (%s): "+format, append([]any{i, d.Name}, args...)...)
		})
	}
}

func (l *Limits) validate(wrong func(string, ...any)) {
	if u := l.Unreachable; u < time.Second {
		wrong("limits.unreachable: %s is under a second", u)
	}
	for name, n := range map[string]int{
		"connections": l.Connections, "statement_bytes": l.StatementBytes, "operators": l.Operators,
		"cache_bytes": l.CacheBytes,
	} {
		if n < 0 {
			wrong("limits.%s: %d is negative", name, n)
		}
	}
	for name, d := range map[string]time.Duration{
		"limits.startup": l.Startup, "limits.idle": l.Idle, "limits.drain": l.Drain,
		"limits.drain_delay": l.DrainDelay, "limits.lease_grace": l.LeaseGrace,
	} {
		if d < 0 {
			wrong("%s: %s is negative", name, d)
		}
	}
}

func (c *Config) validateTrail(wrong func(string, ...any)) {
	if c.Trail.Dir == "" {
		wrong("trail.dir: is needed; nothing runs unrecorded")
	}
	if c.Trail.Timeout < 0 {
		wrong("trail.timeout: %s is negative", c.Trail.Timeout)
	}
	v := c.Trail.VaultKey
	if v == nil {
		return
	}
	if c.Trail.Key != "" {
		wrong("trail: key and vault_key are both there; keep one")
	}
	if c.Vault == nil {
		wrong("trail.vault_key: needs the section vault")
	}
	v.validate(wrong)
}

// validateIssuers holds the issuers and the rules that name them together.
func (c *Config) validateIssuers(wrong func(string, ...any)) {
	names := map[string]bool{}
	for i := range c.OIDC {
		issuer := &c.OIDC[i]
		issuer.Validate(func(format string, args ...any) {
			wrong("oidc[%d]."+format, append([]any{i}, args...)...)
		})
		if names[issuer.Name] {
			wrong("oidc[%d].name: %q is there twice", i, issuer.Name)
		}
		names[issuer.Name] = true
	}
	for i, rule := range c.Auth {
		if rule.OIDC != "" && !names[rule.OIDC] {
			wrong("auth[%d].oidc: there is no issuer %q under oidc", i, rule.OIDC)
		}
	}
}

func (l LogConfig) validate(wrong func(string, ...any)) {
	switch l.Level {
	case "debug", "info", "warn", "error":
	default:
		wrong("log.level: %q is not debug, info, warn or error", l.Level)
	}
	switch l.Format {
	case "text", "json":
	default:
		wrong("log.format: %q is not text or json", l.Format)
	}
}

func (l *Listen) validate(wrong func(string, ...any)) {
	if _, _, err := net.SplitHostPort(l.Address); err != nil {
		wrong(".address: %w", err)
	}
	switch l.Plaintext {
	case "never", "loopback", "any":
	default:
		wrong(".plaintext: %q is not never, loopback or any", l.Plaintext)
	}
	if l.TLS == nil && l.Plaintext == "never" {
		wrong(": neither tls nor plaintext, so nobody could connect")
	}
	if l.TLS != nil && (l.TLS.Cert == "" || l.TLS.Key == "") {
		wrong(".tls: cert and key are both needed")
	}
	if l.ProxyProtocol != nil {
		l.ProxyProtocol.validate(wrong)
	}
}

func (p *ProxyProtocol) validate(wrong func(string, ...any)) {
	if len(p.From) == 0 {
		wrong(".proxy_protocol.from: at least one network is needed; who is not in it is not believed")
	}
	p.networks = nil
	for _, text := range p.From {
		network, err := identity.ParseNetwork(text)
		if err != nil {
			wrong(".proxy_protocol.from: %w", err)
		}
		p.networks = append(p.networks, network)
	}
}

func (a *Admin) validate(wrong func(string, ...any)) {
	if a.Address == "" {
		if a.PProf {
			wrong("admin.pprof: needs admin.address")
		}
		return
	}
	host, _, err := net.SplitHostPort(a.Address)
	if err != nil {
		wrong("admin.address: %w", err)
	}
	if ip, err := netip.ParseAddr(host); a.PProf && host != "localhost" && (err != nil || !ip.IsLoopback()) {
		wrong("admin.pprof: only with a loopback address in admin.address; profiles are not for everybody")
	}
}

// validate checks where a server is; key is what that is called.
func (u *Upstream) validate(key string, wrong func(string, ...any)) {
	if u.Host == "" {
		wrong("%s.host is needed", key)
	}
	if u.Port < 1 || u.Port > 65535 {
		wrong("%s.port: %d is no port", key, u.Port)
	}
	switch u.TLS.Mode {
	case "verify-full", "disable":
	default:
		wrong("%s.tls.mode: %q is not verify-full or disable", key, u.TLS.Mode)
	}
}

func (d *Database) validate(wrong func(string, ...any)) {
	if d.Name == "" {
		wrong("name is needed")
	}
	d.Upstream.validate("upstream", wrong)
	b, v := d.Credential.Builtin, d.Credential.Vault
	switch {
	case b == nil && v == nil:
		wrong("credential: vault or builtin is needed")
	case b != nil && v != nil:
		wrong("credential: vault and builtin are both there; keep one")
	case v != nil:
		v.validate(wrong)
	case b.Admin == "" || b.Group == "":
		wrong("credential.builtin: admin and group are both needed")
	case b.TTL < time.Minute:
		wrong("credential.builtin.ttl: %s is under a minute", b.TTL)
	}
}
