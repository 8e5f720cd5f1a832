package leases

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/integration/secrets"
)

// demoTime bounds one run of the demo.
const demoTime = 4 * time.Minute

// demoRun is one run of the demo.
type demoRun struct {
	cmd    *exec.Cmd
	folder string // for temporary files
	harness.Buffer
}

// prepare readies a run. The address of Vault is its last argument.
func (s *demoStage) prepare(t *testing.T, args ...string) *demoRun {
	t.Helper()
	folder, err := os.MkdirTemp("", "demo") // PostgreSQL's own user has to pass through it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), demoTime)
	t.Cleanup(cancel)
	d := &demoRun{folder: folder}
	d.cmd = exec.CommandContext(ctx, s.binary, append(append([]string{"demo"}, args...), "--vault", s.tap.address())...)
	d.cmd.Stdout, d.cmd.Stderr = d, d
	d.token(s.token)
	return d
}

// token makes it run with a token; without one if it is empty.
func (d *demoRun) token(token string) {
	d.cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + d.folder, "TMPDIR=" + d.folder}
	if token != "" {
		d.cmd.Env = append(d.cmd.Env, "VAULT_TOKEN="+token)
	}
}

// start prepares and runs.
func (s *demoStage) start(t *testing.T, args ...string) *demoRun {
	t.Helper()
	d := s.prepare(t, args...)
	d.run(t)
	return d
}

func (d *demoRun) run(t *testing.T) {
	t.Helper()
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
}

// until waits for words.
func (d *demoRun) until(t *testing.T, words string) {
	t.Helper()
	for deadline := time.Now().Add(demoTime); !strings.Contains(d.String(), words); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) || syscall.Kill(d.cmd.Process.Pid, 0) != nil {
			t.Fatalf("the demo has not said %q\n%s", words, d.String())
		}
	}
}

// interrupt is Ctrl-C.
func (d *demoRun) interrupt(t *testing.T) {
	if err := d.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Errorf("interrupt the demo: %v", err)
	}
}

// wait returns the exit code.
func (d *demoRun) wait(t *testing.T) int {
	t.Helper()
	_ = d.cmd.Wait() // the code tells
	secrets.Keep(secrets.Outputs, t.Name(), []byte(d.String()))
	code := d.cmd.ProcessState.ExitCode()
	if code < 0 {
		t.Errorf("the demo did not end by itself: %v\n%s", d.cmd.ProcessState, d.String())
	}
	return code
}
