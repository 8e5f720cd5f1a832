package lifecycle

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/integration/harness"
)

// balancer is the configuration of an HAProxy that says who its client is.
const balancer = `global
  maxconn 100
defaults
  mode tcp
  timeout connect 5s
  timeout client 1m
  timeout server 1m
listen sluice
  bind %s
  server sluice 127.0.0.1:%d %s check inter 100ms fall 1000
`

// startHAProxy starts HAProxy in front of a port.
func startHAProxy(t *testing.T, port int, sends string) (address string) {
	t.Helper()
	address = freeAddress(t)
	path := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(path, fmt.Appendf(nil, balancer, address, port, sends), 0o600); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	cmd := exec.Command("haproxy", "-db", "-f", path)
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatalf("HAProxy is needed, ./integration/install gets it: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
		if t.Failed() {
			t.Log(log.String())
		}
	})
	await(t, "HAProxy listens", func() bool {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return false
		}
		return conn.Close() == nil
	})
	return address
}

// Behind HAProxy the client's own address is the one that counts, in both
// versions of the header, and its health checks leave no word in the log.
func testHAProxy(t *testing.T, s stage) {
	for _, sends := range []string{"send-proxy", "send-proxy-v2"} {
		t.Run(sends, func(t *testing.T) {
			g := s.gate(t, harness.Setup{Listen: "proxy_protocol: {from: [127.0.0.1]}"})
			address := startHAProxy(t, g.Target().Port, sends)
			target := g.Target()
			_, port, err := net.SplitHostPort(address)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := fmt.Sscan(port, &target.Port); err != nil {
				t.Fatal(err)
			}
			// The client is another address of this machine.
			conn := harness.MustRun(t, target, harness.Command{Program: "psql", Args: []string{"-XAtc", "SELECT 'through'"}, Dir: t.TempDir()})
			if conn.Stdout != "through\n" {
				t.Errorf("psql says %s", conn)
			}
			trail := harness.MustRun(t, target, harness.Command{
				Program: s.binary, Args: []string{"audit", "show", "--type", "session.open", "--json", filepath.Join(g.Dir(), "trail")}, Dir: t.TempDir(),
			})
			if !strings.Contains(trail.Stdout, `"address":"127.0.0.1"`) || !strings.Contains(trail.Stdout, `"via":"127.0.0.1"`) {
				t.Errorf("the trail does not hold both addresses\n%s", trail.Stdout)
			}
			if strings.Contains(g.Log(), "start-up") {
				t.Errorf("health checks left words\n%s", g.Log())
			}
			direct := harness.Run(t, g.Target(), harness.Command{Program: "psql", Args: []string{"-XAtc", "SELECT 1"}, Dir: t.TempDir()})
			if direct.Exit == 0 {
				t.Error("a connection without a header came in where one is needed")
			}
			await(t, "the log says why", func() bool { return strings.Contains(g.Log(), "load balancer: malformed PROXY header") })
		})
	}
}
