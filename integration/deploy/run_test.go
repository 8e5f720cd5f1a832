package deploy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/integration/secrets"
)

// patience is how long something may take that takes a moment.
const patience = 60 * time.Second

// password is that of every person in this suite.
const password = "a password of some length"

// result is how a command ended.
type result struct {
	code           int
	stdout, stderr string
}

// run runs a command of an example to its end.
func (s *stage) run(t *testing.T, env []string, stdin string, words ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Dir, cmd.Env = s.dir, append(plainEnv(s.dir), env...)
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%q: %v", words, err)
	}
	secrets.Show(t.Name(), stdout.String()+stderr.String())
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// mustRun is run for a command that has to succeed.
func (s *stage) mustRun(t *testing.T, env []string, stdin string, words ...string) string {
	t.Helper()
	r := s.run(t, env, stdin, words...)
	if r.code != 0 {
		t.Fatalf("%q: exit code %d\n%s%s", words, r.code, r.stdout, r.stderr)
	}
	return r.stdout
}

// plainEnv leaves out the caller's variables.
func plainEnv(home string) []string {
	return []string{"PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin", "LC_ALL=C.UTF-8", "TZ=UTC", "HOME=" + home}
}

// process is a running program.
type process struct {
	cmd    *exec.Cmd
	pid    int // of the program itself, where something else started it
	output harness.Buffer
	exited chan struct{}
}

// start starts a command of an example. It is ended with the test.
func (s *stage) start(t *testing.T, change func(*exec.Cmd), words ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(words[0], words[1:]...), exited: make(chan struct{})}
	p.cmd.Dir, p.cmd.Env = s.dir, plainEnv(s.dir)
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	if change != nil {
		change(p.cmd)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("%q: %v", words, err)
	}
	p.pid = p.cmd.Process.Pid
	go func() {
		_ = p.cmd.Wait() // the state is read from ProcessState
		close(p.exited)
	}()
	t.Cleanup(func() {
		select {
		case <-p.exited:
		default:
			_ = syscall.Kill(p.pid, syscall.SIGKILL)
			_ = p.cmd.Process.Kill()
			<-p.exited
		}
		secrets.Keep(secrets.Logs, t.Name(), []byte(p.output.String()))
		if t.Failed() {
			t.Logf("%q:\n%s", words, p.output.String())
		}
	})
	return p
}

// stop ends the program as its surroundings do, with SIGTERM, and wants it to
// end well.
func (p *process) stop(t *testing.T) {
	t.Helper()
	if err := syscall.Kill(p.pid, syscall.SIGTERM); err != nil {
		t.Errorf("SIGTERM: %v", err)
	}
	select {
	case <-p.exited:
	case <-time.After(patience):
		t.Fatalf("it did not end in %s\n%s", patience, p.output.String())
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("it ended with exit code %d", code)
	}
}

// await waits until something holds.
func (p *process) await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !holds() {
		select {
		case <-p.exited:
			t.Fatalf("it ended before this held: %s\n%s", what, p.output.String())
		case <-time.After(30 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("in vain: %s\n%s", what, p.output.String())
		}
	}
}

// answers asks for a page of the admin port and returns the status code, zero
// when nobody answers.
func (s *stage) answers(t *testing.T, path string) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d%s", s.admin, path), nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

// addUser runs "sluice user add" for somebody.
func (s *stage) addUser(t *testing.T, path, name string) {
	t.Helper()
	s.mustRun(t, nil, password+"\n", sluice, "user", "add", "--file", s.dir+path, name)
	if err := os.Chmod(s.dir+path, 0o440); err != nil {
		t.Fatal(err)
	}
}
