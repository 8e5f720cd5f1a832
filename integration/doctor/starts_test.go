package doctor

import (
	"bytes"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/integration/secrets"
	"github.com/sluice-pg/sluice/proxy/doctor"
)

// TestStarts starts the proxy with what the doctor finds in order. The issuer's
// login names no database there, and no database has the issuer's name.
func TestStarts(t *testing.T) {
	s := newStage(t, 15)
	if state, got := state(t, s.examine(t), "database.login", "shop"); state != doctor.OK {
		t.Fatalf("database.login is %s: %s", state, got)
	}
	cmd := exec.Command(harness.BuildSluice(t), "serve", "--config", s.path("sluice.yaml"))
	var output bytes.Buffer
	both := io.MultiWriter(&output, secrets.Log(t.Name()))
	cmd.Stdout, cmd.Stderr = both, both
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	deadline := time.After(30 * time.Second)
	for {
		if _, got := state(t, s.examine(t), "listen.address", ""); strings.Contains(got, "in use by the running proxy") {
			break
		}
		select {
		case err := <-exited:
			t.Fatalf("it ended at once: %v\n%s", err, output.String())
		case <-deadline:
			t.Error("it does not listen")
		case <-time.After(100 * time.Millisecond):
			continue
		}
		break
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-exited; err != nil {
		t.Errorf("%v\n%s", err, output.String())
	}
}
