package pgserver

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// process is one run of the postmaster and the shell that watches over it.
type process struct {
	cmd    *exec.Cmd
	reaper *reaper
	// exited is closed when the postmaster has ended; state is set before.
	exited chan struct{}
	state  error
}

// spawn starts the postmaster without waiting for it to answer.
func (s *Server) spawn() (*process, error) {
	log, err := os.OpenFile(s.LogFile(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("sluice: open the server's log: %w", err)
	}
	defer log.Close() // the server has its own descriptor by then
	cmd := exec.Command(filepath.Join(s.Binaries, "postgres"), "-D", s.dataDir())
	cmd.Dir = s.dir
	cmd.Env = serverEnvironment()
	cmd.SysProcAttr = s.account.attributes()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("sluice: start PostgreSQL: %w", err)
	}
	p := &process{cmd: cmd, exited: make(chan struct{})}
	go func() {
		p.state = cmd.Wait()
		close(p.exited)
	}()
	p.reaper, err = startReaper(cmd.Process.Pid, s.dataDir(), s.dir)
	if err != nil {
		return nil, errors.Join(err, p.end(syscall.SIGQUIT))
	}
	return p, nil
}

// stopPatience is how long a signal has to end the server: as long as pg_ctl
// stop waits. Beside work that takes every core, 15 s were too few once.
const stopPatience = time.Minute

// end stops the postmaster with the given signal, with a harder one if that
// does not help, and dismisses the shell. The signals are those of the server's
// documentation, chapter "Shutting Down the Server".
func (p *process) end(first syscall.Signal) error {
	var problems error
	for _, sig := range []syscall.Signal{first, syscall.SIGQUIT, syscall.SIGKILL} {
		if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
			problems = errors.Join(problems, fmt.Errorf("sluice: signal PostgreSQL: %w", err))
		}
		if p.endsWithin(stopPatience) {
			break
		}
		problems = errors.Join(problems, fmt.Errorf("sluice: PostgreSQL did not end within %s of signal %v", stopPatience, sig))
	}
	if p.reaper == nil {
		return problems
	}
	return errors.Join(problems, p.reaper.release())
}

func (p *process) endsWithin(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-p.exited:
		return true
	case <-timer.C:
		return false
	}
}
