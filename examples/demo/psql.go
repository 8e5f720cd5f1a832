package demo

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// answerTimeout bounds one answer of psql.
const answerTimeout = 30 * time.Second

// psql is a running psql that is typed to through a pipe.
type psql struct {
	cmd      *exec.Cmd
	stdin    io.WriteCloser
	out, err <-chan string // lines; closed when psql closes them
	mark     string
}

// answer is what came back to one input.
type answer struct {
	out, err string
	// state is the SQLSTATE of the last statement, "none" if the input was
	// no statement.
	state string
}

// startPsql starts the psql that belongs to a server of this machine. Programs
// that are run from it find the service shop.
func startPsql(ctx context.Context, binaries, dsn string, w *workplace) (*psql, error) {
	program := filepath.Join(binaries, "psql")
	if _, err := os.Stat(program); err != nil {
		if program, err = exec.LookPath("psql"); err != nil {
			return nil, fmt.Errorf("psql is missing; install it with: apt-get install postgresql-client: %w", err)
		}
	}
	cmd := exec.CommandContext(ctx, program, "--no-psqlrc", "--no-password", "--dbname", dsn)
	cmd.Env = []string{
		"PATH=" + binaries + ":/usr/bin:/bin", "HOME=" + w.outside, "PGSERVICEFILE=" + w.serviceFile(),
		"LC_ALL=C.UTF-8", "PGCONNECT_TIMEOUT=20", "PSQL_PAGER=cat",
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is the demo's business
	cmd.WaitDelay = 5 * time.Second
	p := &psql{cmd: cmd, mark: "--" + rand.Text()}
	stdin, err1 := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	stderr, err3 := cmd.StderrPipe()
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, fmt.Errorf("pipes to psql: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting psql: %w", err)
	}
	p.stdin, p.out, p.err = stdin, linesOf(stdout), linesOf(stderr)
	return p, nil
}

// linesOf reads a pipe to its end, line by line.
func linesOf(r io.Reader) <-chan string {
	lines := make(chan string, 64)
	go func() {
		defer close(lines)
		in := bufio.NewScanner(r)
		in.Buffer(nil, 1<<20)
		for in.Scan() {
			lines <- in.Text()
		}
		io.Copy(io.Discard, r) // after a line that is too long
	}()
	return lines
}

// types sends one input and waits for everything that comes back. psql is
// made to print a mark on both its outputs when it is through.
func (p *psql) types(ctx context.Context, input string) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	_, err := fmt.Fprintf(p.stdin, "\\set SQLSTATE none\n%s\n\\echo %s :SQLSTATE\n\\warn %s\n", input, p.mark, p.mark)
	if err != nil {
		// psql has gone; its last words say why.
		said, _, _ := p.until(ctx, p.err)
		return answer{}, fmt.Errorf("psql ended: %s: %w", said, err)
	}
	out, state, outErr := p.until(ctx, p.out)
	said, _, errErr := p.until(ctx, p.err)
	if err := errors.Join(outErr, errErr); err != nil {
		return answer{}, fmt.Errorf("%w: %s", err, said)
	}
	return answer{out: out, err: said, state: strings.TrimSpace(state)}, nil
}

// until collects lines up to the mark, and returns what follows it.
func (p *psql) until(ctx context.Context, lines <-chan string) (text, after string, err error) {
	var b strings.Builder
	for {
		select {
		case <-ctx.Done():
			return b.String(), "", fmt.Errorf("psql did not answer: %w", ctx.Err())
		case line, open := <-lines:
			if !open {
				return b.String(), "", errors.New("psql ended")
			}
			if rest, found := strings.CutPrefix(line, p.mark); found {
				return b.String(), rest, nil
			}
			b.WriteString(line + "\n")
		}
	}
}

// quit ends psql and waits for it.
func (p *psql) quit() error {
	p.stdin.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range p.out {
		}
		for range p.err {
		}
	}()
	select {
	case <-done:
	case <-time.After(answerTimeout):
		p.cmd.Process.Kill() // Wait reports what it was
		<-done
	}
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("psql: %w", err)
	}
	return nil
}
