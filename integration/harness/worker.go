package harness

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/sluice-pg/sluice/policy/statement"
)

// workerArgument makes a test binary a worker that parses SQL. Workers have no
// environment, so it is an argument.
const workerArgument = "parse-worker"

// RunTests is the main of a suite that analyses statements in its own process:
// its binary is the worker too. At the end no goroutine may be left.
func RunTests(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == workerArgument {
		if err := statement.WorkerMain(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// Worker is the command line of a worker, for a suite that has RunTests as its
// main.
func Worker(t testing.TB) []string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return []string{self, workerArgument}
}
