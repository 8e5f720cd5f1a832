package statement

import (
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
		if _, err := io.CopyN(io.Discard, os.Stdin, 70<<10); err != nil {
			os.Exit(1)
		}
		fmt.Print("\x00\x00\x00\x02{}")
		time.Sleep(time.Hour)
	case "garbage":
		fmt.Print(strings.Repeat("\xff", 100))
		time.Sleep(time.Hour)
	case "exit":
		os.Exit(3)
	default:
		if err := WorkerMain(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
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
