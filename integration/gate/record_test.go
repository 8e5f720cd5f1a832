package gate

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/audit"
	"github.com/sluice-pg/sluice/audit/read"
	"github.com/sluice-pg/sluice/proxy"
)

// trouble is a recorder that fails or blocks once told to.
type trouble struct {
	proxy.Recorder
	failing, blocking atomic.Bool
}

var errTrouble = errors.New("no space left on device")

func (r *trouble) Append(ctx context.Context, e audit.Event) (audit.Index, error) {
	if r.blocking.Load() {
		<-ctx.Done()
		return 0, ctx.Err()
	}
	if r.failing.Load() {
		return 0, errTrouble
	}
	return r.Recorder.Append(ctx, e)
}

func (r *trouble) Enqueue(e audit.Event) error {
	if r.failing.Load() {
		return errTrouble
	}
	return r.Recorder.Enqueue(e)
}

// copies are statements of a kind that must be on disk before it runs. Each
// leaves a row in the table canary if it runs at all.
var copies = []struct{ name, sql string }{
	{"simple", "INSERT INTO %s SELECT relname FROM pg_class LIMIT 1"},
	{"among others", "SELECT 1; INSERT INTO %s SELECT relname FROM pg_class LIMIT 1; SELECT 2"},
	{"opaque", "DO $$ BEGIN INSERT INTO %s VALUES ('x'); END $$"},
	{"explained", "EXPLAIN ANALYZE INSERT INTO %s SELECT relname FROM pg_class LIMIT 1"},
}

func newCanary(t *testing.T, name string) {
	t.Helper()
	onServerExec(t, "DROP TABLE IF EXISTS "+name+"; CREATE TABLE "+name+" (x text); ALTER TABLE "+name+" OWNER TO "+group)
}

