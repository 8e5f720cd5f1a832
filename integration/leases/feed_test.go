package leases

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/integration/secrets"
)

// following is a stream of changes that pg_recvlogical follows through Sluice.
type following struct {
	ended          chan error
	harness.Buffer // what it has printed
}

// ending is the last that it said.
func (f *following) ending() string {
	lines := strings.Split(strings.TrimSpace(f.String()), "\n")
	for i, line := range lines {
		if _, said, is := strings.Cut(line, "error: "); is {
			if _, words, is := strings.Cut(said, "FATAL:"); is {
				said = "FATAL:" + words
			}
			for _, more := range lines[i+1:] {
				if hint, is := strings.CutPrefix(more, "HINT:"); is {
					said += "; hint:" + hint
				}
			}
			return inMessages.ReplaceAllString(said, "…")
		}
	}
	return "nothing"
}

// receive runs pg_recvlogical for the slot that the policy names.
func (s *stage) receive(t *testing.T, port int, application string, args ...string) *following {
	t.Helper()
	client, err := pgserver.FindBinaries(15)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	f := &following{ended: make(chan error, 1)}
	cmd := exec.CommandContext(ctx, filepath.Join(client, "pg_recvlogical"), append([]string{"--dbname=shop", "--slot=warehouse"}, args...)...)
	target := s.gate.Target().WithSSLMode("disable")
	target.Host, target.Port = "127.0.0.1", port
	cmd.Env = append(target.Env(), "PGAPPNAME="+application, "LC_ALL=C.UTF-8", "HOME="+t.TempDir())
	cmd.Dir = t.TempDir()
	cmd.Stdout, cmd.Stderr = f, f
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		err := cmd.Wait()
		secrets.Show(t.Name(), f.String())
		f.ended <- err
	}()
	return f
}

// start are the arguments with which it follows.
var start = []string{"--start", "--no-loop", "--file=-", "--option=proto_version=1", "--option=publication_names=sold"}

// feeds follows a stream until its lease ends; the slot is made and dropped under
// leases of their own.
func feeds(t *testing.T, s *stage, application string) string {
	port := s.gate.Target().Port
	if err := <-s.receive(t, port, "slot", "--create-slot", "--plugin=pgoutput").ended; err != nil {
		t.Fatalf("the slot was not made: %v\n%s", err, s.gate.Log())
	}
	f := s.receive(t, port, application, start...)
	await(t, "the stream to run", func() bool {
		select {
		case <-f.ended:
			t.Fatalf("it ended at once: %s\n%s", f.String(), s.gate.Log())
		default:
		}
		return s.world.Query(t, "postgres", `SELECT count(*) FROM pg_stat_replication WHERE usename LIKE 'sluice\_shop\_feed\_alice%' AND state = 'streaming'`)[0][0] == "1"
	})
	s.world.Exec(t, "shop", "INSERT INTO sold VALUES ('a camera')")
	await(t, "the change to arrive", func() bool { return strings.Contains(f.String(), "a camera") })
	var exit *exec.ExitError
	if err := <-f.ended; !errors.As(err, &exit) {
		t.Errorf("it ended well at the end of its lease: %v", err)
	}
	await(t, "nobody to hold the slot", func() bool {
		return s.world.Query(t, "shop", "SELECT active FROM pg_replication_slots WHERE slot_name = 'warehouse'")[0][0] == "f"
	})
	s.world.Exec(t, "shop", "SELECT pg_drop_replication_slot('warehouse')")
	return "the change; then " + f.ending()
}

// feedsNobody asks a Sluice that has no role of Vault's for it.
func feedsNobody(t *testing.T, s *stage, application string) string {
	var saw string
	t.Run("another Sluice", func(t *testing.T) {
		gate := s.anotherGate(t, policyText, "vault: {control_role: sluice-control, catalog_role: shop-catalog, catalog_group: shop_catalog}")
		f := s.receive(t, gate.Target().Port, application, start...)
		if err := <-f.ended; err == nil {
			t.Error("it followed")
		}
		saw = f.ending()
		s.elsewhere = s.onTrail(t, gate, application)
	})
	return saw
}
