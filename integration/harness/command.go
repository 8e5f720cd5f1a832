package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/integration/secrets"
)

// commandTime is how long a client program may run.
const commandTime = 2 * time.Minute

// Command is a client program to run against a target.
type Command struct {
	// Program is a path or a name in the system's folders for programs.
	Program string
	Args    []string
	// Env is added to the target's variables.
	Env []string
	// Stdin is what the program reads; empty gives it the end of input.
	Stdin string
	// Dir is the folder it works in.
	Dir string
}

// Result is what a program did.
type Result struct {
	Exit           int
	Stdout, Stderr string
}

// String is the whole result in one text, for comparing.
func (r Result) String() string {
	return fmt.Sprintf("exit %d\n--- stdout\n%s--- stderr\n%s", r.Exit, r.Stdout, r.Stderr)
}

// Run runs a program against a target. It fails the test when the program
// cannot be started or takes too long; how it exits is for the caller to judge.
// The target's host, port and folder are blanked out in what it printed, so
// that the same conduct gives the same text on every way.
func Run(t testing.TB, target Target, c Command) Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), commandTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.Program, c.Args...)
	cmd.Dir = c.Dir
	cmd.Env = append(baseEnv(c.Dir), target.Env()...)
	cmd.Env = append(cmd.Env, c.Env...)
	cmd.Stdin = strings.NewReader(c.Stdin)
	cmd.WaitDelay = 5 * time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || ctx.Err() != nil) {
		t.Fatalf("%s %s: %v\n%s", target.Name, filepath.Base(c.Program), errors.Join(err, ctx.Err()), stderr.String())
	}
	if target.Name == ThroughSluice {
		secrets.LearnGiven(target.Password)
		name := t.Name() + " " + filepath.Base(c.Program)
		secrets.Keep(secrets.Outputs, name, stdout.Bytes())
		secrets.Keep(secrets.Outputs, name, stderr.Bytes())
	}
	blank := strings.NewReplacer(
		fmt.Sprintf("port %d", target.Port), "port PORT",
		fmt.Sprintf(":%d", target.Port), ":PORT",
		fmt.Sprintf("\"%d\"", target.Port), "\"PORT\"",
		c.Dir, "DIR",
	)
	return Result{
		Exit:   cmd.ProcessState.ExitCode(),
		Stdout: blank.Replace(stdout.String()),
		Stderr: blank.Replace(stderr.String()),
	}
}

// MustRun is Run for a program that has to succeed.
func MustRun(t testing.TB, target Target, c Command) Result {
	t.Helper()
	r := Run(t, target, c)
	if r.Exit != 0 {
		t.Fatalf("%s %s %q failed\n%s", target.Name, filepath.Base(c.Program), c.Args, r)
	}
	return r
}

// baseEnv leaves out the caller's PG* variables and files in the home folder.
func baseEnv(dir string) []string {
	return []string{"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC", "HOME=" + dir, "PGCLIENTENCODING=UTF8"}
}