// Contract 2: what cannot be recorded does not run.
func TestNothingRunsUnrecorded(t *testing.T) {
	for _, how := range []string{"failing", "blocking"} {
		t.Run(how, func(t *testing.T) {
			r := &trouble{}
			p := startPlace(t, setup{
				wrap:   func(real proxy.Recorder) proxy.Recorder { r.Recorder = real; return r },
				change: func(c *proxy.Config) { c.Trail.Timeout = 300 * time.Millisecond },
			})
			canary := "canary_" + how
			newCanary(t, canary)
			c := p.connect(t, "")
			mustRun(t, c, "SELECT 1")
			_, err := c.Prepare(t.Context(), "later", "INSERT INTO "+canary+" SELECT relname FROM pg_class LIMIT 1", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.failing.Store(how == "failing")
			r.blocking.Store(how == "blocking")
			for _, s := range copies {
				err := run(t, c, fmt.Sprintf(s.sql, canary))
				if code(err) != "58000" {
					t.Errorf("%s: got %v, want SQLSTATE 58000", s.name, err)
				}
			}
			if _, err := c.ExecPrepared(t.Context(), "later", nil, nil, nil).Close(); code(err) != "58000" {
				t.Errorf("prepared before: got %v, want SQLSTATE 58000", err)
			}
			r.failing.Store(false)
			r.blocking.Store(false)
			if n := onServer(t, "SELECT count(*) FROM "+canary); n != 0 {
				t.Errorf("%d unrecorded statements ran", n)
			}
			// The session lives on, and a recorded statement runs.
			mustRun(t, c, fmt.Sprintf(copies[0].sql, canary))
			if n := onServer(t, "SELECT count(*) FROM "+canary); n != 1 {
				t.Errorf("%d rows after a recorded statement", n)
			}
		})
	}
}

// A trail that takes nothing stops everyday statements too.
func TestEverydayNeedsATrail(t *testing.T) {
	r := &trouble{}
	p := startPlace(t, setup{wrap: func(real proxy.Recorder) proxy.Recorder { r.Recorder = real; return r }})
	newCanary(t, "canary_everyday")
	c := p.connect(t, "")
	r.failing.Store(true)
	if err := run(t, c, "INSERT INTO canary_everyday VALUES ('x')"); code(err) != "58000" {
		t.Errorf("got %v, want SQLSTATE 58000", err)
	}
	if _, err := p.try(""); err == nil {
		t.Error("a session began without a record of it")
	}
	r.failing.Store(false)
	if n := onServer(t, "SELECT count(*) FROM canary_everyday"); n != 0 {
		t.Errorf("%d rows", n)
	}
}

const (
	doomed = "doomed-proxy"
	// beforeRecord and afterRecord are the two moments to die at.
	beforeRecord = "before"
	afterRecord  = "after"
	// neverItself leaves it to somebody else.
	neverItself = "never"
	// doomedPolicy is the policy's file in the folder of a doomed proxy.
	doomedPolicy = "policy.yaml"
)

// reaper kills its own process at a moment of the record of a copy.
type reaper struct {
	proxy.Recorder
	moment string
}

func (r reaper) Append(ctx context.Context, e audit.Event) (audit.Index, error) {
	if e.Type != "decision" {
		return r.Recorder.Append(ctx, e)
	}
	if r.moment == beforeRecord {
		die()
	}
	if _, err := r.Recorder.Append(ctx, e); err != nil {
		return 0, err
	}
	die()
	return 0, nil
}

func die() {
	syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// runDoomed is a proxy in a process of its own that kills itself.
func runDoomed(args []string) int {
	dir, admin, ca, moment := args[0], args[1], args[3], args[4]
	port, err := strconv.Atoi(args[2])
	if err != nil {
		return 2
	}
	s := setup{wrap: func(real proxy.Recorder) proxy.Recorder { return reaper{real, moment} }}
	if moment == neverItself {
		s.wrap = nil
	}
	if document, err := os.ReadFile(filepath.Join(dir, doomedPolicy)); err == nil {
		s.policy = string(document)
	}
	p, err := newPlace(dir, admin, port, ca, s)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(p.address)
	select {}
}

// kill -9 between record and forward: the statement is on record and did not
// run. kill -9 before the record: neither.
func TestKilledBetweenRecordAndForward(t *testing.T) {
	for moment, records := range map[string]int{beforeRecord: 0, afterRecord: 1} {
		t.Run(moment, func(t *testing.T) {
			canary := "canary_killed_" + moment
			newCanary(t, canary)
			dir := t.TempDir()
			p, cmd := startDoomed(t, dir, moment)
			c, err := p.try("")
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close(context.Background())
			err = execOn(c, "INSERT INTO "+canary+" SELECT relname FROM pg_class LIMIT 1")
			if err == nil {
				t.Error("the statement was answered by a dead proxy")
			}
			cmd.Wait()
			if n := onServer(t, "SELECT count(*) FROM "+canary); n != 0 {
				t.Errorf("%d rows: it ran", n)
			}
			if n := decisions(t, filepath.Join(dir, "trail"), canary); n != records {
				t.Errorf("%d records of it, want %d", n, records)
			}
		})
	}
}

// startDoomed starts a proxy in a process of its own, which ends with the test at
// the latest.
func startDoomed(t *testing.T, dir, moment string) (*place, *exec.Cmd) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", doomed, dir, writeAdmin(t, dir, shared), strconv.Itoa(shared.Port()), shared.CAFile, moment)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // it is mostly dead by now
	var address string
	if _, err := fmt.Fscanln(out, &address); err != nil {
		t.Fatal(err)
	}
	return &place{address: address, dir: dir}, cmd
}

func execOn(c *pgconn.PgConn, sql string) error {
	ctx, done := context.WithTimeout(context.Background(), 20*time.Second)
	defer done()
	_, err := c.Exec(ctx, sql).ReadAll()
	return err
}

// decisions counts the decisions on record about a table.
func decisions(t *testing.T, trail, table string) int {
	t.Helper()
	var text strings.Builder
	if err := read.Show(&text, trail, read.Filter{Type: "decision"}, read.NDJSON); err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(text.String()) {
		if strings.Contains(line, table) {
			n++
		}
	}
	return n
}
