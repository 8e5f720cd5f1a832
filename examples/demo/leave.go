package demo

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// cleaner is a small shell that removes folders when the demo has died
// without being able to. The servers have such a shell each; this one is for
// the demo's own folder.
type cleaner struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
}

// cleanerScript waits for the end of its input, which is the end of the
// demo. A line before that says that nothing is left to do. The folder is
// removed more than once, because servers may still be writing into it.
const cleanerScript = `
trap '' HUP INT TERM
if read -r word; then exit 0; fi
for try in 1 2 3 4 5 6 7 8 9 10; do
	rm -rf "$@" 2>/dev/null
	sleep 0.5
done
rm -rf "$@"
`

// startCleaner watches over folders.
func startCleaner(folders ...string) (*cleaner, error) {
	cmd := exec.Command("/bin/sh", append([]string{"-c", cleanerScript, "sluice-demo-cleaner"}, folders...)...)
	cmd.Dir, cmd.Env = "/", []string{"PATH=/usr/bin:/bin"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // Ctrl-C is not for it
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("pipe to the shell that cleans up: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("shell that cleans up: %w", err)
	}
	return &cleaner{cmd: cmd, stdin: stdin}, nil
}

// dismiss tells the shell that the demo has cleaned up itself.
func (c *cleaner) dismiss() error {
	_, err := io.WriteString(c.stdin, "done\n")
	if waited := c.cmd.Wait(); err == nil {
		err = waited
	}
	if err != nil {
		return fmt.Errorf("dismissing the shell that cleans up: %w", err)
	}
	return nil
}

// goRunFolder is the folder in which "go run" builds. It ignores Ctrl-C and
// removes the folder when its program ends, but a kill ends it at once: then
// its program lives on and the folder stays.
var goRunFolder = regexp.MustCompile(`^go-build[0-9]+$`)

// builtIn returns the folder that "go run" built this program in, and whether
// this is how the program was started.
func builtIn() (folder string, byGoRun bool) {
	comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", os.Getppid()))
	if err != nil || strings.TrimSpace(string(comm)) != "go" {
		return "", false
	}
	exe, err := os.Executable()
	if err != nil {
		return "", false
	}
	for dir := filepath.Dir(exe); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		// Also in b001/exe, so that Go's build cache is never meant.
		if goRunFolder.MatchString(filepath.Base(dir)) && filepath.Join(dir, "b001", "exe") == filepath.Dir(exe) {
			return dir, true
		}
	}
	return "", true
}

// withParent ends the context when the "go run" that started this program has
// been killed. stop ends the watch; orphaned tells whether it was.
func withParent(ctx context.Context) (_ context.Context, stop func(), orphaned func() bool) {
	ctx, cancel := context.WithCancelCause(ctx)
	parent := os.Getppid()
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if os.Getppid() != parent {
					cancel(errParentGone)
				}
			}
		}
	}()
	stop = func() {
		cancel(nil)
		<-done
	}
	return ctx, stop, func() bool { return os.Getppid() != parent }
}
