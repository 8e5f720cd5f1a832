package demo

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// asDemo makes the test program be the demo, for tests that kill it.
const asDemo = "SLUICE_TEST_BE_THE_DEMO"

func TestMain(m *testing.M) {
	if os.Getenv(asDemo) == "" {
		goleak.VerifyTestMain(m)
		return
	}
	err := Run(context.Background(), Options{
		Stdout: os.Stdout, Stderr: os.Stderr,
		StartProxy: func(context.Context, ProxySetup) (string, func(context.Context) error, error) {
			return "127.0.0.1:1", func(context.Context) error { return nil }, nil
		},
	})
	if err != nil {
		os.Stderr.WriteString(err.Error())
		os.Exit(1)
	}
	os.Exit(0)
}

// However the demo ends, no process and no file stays.
func TestNothingStays(t *testing.T) {
	for name, sig := range map[string]syscall.Signal{
		"Ctrl-C": syscall.SIGINT, "kill": syscall.SIGTERM, "hang-up": syscall.SIGHUP, "kill -9": syscall.SIGKILL,
	} {
		t.Run(name, func(t *testing.T) {
			temp := temporary(t)
			cmd := exec.Command("/proc/self/exe")
			cmd.Env = append(os.Environ(), asDemo+"=yes", "TMPDIR="+temp)
			cmd.Stderr = os.Stderr
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			for in := bufio.NewScanner(out); in.Scan(); {
				if strings.HasPrefix(in.Text(), "Ctrl-C ends") {
					break
				}
			}
			if n := len(processesOf(t, temp)); n < 6 {
				t.Errorf("only %d processes know the demo's folder, and three servers with their watchers should", n)
			}
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			err = cmd.Wait()
			if sig != syscall.SIGKILL && err != nil {
				t.Errorf("the demo ended with: %v", err)
			}
			awaitNothing(t, temp)
		})
	}
}

// awaitNothing waits until a folder is empty and no process knows it.
func awaitNothing(t *testing.T, dir string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		files, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil {
			t.Fatal(err)
		}
		processes := processesOf(t, dir)
		if len(files) == 0 && len(processes) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("left behind: files %v, processes %q", files, processes)
		}
	}
}

// processesOf lists the processes with a folder in their command line.
func processesOf(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, file := range files {
		line, err := os.ReadFile(file)
		if err == nil && strings.Contains(string(line), dir+"/") {
			found = append(found, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return found
}
