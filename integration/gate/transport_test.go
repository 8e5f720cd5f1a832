package gate

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
	"github.com/sluice-pg/sluice/proxy"
	"github.com/sluice-pg/sluice/proxy/identity"
)

// withTLS changes a configuration to a listener that only speaks TLS, with
// certificates of an authority of the test's own.
func withTLS(t *testing.T, method string) (ca string, change func(*proxy.Config), authority *pgserver.Authority) {
	t.Helper()
	dir := t.TempDir()
	authority, err := pgserver.NewAuthority(dir, "the proxy's authority")
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := authority.Issue("proxy", "localhost", "localhost", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	return authority.CertFile(), func(c *proxy.Config) {
		c.Listen[0].Plaintext = "never"
		c.Listen[0].TLS = &proxy.ListenTLS{Cert: cert, Key: key, ClientCA: authority.CertFile()}
		c.Auth = identity.Rules{{Databases: []string{"all"}, Users: []string{"all"}, Addresses: []string{"all"}, TLS: "required", Method: method}}
	}, authority
}

func (p *place) tryTLS(ca, extra string) (*pgconn.PgConn, error) {
	_, port, _ := net.SplitHostPort(p.address)
	ctx, done := context.WithTimeout(context.Background(), 30*time.Second)
	defer done()
	return pgconn.Connect(ctx, fmt.Sprintf("host=localhost port=%s dbname=%s user=%s sslmode=verify-full sslrootcert=%s %s", port, database, user, ca, extra))
}

func TestTLS(t *testing.T) {
	ca, change, _ := withTLS(t, identity.MethodSCRAM)
	p := startPlace(t, setup{change: change})
	secret := fmt.Sprintf("password='%s' ", password)
	for _, extra := range []string{
		"", "channel_binding=require", "channel_binding=disable", "sslnegotiation=direct",
		"sslnegotiation=direct channel_binding=require max_protocol_version=3.2",
	} {
		c, err := p.tryTLS(ca, secret+extra)
		if err != nil {
			t.Errorf("%q: %v", extra, err)
			continue
		}
		if _, encrypted := c.Conn().(*tls.Conn); !encrypted {
			t.Errorf("%q: plaintext", extra)
		}
		answer := make(chan error, 1)
		go func() { answer <- execOn(c, "SELECT pg_sleep(30)") }()
		time.Sleep(200 * time.Millisecond)
		if err := c.CancelRequest(t.Context()); err != nil {
			t.Errorf("%q: cancel: %v", extra, err)
		}
		if err := <-answer; code(err) != "57014" {
			t.Errorf("%q: cancelled: %v", extra, err)
		}
		c.Close(t.Context())
	}
	if _, err := p.try(""); code(err) != "28000" {
		t.Errorf("plaintext: got %v, want 28000", err)
	}
}

func TestClientCertificate(t *testing.T) {
	ca, change, authority := withTLS(t, identity.MethodCertificate)
	p := startPlace(t, setup{change: change})
	files := map[string]string{}
	for _, name := range []string{user, "mallory"} {
		cert, key, err := authority.Issue("client-"+name, name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = fmt.Sprintf("sslcert=%s sslkey=%s", cert, key)
	}
	stranger, err := pgserver.NewAuthority(t.TempDir(), "a stranger's authority")
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := stranger.Issue("client", user)
	if err != nil {
		t.Fatal(err)
	}
	c, err := p.tryTLS(ca, files[user])
	if err != nil {
		t.Fatal(err)
	}
	mustRun(t, c, "SELECT 1")
	c.Close(t.Context())
	for name, extra := range map[string]string{
		"another's certificate":  files["mallory"],
		"a stranger's authority": fmt.Sprintf("sslcert=%s sslkey=%s", cert, key),
		"no certificate":         "",
		"a password instead":     "password=x",
	} {
		if c, err := p.tryTLS(ca, extra); err == nil {
			c.Close(t.Context())
			t.Errorf("%s was let in", name)
		}
	}
}

// A database that cannot prove itself is not logged in to, and the client is
// told that it is the database.
func TestUnprovenDatabase(t *testing.T) {
	other, err := pgserver.NewAuthority(t.TempDir(), "an authority that did not sign the database")
	if err != nil {
		t.Fatal(err)
	}
	p := startPlace(t, setup{change: func(c *proxy.Config) { c.Databases[0].Upstream.TLS.CA = filepath.Clean(other.CertFile()) }})
	if _, err := p.try(""); code(err) != "08006" {
		t.Errorf("got %v, want 08006", err)
	}
}
