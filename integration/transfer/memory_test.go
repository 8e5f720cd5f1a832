package transfer

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/sluice-pg/sluice/policy/mask"
)

// maxResident is what a process that copies may have in memory, in bytes.
const maxResident = 128 << 20

// longRows has rows of up to 60 MB go by in a process that never has as much,
// and rows of 8 MB through masks.
func longRows(t *testing.T, p pair) {
	p.newSource(t, `CREATE TABLE customer (id integer PRIMARY KEY, body text, raw bytea); ALTER TABLE customer ALTER COLUMN body SET STORAGE EXTERNAL, ALTER COLUMN raw SET STORAGE EXTERNAL;
		INSERT INTO customer SELECT i, repeat('0123456789', 6000000 / i), convert_to(repeat('a', 3000000), 'UTF8') FROM generate_series(1, 2) i;
		CREATE TABLE "order" (id integer, body text); INSERT INTO "order" SELECT i, repeat('y', 8000000) FROM generate_series(1, 6) i`)
	text, err := json.Marshal(errand{ID: newID(), Source: p.from.Server.DSN(readerRole, "reads it", "source"), Destination: p.to.Server.DSN(carrierRole, "carries it", "restored"), Masked: true})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childOf+"="+string(text))
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.HasSuffix(strings.TrimSpace(string(out)), "ended <nil>") {
		t.Fatalf("%v: %s", err, out)
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		t.Fatal("no resource usage")
	}
	t.Logf("%d MiB", usage.Maxrss>>10)
	if usage.Maxrss<<10 > maxResident && !raceDetector {
		t.Errorf("the process had %d MiB in memory", usage.Maxrss>>10)
	}
	rows := "SELECT count(*) || ' ' || sum(length(body)) || ' ' || sum(hashtext(right(body, 100))) FROM "
	if was, is := p.from.Query(t, "source", rows+"shop.customer"), p.to.Query(t, "restored", rows+"shop.customer"); was[0][0] != is[0][0] {
		t.Errorf("%v became %v", was, is)
	}
	j := p.job("customer")
	j.Items[0].TargetName, j.Items[0].Masks = "other", map[string]mask.Mask{"raw": {Kind: mask.Null}}
	fails(t, j, "source: read shop.customer", "in a table with masks; the limit is 8388608")
}
