package proxy

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/policy/strictyaml"
)

const goodConfig = `
listen:
  - address: 127.0.0.1:6432
    plaintext: loopback
users: users.scram
auth:
  - {databases: [all], users: [all], addresses: [all], method: scram-sha-256}
databases:
  - name: shop
    upstream: {host: db.example.net, tls: {ca: db-ca.pem}}
    credential: {builtin: {admin: "host=db.example.net user=issuer", group: shop_app}}
trail: {dir: trail}
`

func load(t *testing.T, text string) (*Config, string, error) {
	t.Helper()
	dir := t.TempDir()
	c := new(Config)
	err := strictyaml.DecodeStrict("sluice.yaml", []byte(text), c)
	if err == nil {
		err = c.Complete(dir)
	}
	return c, dir, err
}

func TestConfigDefaults(t *testing.T) {
	c, dir, err := load(t, goodConfig)
	if err != nil {
		t.Fatal(err)
	}
	d := c.Databases[0]
	for name, ok := range map[string]bool{
		"port":        d.Upstream.Port == 5432,
		"database":    d.Upstream.Database == "shop",
		"verify-full": d.Upstream.TLS.Mode == "verify-full",
		"server name": d.Upstream.TLS.ServerName == "db.example.net",
		"ca":          d.Upstream.TLS.CA == filepath.Join(dir, "db-ca.pem"),
		"users":       c.Users == filepath.Join(dir, "users.scram"),
		"trail":       c.Trail.Dir == filepath.Join(dir, "trail"),
		"key":         c.Trail.Key == filepath.Join(dir, "trail.key"),
		"ttl":         d.Credential.Builtin.TTL == 8*time.Hour,
		"text":        c.Limits.StatementBytes == 4<<20,
		"operators":   c.Limits.Operators == 1500,
		"instance":    c.Instance != "",
		"drain":       c.Limits.Drain == 30*time.Second && c.Limits.DrainDelay == 0,
		"admin":       c.Admin == Admin{},
	} {
		if !ok {
			t.Errorf("%s is not the default: %+v", name, c)
		}
	}
}

func TestConfigMistakes(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{"users: users.scram", "user: users.scram", `did you mean users?`},
		{"plaintext: loopback", "plaintext: yes please", "is not never, loopback or any"},
		{"    plaintext: loopback\n", "", "nobody could connect"},
		{"address: 127.0.0.1:6432", "address: 6432", "address"},
		{"trail: {dir: trail}", "trail: {}", "nothing runs unrecorded"},
		{"group: shop_app", "group: ''", "admin and group are both needed"},
		{"tls: {ca: db-ca.pem}", "tls: {mode: require}", "is not verify-full or disable"},
		{"group: shop_app}", "group: shop_app, ttl: 5s}", "is under a minute"},
		{"method: scram-sha-256", "method: password", "method"},
		{"host: db.example.net,", "host: db.example.net, port: 99999,", "is no port"},
		{"plaintext: loopback", "plaintext: loopback\n    proxy_protocol: {}", "at least one network is needed"},
		{"plaintext: loopback", "plaintext: loopback\n    proxy_protocol: {from: [10.0.0.1/8]}", "did you mean 10.0.0.0/8?"},
		{"plaintext: loopback", "plaintext: loopback\n    proxy_protocol: {from: [all]}", "neither an address"},
		{"trail: {dir: trail}", "trail: {dir: trail}\nadmin: {address: '9632'}", "admin.address"},
		{"trail: {dir: trail}", "trail: {dir: trail}\nadmin: {pprof: true}", "needs admin.address"},
		{"trail: {dir: trail}", "trail: {dir: trail}\nadmin: {address: ':9632', pprof: true}", "only with a loopback address"},
		{"trail: {dir: trail}", "trail: {dir: trail}\nlimits: {drain_delay: -1s}", "is negative"},
		{"trail: {dir: trail}", "trail: {dir: trail}\noidc: [{name: a, issuer: 'http://x.example', audiences: [s]}]", "oidc[0].issuer: begins with https://"},
		{"trail: {dir: trail}", "trail: {dir: trail}\noidc: [{name: a, issuer: 'https://x.example', audiences: [s]}, {name: a, issuer: 'https://y.example', audiences: [s]}]", `oidc[1].name: "a" is there twice`},
		{"method: scram-sha-256", "method: jwt, tls: required, oidc: company", `auth[0].oidc: there is no issuer "company" under oidc`},
		{"method: scram-sha-256", "method: oauthbearer, oidc: company", "needs tls: required"},
	} {
		text := strings.Replace(goodConfig, c.old, c.new, 1)
		if text == goodConfig {
			t.Fatalf("%q is not in the configuration", c.old)
		}
		_, _, err := load(t, text)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q in it", c.new, err, c.want)
		}
	}
}
