package statement

import (
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// process is one worker.
type process struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out io.ReadCloser
}

// limits of a worker. It opens no files and writes none; the processor time
// is a last resort behind the timeout of each text, in seconds over its whole
// life; the address space leaves room for what the Go runtime reserves. There
// are no core files, since they would hold statement texts.
var workerLimits = map[int]uint64{
	unix.RLIMIT_CORE:   0,
	unix.RLIMIT_FSIZE:  0,
	unix.RLIMIT_NOFILE: 32,
	unix.RLIMIT_CPU:    3600,
	unix.RLIMIT_AS:     4 << 30,
}

// startProcess starts a worker. It must run on a thread that lives as long as
// the worker may: the kernel takes the thread for the parent.
func startProcess(command []string) (*process, error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = []string{"GOTRACEBACK=none", "LC_ALL=C"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("parser process: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("parser process: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("parser process did not start: %w", err)
	}
	p := &process{cmd: cmd, in: in, out: out}
	for resource, limit := range workerLimits {
		if err := unix.Prlimit(cmd.Process.Pid, resource, &unix.Rlimit{Cur: limit, Max: limit}, nil); err != nil {
			p.end()
			return nil, fmt.Errorf("parser process: limit %d: %w", resource, err)
		}
	}
	return p, nil
}

// kill ends the process at once; reads and writes of its pipes fail then.
func (p *process) kill() { _ = p.cmd.Process.Kill() }

// end kills the process and takes its exit status, so that no zombie stays.
func (p *process) end() {
	p.kill()
	_ = p.in.Close()
	_ = p.cmd.Wait()
}

// launcher starts processes from one thread that stays until close.
type launcher struct {
	once     sync.Once
	requests chan launch
	gone     chan struct{}
	mu       sync.Mutex
	closed   bool
}

type launch struct {
	command []string
	reply   chan launched
}

type launched struct {
	process *process
	err     error
}

func (l *launcher) start(command []string) (*process, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, errClosed
	}
	l.once.Do(func() {
		l.requests = make(chan launch)
		l.gone = make(chan struct{})
		go l.run()
	})
	reply := make(chan launched, 1)
	l.requests <- launch{command, reply}
	r := <-reply
	return r.process, r.err
}

// run keeps its thread for itself. Returning while locked would end the
// thread, which is harmless by then: close comes after the last process.
func (l *launcher) run() {
	defer close(l.gone)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for request := range l.requests {
		p, err := startProcess(request.command)
		request.reply <- launched{p, err}
	}
}

func (l *launcher) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.requests != nil {
		close(l.requests)
		<-l.gone
	}
}
