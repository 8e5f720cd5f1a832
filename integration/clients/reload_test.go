package clients

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/audit/read"
	"github.com/sluice-pg/sluice/integration/harness"
)

const (
	exportsAllowed = "version: 1\nrules:\n  - {id: exports, effect: allow, kinds: [export_to_client]}\n"
	exportsDenied  = "version: 1\nrules:\n  - {id: no-exports, effect: deny, kinds: [export_to_client]}\n"
	misspelled     = "version: 1\nrules:\n  - {id: exports, efect: allow, kinds: [export_to_client]}\n"
)

// A session that runs follows the policy's file: written in place, renamed
// over, swapped as Kubernetes does. A document that does not read well changes
// nothing, and both are on record.
func TestSessionsFollowThePolicyFile(t *testing.T) {
	world := harness.NewWorld(t, 15)
	world.Reset(t)
	gate := harness.StartGate(t, world, harness.BuildSluice(t), exportsAllowed)
	c, err := pgconn.Connect(t.Context(), gate.Target().URL())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	path := filepath.Join(gate.Dir(), "policy.yaml")
	put := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// ruling is the rule that refuses a COPY in the session, "" for none.
	ruling := func() string {
		t.Helper()
		_, err := c.Exec(t.Context(), "COPY products TO STDOUT").ReadAll()
		var pg *pgconn.PgError
		if err != nil && !errors.As(err, &pg) {
			t.Fatal(err)
		}
		if pg != nil {
			return pg.ConstraintName
		}
		return ""
	}
	becomes := func(want, after string) {
		t.Helper()
		until := time.Now().Add(20 * time.Second)
		got := ruling()
		for ; got != want && time.Now().Before(until); got = ruling() {
			time.Sleep(50 * time.Millisecond)
		}
		if got != want {
			t.Fatalf("%s: a COPY is refused by %q, want %q\n%s", after, got, want, gate.Log())
		}
	}
	becomes("", "at the start")

	put(path, exportsDenied)
	becomes("no-exports", "written in place")

	put(path+".new", exportsAllowed)
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	becomes("", "renamed over")

	put(path, misspelled)
	for until := time.Now().Add(20 * time.Second); !strings.Contains(gate.Log(), "not reloaded"); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("nothing was said of the bad document")
		}
	}
	becomes("", "after a bad document")

	put(path, exportsDenied)
	if err := syscall.Kill(gate.PID(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	becomes("no-exports", "after SIGHUP")

	for typ, want := range map[string]int{"policy.loaded": 4, "policy.refused": 1} {
		var text strings.Builder
		if err := read.Show(&text, filepath.Join(gate.Dir(), "trail"), read.Filter{Type: typ}, read.NDJSON); err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(text.String(), "\n"); got < want {
			t.Errorf("%d records of %s, want %d", got, typ, want)
		}
		if typ == "policy.refused" && !strings.Contains(text.String(), "did you mean effect?") {
			t.Errorf("the refused policy's mistake is not on record: %s", text.String())
		}
	}
}
