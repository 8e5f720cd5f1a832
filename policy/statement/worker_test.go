package statement

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// big is a text that needs a worker.
var big = "SELECT '" + strings.Repeat("x", 70<<10) + "', secret FROM users; COPY users TO STDOUT"

// The answer of a worker is the answer of this process.
func TestWorkerAnswersAlike(t *testing.T) {
	a := newTestAnalyzer(t, Options{InProcessBytes: 1})
	for _, file := range []string{"kinds", "settings", "scope", "destinations", "columns"} {
		for _, c := range parseCases(t, "testdata/"+file+".txt") {
			for _, line := range strings.Split(c.input, "\n") {
				got, want := a.Analyze(context.Background(), line), judge(line)
				if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Statement{}, "LiteralsMatter")); diff != "" {
					t.Errorf("%s: worker differs:\n%s", line, diff)
				}
			}
		}
	}
}

// A worker that hangs, dies, lies or talks nonsense costs one text, which is
// refused.
func TestWorkerFaults(t *testing.T) {
	for _, c := range []struct {
		mode     string
		sqlstate string
		timeout  time.Duration
	}{{"hang", "54001", 300 * time.Millisecond}, {"exit", "54001", time.Minute}, {"garbage", "54001", time.Minute}, {"lie", "XX000", time.Minute}} {
		t.Run(c.mode, func(t *testing.T) {
			a := newTestAnalyzer(t, Options{Worker: workerCommand(t, c.mode), Timeout: c.timeout})
			got := a.Analyze(context.Background(), big)
			if got.Kind != ParseError || got.Problem.SQLSTATE != c.sqlstate {
				t.Fatalf("got %s %+v, want %s", got.Kind, got.Problem, c.sqlstate)
			}
			if small := a.Analyze(context.Background(), "SELECT 1"); small.Kind != OrdinaryRead {
				t.Errorf("a small text is %s", small.Kind)
			}
		})
	}
}

func TestNoWorkerRefuses(t *testing.T) {
	for name, command := range map[string][]string{"none": nil, "missing program": {"/does/not/exist"}} {
		a := NewAnalyzer(Options{Worker: command})
		got := a.Analyze(context.Background(), big)
		if got.Kind != ParseError || got.Problem.SQLSTATE != "XX000" {
			t.Errorf("%s: got %s %+v", name, got.Kind, got.Problem)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A text that waits for a busy worker gives up when its context ends; the
// others are served.
func TestWaitingEndsWithContext(t *testing.T) {
	a := newTestAnalyzer(t, Options{Worker: workerCommand(t, "hang"), Workers: 1, Timeout: 2 * time.Second})
	busy := make(chan *Analysis)
	go func() { busy <- a.Analyze(context.Background(), big) }()
	time.Sleep(100 * time.Millisecond)
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	got := a.Analyze(ctx, big)
	if got.Kind != ParseError || time.Since(start) > time.Second {
		t.Errorf("got %s after %s", got.Kind, time.Since(start))
	}
	if first := <-busy; first.Problem == nil || first.Problem.SQLSTATE != "54001" {
		t.Errorf("the hanging text got %+v", first.Problem)
	}
}

// Cancelling a text in flight kills its worker; the next gets a fresh one.
func TestCancelInFlight(t *testing.T) {
	a := newTestAnalyzer(t, Options{Workers: 1, Timeout: time.Minute})
	slow := strings.Repeat("SELECT 1 FROM t WHERE a = 1;", 60_000)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if got := a.Analyze(ctx, slow); got.Kind != ParseError {
		t.Errorf("cancelled text is %s", got.Kind)
	}
	if got := a.Analyze(context.Background(), big); got.Kind != ExportToClient {
		t.Errorf("next text is %s %+v", got.Kind, got.Problem)
	}
}

func TestConcurrentUse(t *testing.T) {
	a := newTestAnalyzer(t, Options{Timeout: time.Minute})
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for range 5 {
				if got := a.Analyze(context.Background(), big); got.Kind != ExportToClient {
					t.Errorf("%d: big is %s %+v", i, got.Kind, got.Problem)
				}
				if got := a.Analyze(context.Background(), "SELECT 1"); got.Kind != OrdinaryRead {
					t.Errorf("%d: small is %s", i, got.Kind)
				}
				deep := a.Analyze(context.Background(), chain("SELECT 1", "+1", 30_000))
				if deep.Kind != ParseError || deep.Problem.SQLSTATE != "54001" {
					t.Errorf("%d: deep is %s %+v", i, deep.Kind, deep.Problem)
				}
			}
		})
	}
	group.Wait()
}

