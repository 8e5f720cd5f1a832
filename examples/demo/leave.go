package demo

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// cleaner is a small shell that removes the demo's folder when the demo has died
// without being able to. The servers have such a shell each; this one is for
// what is around them.
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
	rm -rf "$1" 2>/dev/null
	sleep 0.5
done
rm -rf "$1"
`

// startCleaner watches over a folder.
func startCleaner(folder string) (*cleaner, error) {
	cmd := exec.Command("/bin/sh", "-c", cleanerScript, "sluice-demo-cleaner", folder)
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

// byGoRun reports whether "go run" started this program. It ignores Ctrl-C,
// but a kill ends it at once, and its program would live on.
func byGoRun() bool {
	comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", os.Getppid()))
	return err == nil && strings.TrimSpace(string(comm)) == "go"
}

// withParent ends the context when this program's parent has ended. stop ends
// the watch.
func withParent(ctx context.Context) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	parent := os.Getppid()
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for os.Getppid() == parent {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
		cancel()
	}()
	return ctx, func() {
		cancel()
		<-done
	}
}
