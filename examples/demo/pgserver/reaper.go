package pgserver

import (
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"syscall"
)

// reaperScript waits for a line on standard input. A line means that the
// starter has stopped the server itself; the end of input without one means
// that the starter died, so the server is told to quit at once and its folder
// is removed. postmaster.pid is compared first, because a process number can
// belong to somebody else by then; it also vanishes when the server is gone,
// which a process that nobody waits for does not.
const reaperScript = `
trap '' HUP INT TERM
if read -r word; then exit 0; fi
pid=$1 data=$2 folder=$3
alive() { [ "$(head -n 1 "$data/postmaster.pid" 2>/dev/null)" = "$pid" ] && kill -0 "$pid" 2>/dev/null; }
alive && kill -QUIT "$pid"
tries=0
while alive && [ "$tries" -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
alive && kill -KILL "$pid"
rm -rf "$folder"
`

// reaper is the shell that ends a server whose starter has died.
type reaper struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
}

func startReaper(pid int, data, folder string) (*reaper, error) {
	cmd := exec.Command("/bin/sh", "-c", reaperScript, "sluice-pgserver-reaper", strconv.Itoa(pid), data, folder)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/bin:/bin"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("sluice: pipe to the shell that watches a server: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("sluice: start the shell that watches a server: %w", err)
	}
	return &reaper{cmd: cmd, stdin: stdin}, nil
}

// release tells the shell that there is nothing left to do and waits for it.
func (r *reaper) release() error {
	_, err := io.WriteString(r.stdin, "stopped\n")
	if waitErr := r.cmd.Wait(); err == nil {
		err = waitErr
	}
	if err != nil {
		return fmt.Errorf("sluice: dismiss the shell that watches a server: %w", err)
	}
	return nil
}
