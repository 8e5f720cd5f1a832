package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// startPatience is how long a proxy may take until it listens.
	startPatience = 30 * time.Second
	// stopPatience is how long it may take to end: Sluice drops the roles of
	// all its sessions first.
	stopPatience = 2 * time.Minute
)

// process is a running proxy.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{}
	log    string
}

// startProcess starts a command whose output goes to the file log, and returns
// when it accepts connections at port.
func startProcess(ctx context.Context, cmd *exec.Cmd, port int, log string) (*process, error) {
	file, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("log: %w", err)
	}
	defer file.Close()
	cmd.Stdout, cmd.Stderr = file, file
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, exited: make(chan struct{}), log: log}
	go func() {
		_ = cmd.Wait() // the state is read from ProcessState
		close(p.exited)
	}()
	if err := p.awaitListening(ctx, port); err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return p, nil
}

func (p *process) awaitListening(ctx context.Context, port int) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			return conn.Close()
		}
		select {
		case <-p.exited:
			return fmt.Errorf("it ended at once\n%s", p.logTail())
		case <-ctx.Done():
			return fmt.Errorf("it does not listen: %w\n%s", err, p.logTail())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// stop asks the process to end, and makes it if it does not.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.exited:
		return nil
	case <-time.After(stopPatience):
	}
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-p.exited
	return fmt.Errorf("it did not end within %s of SIGTERM\n%s", stopPatience, p.logTail())
}

// alive returns an error if the process has ended.
func (p *process) alive() error {
	select {
	case <-p.exited:
		return fmt.Errorf("the proxy has ended: %v\n%s", p.cmd.ProcessState, p.logTail())
	default:
		return nil
	}
}

// logTail is the end of what the process printed.
func (p *process) logTail() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}

// freePort asks the kernel for a port that nobody uses at the moment.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
