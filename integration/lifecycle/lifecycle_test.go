package lifecycle

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/integration/secrets"
)

// patience is how long a test waits for something before it fails.
const patience = 30 * time.Second

// stage is one server and the program, for all tests.
type stage struct {
	world  *harness.World
	binary string
}

// TestLifecycle starts the server once.
func TestLifecycle(t *testing.T) {
	s := stage{harness.NewWorld(t, 15), harness.BuildSluice(t)}
	s.world.Reset(t)
	for _, part := range []struct {
		name string
		test func(*testing.T, stage)
	}{
		{"drain", testDrain},
		{"second signal", testSecondSignal},
		{"restart with a passed socket", testPassedSocket},
		{"passed socket that fits nothing", testStraySocket},
		{"two at one port", testSharedPort},
		{"service manager", testServiceManager},
		{"HAProxy", testHAProxy},
		{"policy file gone", testPolicyGone},
		{"probes", testProbes}, // it breaks the server for a while
	} {
		t.Run(part.name, func(t *testing.T) { part.test(t, s) })
	}
}

// gate starts Sluice.
func (s stage) gate(t *testing.T, setup harness.Setup) *harness.Gate {
	t.Helper()
	setup.Policy = harness.AllowAll
	return harness.StartGateWith(t, s.world, s.binary, setup)
}

// adminAt is the configuration of an admin port, and its URL.
func adminAt(t *testing.T, more string) (config, url string) {
	t.Helper()
	address := freeAddress(t)
	return fmt.Sprintf("admin: {address: %q%s}\n", address, more), "http://" + address
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// get asks the admin port.
func get(t *testing.T, url string) (code int, body string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	r, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	data, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(data)
}

// await waits until something holds.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	until := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(until) {
			t.Fatalf("still not: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// awaitEnd waits until a gate's program has ended.
func awaitEnd(t *testing.T, g *harness.Gate) {
	t.Helper()
	select {
	case <-g.Exited():
	case <-time.After(patience):
		t.Fatalf("Sluice goes on\n%s", g.Log())
	}
}

// healthcheck runs sluice healthcheck with the gate's configuration.
func (s stage) healthcheck(t *testing.T, g *harness.Gate, args ...string) (exit int, output string) {
	t.Helper()
	ctx, done := context.WithTimeout(t.Context(), patience)
	defer done()
	args = append([]string{"healthcheck", "--config", filepath.Join(g.Dir(), "sluice.yaml")}, args...)
	cmd := exec.CommandContext(ctx, s.binary, args...)
	out, err := cmd.CombinedOutput()
	secrets.Show(t.Name(), string(out))
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// The probes say what they should, whatever happens to the database.
func testProbes(t *testing.T, s stage) {
	config, url := adminAt(t, ", pprof: true")
	g := s.gate(t, harness.Setup{Config: config})
	well := func(when string) {
		t.Helper()
		for path, want := range map[string]string{
			"/livez": "alive\n", "/startupz": "started\n",
			"/readyz": "serving: ok\nlisteners: ok\ntrail: ok\npolicy: ok\nready\n",
		} {
			if code, body := get(t, url+path); code != 200 || body != want {
				t.Errorf("%s, %s: %d %q", when, path, code, body)
			}
		}
	}
	well("at the beginning")
	if code, body := get(t, url+"/debug/pprof/goroutine?debug=1"); code != 200 || !strings.Contains(body, "proxy.(*Server).accept") {
		t.Errorf("profile: %d", code)
	}
	for _, args := range [][]string{nil, {"--live"}, {"--url", url + "/startupz"}} {
		if exit, out := s.healthcheck(t, g, args...); exit != 0 {
			t.Errorf("healthcheck %v: exit %d\n%s", args, exit, out)
		}
	}

	if err := s.world.Server.Kill(); err != nil {
		t.Fatal(err)
	}
	well("without a database")
	if err := s.world.Server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}

	g.Stop(t)
	if exit, out := s.healthcheck(t, g); exit != 1 || !strings.Contains(out, "connection refused") {
		t.Errorf("healthcheck of a stopped proxy: exit %d\n%s", exit, out)
	}
	none := filepath.Join(t.TempDir(), "none.yaml")
	if exit, out := s.healthcheck(t, g, "--config", none); exit != 5 {
		t.Errorf("healthcheck without a configuration: exit %d\n%s", exit, out)
	}
}

// A policy file that disappears is said once, and changes nothing.
func testPolicyGone(t *testing.T, s stage) {
	g := s.gate(t, harness.Setup{})
	if err := os.Remove(filepath.Join(g.Dir(), "policy.yaml")); err != nil {
		t.Fatal(err)
	}
	const words = "the policy file is gone"
	await(t, "the log says that the policy file is gone", func() bool { return strings.Contains(g.Log(), words) })
	harness.MustRun(t, g.Target(), harness.Command{Program: "psql", Args: []string{"-Xc", "COPY (SELECT 1) TO STDOUT"}, Dir: t.TempDir()})
	if err := os.WriteFile(filepath.Join(g.Dir(), "policy.yaml"), []byte("version: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	await(t, "the new policy is in force", func() bool { return strings.Contains(g.Log(), "policy reloaded") })
	if n := strings.Count(g.Log(), words); n != 1 {
		t.Errorf("it was said %d times", n)
	}
}
