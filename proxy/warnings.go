package proxy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/sluice-pg/sluice/proxy/identity"
)

// Warnings says what is odd about a configuration that is valid and complete:
// what protects less than people may think, or is never used. Each begins with
// the name of the setting.
func (c *Config) Warnings() []string {
	var all []string
	odd := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	for i, l := range c.Listen {
		if l.Plaintext == "any" {
			odd("listen[%d].plaintext: any lets passwords' proofs and data pass where others can read and change them", i)
		}
	}
	c.oddRules(odd)
	for i, issuer := range c.OIDC {
		if issuer.InsecureLoopback {
			odd("oidc[%d].insecure_loopback: whoever can listen on this machine can make tokens that open every database here; for trying things out only", i)
		}
		if !slices.ContainsFunc(c.Auth, func(r identity.Rule) bool { return r.OIDC == issuer.Name }) {
			odd("oidc[%d]: no rule under auth asks for tokens of %s", i, issuer.Name)
		}
	}
	for i, d := range c.Databases {
		if d.Upstream.TLS.Mode == "disable" && !onThisMachine(d.Upstream.Host) {
			odd("databases[%d].upstream.tls.mode: disable, and %s is another machine", i, d.Upstream.Host)
		}
		if b := d.Credential.Builtin; b != nil && strings.Contains(strings.ToLower(b.Admin), "password") {
			odd("databases[%d].credential.builtin.admin: holds a password; put it into a passfile and name that", i)
		}
	}
	if c.Policy == "" {
		odd("policy: is not given, so reading, writing and schema changes are allowed, and nothing else")
	}
	return all
}

// oddRules looks for login rules that are never used.
func (c *Config) oddRules(odd func(string, ...any)) {
	everywhere := -1
	for i, rule := range c.Auth {
		if everywhere >= 0 {
			odd("auth[%d]: is never used, since auth[%d] is for everybody and comes first", i, everywhere)
			continue
		}
		if all(rule.Databases) && all(rule.Users) && all(rule.Addresses) && (rule.TLS == "" || rule.TLS == "any") {
			everywhere = i
		}
		for _, name := range rule.Databases {
			if name != "all" && !slices.ContainsFunc(c.Databases, func(d Database) bool { return d.Name == name }) {
				odd("auth[%d].databases: there is no database %s", i, name)
			}
		}
		offered := func(has func(*ListenTLS) bool) bool {
			return slices.ContainsFunc(c.Listen, func(l Listen) bool { return l.TLS != nil && has(l.TLS) })
		}
		if rule.TLS == "required" && !offered(func(*ListenTLS) bool { return true }) {
			odd("auth[%d].tls: required, and no address under listen has a certificate", i)
		}
		if rule.Method == identity.MethodCertificate && !offered(func(t *ListenTLS) bool { return t.ClientCA != "" }) {
			odd("auth[%d].method: cert, and no address under listen has a client_ca", i)
		}
	}
}

func all(names []string) bool { return slices.Contains(names, "all") }

func onThisMachine(host string) bool {
	if host == "localhost" || strings.HasPrefix(host, "/") {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.Unmap().IsLoopback()
}
