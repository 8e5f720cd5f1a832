package audit

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/sluice-pg/sluice/"

// TestLeaf demands that the trail and its verifier depend on nothing of ours
// outside this folder, on no sockets and on no C.
func TestLeaf(t *testing.T) {
	cmd := exec.Command("go", "list", "-deps", "./...", "../cmd/sluice-verify")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range strings.Fields(string(out)) {
		ours := strings.HasPrefix(p, module)
		inside := strings.HasPrefix(p, module+"audit") || p == module+"cmd/sluice-verify"
		if ours && !inside || p == "net" || p == "net/http" || p == "C" || p == "runtime/cgo" || strings.Contains(p, "pg_query") {
			t.Errorf("the trail depends on %s", p)
		}
	}
}

// TestVerifierIsSeparate demands that the verifier and the readers do not
// depend on the code that writes.
func TestVerifierIsSeparate(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "./verify", "./read", "./record", "../cmd/sluice-verify").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range strings.Fields(string(out)) {
		if p == module+"audit" {
			t.Errorf("the verifier depends on %s", p)
		}
	}
}

// TestLedgerIsALeaf demands that the ledger depends on the trail and what reads
// it, and on nothing else of ours: whoever has the files can make it.
func TestLedgerIsALeaf(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "./ledger").Output()
	if err != nil {
		t.Fatal(err)
	}
	allowed := []string{"audit", "audit/ledger", "audit/read", "audit/record", "audit/verify"}
	for _, p := range strings.Fields(string(out)) {
		if ours, found := strings.CutPrefix(p, module); found && !slices.Contains(allowed, ours) {
			t.Errorf("the ledger depends on %s", p)
		}
	}
}

// TestBuildsWithoutC builds everything here and the reviewers' program
// without a C compiler.
func TestBuildsWithoutC(t *testing.T) {
	cmd := exec.Command("go", "build", "-o", t.TempDir(), "./...", "../cmd/sluice-verify")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
