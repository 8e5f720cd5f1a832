package gate

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/proxy"
	"github.com/sluice-pg/sluice/proxy/identity"
)

// proxyHeader is a header of version 2 for a client with an IPv4 address.
func proxyHeader(client string) []byte {
	address := netip.MustParseAddr(client).As4()
	header := append([]byte("\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c"), address[:]...)
	header = append(header, 127, 0, 0, 1)
	return binary.BigEndian.AppendUint32(header, 50000<<16|6432)
}

// behind connects with bytes before the first packet, from an address of this
// machine.
func (p *place) behind(from string, first []byte) (*pgconn.PgConn, error) {
	config, err := pgconn.ParseConfig(p.dsn(""))
	if err != nil {
		return nil, err
	}
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		conn, err := d.DialContext(ctx, network, address)
		if err == nil {
			_, err = conn.Write(first)
		}
		return conn, err
	}
	ctx, done := context.WithTimeout(context.Background(), 30*time.Second)
	defer done()
	return pgconn.ConnectConfig(ctx, config)
}

// A load balancer at 127.0.0.1 is believed, nobody else; only clients from
// 203.0.113.0/24 may log in, and who comes straight from 127.0.0.3.
func balanced(t *testing.T) *place {
	t.Helper()
	return startPlace(t, setup{change: func(c *proxy.Config) {
		c.Listen[0].Plaintext = "any"
		c.Listen[0].ProxyProtocol = &proxy.ProxyProtocol{From: []string{"127.0.0.1"}}
		c.Limits.Startup = 5 * time.Second
		c.Auth = identity.Rules{{
			Databases: []string{"all"}, Users: []string{"all"}, Addresses: []string{"203.0.113.0/24", "127.0.0.3"}, Method: identity.MethodSCRAM,
		}}
	}})
}

// The address in the header is the one that rules and trail mean.
func TestWhoComesThroughABalancer(t *testing.T) {
	p := balanced(t)
	local := []byte("\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00")
	for name, c := range map[string]struct {
		from     string
		first    []byte
		sqlstate string // empty: let in; -: no answer
	}{
		"a client that rules let in":           {"127.0.0.1", proxyHeader("203.0.113.9"), ""},
		"another client":                       {"127.0.0.1", proxyHeader("198.51.100.9"), "28000"},
		"version 1":                            {"127.0.0.1", []byte("PROXY TCP4 203.0.113.9 127.0.0.1 50000 6432\r\n"), ""},
		"the balancer itself":                  {"127.0.0.1", local, "28000"},
		"the balancer without a header":        {"127.0.0.1", nil, "-"},
		"two headers":                          {"127.0.0.1", append(proxyHeader("203.0.113.9"), proxyHeader("203.0.113.9")...), "-"},
		"somebody who is not believed":         {"127.0.0.2", proxyHeader("203.0.113.9"), "-"},
		"somebody else, straight":              {"127.0.0.2", nil, "28000"},
		"straight from where rules let one in": {"127.0.0.3", nil, ""},
	} {
		conn, err := p.behind(c.from, c.first)
		switch {
		case err == nil:
			conn.Close(t.Context())
			if c.sqlstate != "" {
				t.Errorf("%s was let in", name)
			}
		case c.sqlstate == "-" && code(err) != "":
			t.Errorf("%s got the answer %v", name, err)
		case c.sqlstate != "-" && code(err) != c.sqlstate:
			t.Errorf("%s: %v, want SQLSTATE %q", name, err, c.sqlstate)
		}
	}
	// A client has its refusal before the trail has it.
	opened, failed := p.origins(t)
	for end := time.Now().Add(30 * time.Second); len(failed) < 3 && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		opened, failed = p.origins(t)
	}
	for text, n := range map[string]int{"203.0.113.9 via 127.0.0.1": 2, "127.0.0.3 via ": 1} {
		if opened[text] != n {
			t.Errorf("sessions from %s: %d, want %d; %v", text, opened[text], n, opened)
		}
	}
	for _, text := range []string{"198.51.100.9 via 127.0.0.1", "127.0.0.1 via ", "127.0.0.2 via "} {
		if failed[text] != 1 {
			t.Errorf("failed logins from %s: %d; %v", text, failed[text], failed)
		}
	}
}

// origins counts sessions and failed logins in the trail by where they came
// from.
func (p *place) origins(t *testing.T) (opened, failed map[string]int) {
	t.Helper()
	if err := p.trail.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	counts := map[string]map[string]int{"session.open": {}, "login.failed": {}}
	for _, r := range records(t, filepath.Join(p.dir, "trail")) {
		if counts[r.Type] == nil {
			continue
		}
		var where struct{ Address, Via string }
		if err := json.Unmarshal(r.Body, &where); err != nil {
			t.Fatal(err)
		}
		counts[r.Type][where.Address+" via "+where.Via]++
	}
	return counts["session.open"], counts["login.failed"]
}

// Whoever connects and says nothing, or too slowly, is no trouble: a balancer
// that looks whether somebody is there, a header that never ends.
func TestBalancerThatSaysNothing(t *testing.T) {
	p := balanced(t)
	dial := func() net.Conn {
		t.Helper()
		conn, err := net.Dial("tcp", p.address)
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	for range 50 {
		conn := dial()
		if err := conn.(*net.TCPConn).SetLinger(0); err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
	slow := dial()
	defer slow.Close()
	began := time.Now()
	if _, err := slow.Write(proxyHeader("203.0.113.9")[:20]); err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, slow); err != nil && !strings.Contains(err.Error(), "reset") || n != 0 {
		t.Errorf("half a header got %d bytes, %v", n, err)
	}
	if took := time.Since(began); took < 4*time.Second {
		t.Errorf("it ended after %s, before the limit for start-up", took)
	}
	conn, err := p.behind("127.0.0.1", proxyHeader("203.0.113.9"))
	if err != nil {
		t.Fatal(err)
	}
	conn.Close(t.Context())
}
