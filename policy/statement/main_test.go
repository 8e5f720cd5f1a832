package statement

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// workerEnv makes the test binary a worker instead of a test.
const workerEnv = "SLUICE_TEST_PARSE_WORKER"

func TestMain(m *testing.M) {
	switch os.Getenv(workerEnv) {
	case "":
		goleak.VerifyTestMain(m)
	case "hang":
		time.Sleep(time.Hour)
	case "lie":
		takeBigText()
		fmt.Print("\x00\x00\x00\x02{}")
		time.Sleep(time.Hour)
	case "garbage":
		takeBigText()
		fmt.Print(strings.Repeat("\xff", 100))
		time.Sleep(time.Hour)
	case "parent of work":
		parentMain("work")
	case "parent of hang":
		parentMain("hang")
	case "exit":
		os.Exit(3)
	default:
		if err := WorkerMain(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

// takeBigText reads most of a request with a big text, more than a pipe holds: who
// writes it gets to where it reads.
func takeBigText() {
	if _, err := io.CopyN(io.Discard, os.Stdin, 70<<10); err != nil {
		os.Exit(1)
	}
}

// parentMain is a process with a worker of its own: it says "ready" on standard
// output when the worker has a text, and then waits to be killed.
func parentMain(mode string) {
	exe, err := os.Executable()
	if err != nil {
		os.Exit(1)
	}
	a := NewAnalyzer(Options{Worker: []string{"/usr/bin/env", workerEnv + "=" + mode, exe}, Timeout: time.Hour})
	if mode == "hang" {
		go func() {
			time.Sleep(300 * time.Millisecond)
			fmt.Println("ready")
		}()
	}
	a.Analyze(context.Background(), big)
	fmt.Println("ready")
	time.Sleep(time.Hour)
}

// workerCommand re-executes the test binary. Workers start with an empty
// environment, so env sets the variable.
func workerCommand(t testing.TB, mode string) []string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return []string{"/usr/bin/env", workerEnv + "=" + mode, exe}
}

func newTestAnalyzer(t testing.TB, opts Options) *Analyzer {
	t.Helper()
	if opts.Worker == nil {
		opts.Worker = workerCommand(t, "work")
	}
	a := NewAnalyzer(opts)
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}
