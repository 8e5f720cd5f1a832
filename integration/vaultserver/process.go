package vaultserver

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// startTime is how long the program may take to listen, and stopTime to end,
// on a machine that is busy with other things.
const (
	startTime = time.Minute
	stopTime  = time.Minute
)

// process is one run of the program.
type process struct {
	cmd *exec.Cmd
	// stdin is never written: when we die, however, it ends, and the program
	// with it.
	stdin  io.Closer
	exited chan struct{}
}

// ports are where a run listens.
type ports struct {
	Address    string `json:"address"`
	TLSAddress string `json:"tls_address"`
}

// spawn starts the program and returns when it listens.
func (s *Server) spawn() (p *process, where ports, err error) {
	log, err := os.OpenFile(s.logFile(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, ports{}, fmt.Errorf("log: %w", err)
	}
	defer log.Close() // the program has its own descriptor by then
	cmd := exec.Command(s.program, s.arguments()...)
	cmd.Dir = s.dir
	// Neither a proxy nor a setting of a Vault client of the caller's.
	cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + s.dir, "TZ=UTC"}
	cmd.Stderr = log
	// Ctrl-C in a terminal is for the test to see, not for the server.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, ports{}, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, ports{}, err
	}
	if err := cmd.Start(); err != nil {
		return nil, ports{}, err
	}
	p = &process{cmd: cmd, stdin: stdin, exited: make(chan struct{})}
	first := make(chan []byte, 1)
	go func() {
		line, _ := bufio.NewReader(stdout).ReadBytes('\n')
		first <- line
		_ = cmd.Wait() // how it ended is told by its state
		close(p.exited)
	}()
	where, err = p.await(first)
	if err != nil {
		return nil, ports{}, errors.Join(err, p.end(syscall.SIGKILL))
	}
	return p, where, nil
}

// await reads the line in which the program says where it listens.
func (p *process) await(first <-chan []byte) (where ports, err error) {
	select {
	case line := <-first:
		if len(line) == 0 {
			return ports{}, errors.New("it ended at once")
		}
		if err := json.Unmarshal(line, &where); err != nil {
			return ports{}, fmt.Errorf("it said %q: %w", line, err)
		}
		return where, nil
	case <-time.After(startTime):
		return ports{}, fmt.Errorf("it does not listen after %s", startTime)
	}
}

// arguments ask for the ports of the run before, if there was one.
func (s *Server) arguments() []string {
	args := []string{"-data", s.dataFolder(), "-port", strconv.Itoa(s.port), "-until-eof"}
	if s.cert != "" {
		args = append(args, "-tls-port", strconv.Itoa(s.tlsPort), "-tls-cert", s.cert, "-tls-key", s.key)
	}
	return args
}

// end sends a signal and waits until the program is gone; one that does not
// go in time is killed, which is an error.
func (p *process) end(sig syscall.Signal) error {
	defer p.stdin.Close()
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal: %w", err)
	}
	select {
	case <-p.exited:
		return nil
	case <-time.After(stopTime):
		_ = p.cmd.Process.Kill()
		<-p.exited
		return fmt.Errorf("it did not end within %s of signal %q", stopTime, sig)
	}
}