// A worker killed between texts is replaced; Close leaves no process.
func TestWorkerKilledAndClosed(t *testing.T) {
	a := newTestAnalyzer(t, Options{Workers: 1})
	if got := a.Analyze(context.Background(), big); got.Kind != ExportToClient {
		t.Fatalf("big is %s %+v", got.Kind, got.Problem)
	}
	first := children(t)
	if len(first) != 1 {
		t.Fatalf("children %v, want one", first)
	}
	process, err := os.FindProcess(first[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Kill(); err != nil {
		t.Fatal(err)
	}
	if got := a.Analyze(context.Background(), big); got.Kind != ParseError {
		t.Errorf("text of the killed worker is %s", got.Kind)
	}
	if got := a.Analyze(context.Background(), big); got.Kind != ExportToClient {
		t.Errorf("text after it is %s %+v", got.Kind, got.Problem)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if left := children(t); len(left) != 0 {
		t.Errorf("processes left: %v", left)
	}
	if got := a.Analyze(context.Background(), big); got.Kind != ParseError || got.Problem.SQLSTATE != "XX000" {
		t.Errorf("after Close: %s %+v", got.Kind, got.Problem)
	}
	if err := a.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

// Close does not wait for a worker that hangs.
func TestCloseWhileHanging(t *testing.T) {
	a := NewAnalyzer(Options{Worker: workerCommand(t, "hang"), Timeout: time.Minute})
	done := make(chan *Analysis)
	go func() { done <- a.Analyze(context.Background(), big) }()
	time.Sleep(200 * time.Millisecond)
	start := time.Now()
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if got := <-done; got.Kind != ParseError || time.Since(start) > 5*time.Second {
		t.Errorf("got %s after %s", got.Kind, time.Since(start))
	}
}

// A worker does not outlive its parent, busy or not.
func TestWorkerDiesWithParent(t *testing.T) {
	for _, mode := range []string{"work", "hang"} {
		command := workerCommand(t, "parent of "+mode)
		parent := exec.Command(command[0], command[1:]...)
		out, err := parent.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := parent.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil || line != "ready\n" {
			t.Fatalf("parent said %q, %v", line, err)
		}
		workers := childrenOf(t, parent.Process.Pid)
		if len(workers) != 1 {
			t.Errorf("%s: parent has the workers %v, want one", mode, workers)
		}
		if err := parent.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := parent.Wait(); err == nil {
			t.Error("a killed parent ended well")
		}
		for _, pid := range workers {
			waitGone(t, pid)
		}
	}
}

// waitGone waits until a process has ended; a zombie counts as ended.
func waitGone(t *testing.T, pid int) {
	t.Helper()
	for range 200 {
		content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return
		}
		if _, after, _ := strings.Cut(string(content), ") "); strings.HasPrefix(after, "Z") {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("process %d is still there", pid)
}

// children lists the processes whose parent is this one.
func children(t *testing.T) []int {
	t.Helper()
	return childrenOf(t, os.Getpid())
}

func childrenOf(t *testing.T, parent int) []int {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, file := range stats {
		content, err := os.ReadFile(file)
		if err != nil {
			continue // gone meanwhile
		}
		_, after, _ := strings.Cut(string(content), ") ")
		if fields := strings.Fields(after); len(fields) > 1 && fields[1] == strconv.Itoa(parent) {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, pid)
		}
	}
	return pids
}

// The loop ends with its input, also in the middle of a frame or a text.
func TestWorkerMainEnds(t *testing.T) {
	if err := WorkerMain(strings.NewReader(""), io.Discard); err != nil {
		t.Errorf("empty input: %v", err)
	}
	if err := WorkerMain(strings.NewReader("\x00\x00"), io.Discard); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("cut frame: %v", err)
	}
	if err := WorkerMain(strings.NewReader("\xff\xff\xff\xff"), io.Discard); err == nil {
		t.Error("a frame of 4 GiB was accepted")
	}
	if err := answer(io.Discard, []byte("x")); err == nil {
		t.Error("a request without a limit was answered")
	}
}

func TestFrames(t *testing.T) {
	var buffer bytes.Buffer
	if err := writeFrame(&buffer, []byte("ab"), nil, []byte("c")); err != nil {
		t.Fatal(err)
	}
	if want := append(binary.BigEndian.AppendUint32(nil, 3), "abc"...); !bytes.Equal(buffer.Bytes(), want) {
		t.Errorf("frame is %x, want %x", buffer.Bytes(), want)
	}
	got, err := readFrame(&buffer, 3)
	if err != nil || string(got) != "abc" {
		t.Errorf("read %q, %v", got, err)
	}
	if _, err := readFrame(bytes.NewReader([]byte{0, 0, 0, 4, 1, 2, 3, 4}), 3); err == nil {
		t.Error("a frame over the limit was read")
	}
	if err := writeFrame(failing{}, []byte("x")); err == nil {
		t.Error("a write error was lost")
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, fmt.Errorf("no") }
