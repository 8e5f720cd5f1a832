package secrets

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// What a Sluice was started with is seen, and what its children got from it;
// what other programs were given is their own matter.
func TestProcessListIsWatched(t *testing.T) {
	folder := keepHere(t)
	sluice := shellAsSluice(t)
	const own, given, unseen = "an argument of its own", "given to a child", "in the environment of nobody's child"
	stop := StartWatch()
	cmd := exec.Command(sluice, "-c", `SECRET='`+given+`' sleep 1; true`, own)
	cmd.Env = []string{"PATH=/usr/bin:/bin"}
	other := exec.Command("sleep", "0.5")
	other.Env = []string{"OTHER=" + unseen}
	for _, c := range []*exec.Cmd{cmd, other} {
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
	}
	if err := other.Wait(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * between)
	stop()
	Learn(Password, own)
	Learn(VaultToken, given)
	Learn(SecretID, unseen)
	r, err := look(folder)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for _, f := range r.findings {
		found[f.kind]++
	}
	// The command line of the first has both, the environment of its child one.
	if found[Password] != 1 || found[VaultToken] != 2 || found[SecretID] != 0 {
		t.Errorf("found %v", r.findings)
	}
}

// A process between fork and exec shows what its parent has, which nobody gave it.
func TestForkedShowNothing(t *testing.T) {
	sluice := shellAsSluice(t)
	cmd := exec.Command(sluice, "-c", `(echo; read never); sleep 0.1; true`)
	cmd.Env = []string{"SECRET=in the environment of its own"}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	below := 0
	for pid, parent := range parentsOfAll() {
		if parent == cmd.Process.Pid {
			below++
			if !forked(pid) {
				t.Error("a process that was forked counts as one with a program of its own")
			}
		}
	}
	if below != 1 {
		t.Errorf("%d processes below", below)
	}
	if forked(cmd.Process.Pid) {
		t.Error("a program counts as one that was only forked")
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
}

// shellAsSluice is a shell whose program is called sluice.
func shellAsSluice(t *testing.T) string {
	t.Helper()
	shell, err := filepath.EvalSymlinks("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(shell)
	if err != nil {
		t.Fatal(err)
	}
	sluice := filepath.Join(t.TempDir(), "sluice")
	if err := os.WriteFile(sluice, text, 0o700); err != nil {
		t.Fatal(err)
	}
	return sluice
}
