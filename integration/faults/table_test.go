package faults

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-pg/sluice/integration/harness"
)

// rewriting says whether -rewrite was given, the flag of proxytest.
func rewriting() bool { return flag.Lookup("rewrite").Value.String() == "true" }

func TestMain(m *testing.M) { harness.RunTests(m) }

const tableFile = "TABLE.md"

const tableHead = `# What happens when something breaks

Written by ` + "`go test ./integration/faults -rewrite`" + ` and compared by every run, on PostgreSQL 15.
Here ` + "`limits.unreachable`" + ` is 2s and ` + "`limits.startup`" + ` 8s, so that it does not take long.
"Works again" is when a new session on the same way has had its first answer,
counted from the moment when what was broken is mended. "Others" are sessions
that work all along beside it: where the server itself falls they are hit like
everybody, and connect again. After each fault the descriptors of the process
and the roles in the database were what they had been.

| fault | what the client saw | what the trail says | works again | others |
|---|---|---|---|---|
`

// row is a line of the table.
type row struct{ fault, saw, trail, recovery, others string }

func (r row) String() string {
	cell := strings.NewReplacer("|", `\|`, "\n", " ").Replace
	return fmt.Sprintf("| %s | %s | %s | %s | %s |\n", cell(r.fault), cell(r.saw), cell(r.trail), r.recovery, r.others)
}

// classes are the times that the table tells apart; machines that test are
// busy.
var classes = []time.Duration{10 * time.Second, 30 * time.Second}

func class(d time.Duration) string {
	for _, c := range classes {
		if d < c {
			return "in " + c.String()
		}
	}
	return "later than " + classes[len(classes)-1].String()
}

// TestFaults does every fault of the list, and what needs a proxy of its own,
// and holds what happened against the table.
func TestFaults(t *testing.T) {
	world := harness.NewWorldWith(t, 15, map[string]string{"max_connections": "150", "superuser_reserved_connections": "10"})
	world.Reset(t, "shop", "restored")
	world.Exec(t, "shop", "CREATE TABLE big AS SELECT i, repeat('x', 1000) AS text FROM generate_series(1, 40000) AS i; ALTER TABLE big OWNER TO shop_app")
	binary := harness.BuildSluice(t)
	var b strings.Builder
	b.WriteString(tableHead)
	whole := t.Run("around one session", func(t *testing.T) { aroundOneSession(t, world, binary, &b) })
	whole = t.Run("crowd", func(t *testing.T) { crowd(t, world, binary, &b) }) && whole
	whole = t.Run("descriptors", func(t *testing.T) { fewDescriptors(t, world, binary, &b) }) && whole
	if rows := strings.Count(b.String(), "\n") - strings.Count(tableHead, "\n"); whole && rows == len(faults)+2 {
		hold(t, b.String()) // not if -run left some out
	}
}

func aroundOneSession(t *testing.T, world *harness.World, binary string, b *strings.Builder) {
	s := setStage(t, world, binary, harness.Setup{Policy: harness.AllowAll, Limits: limits})
	for i, f := range faults {
		s.sufferOne(t, f, fmt.Sprintf("fault-%d", i), b)
		if t.Failed() {
			return
		}
	}
	s.noSessionLeft(t)
}

// hold compares with the file, or writes it.
func hold(t *testing.T, got string) {
	t.Helper()
	if rewriting() {
		if err := os.WriteFile(tableFile, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(tableFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s says otherwise (-rewrite writes it):\n%s", tableFile, diff)
	}
}

// sufferOne writes the row of one fault. Where that fails, also by t.Fatal, it
// says which fault it was and what the program said.
func (s *stage) sufferOne(t *testing.T, f fault, application string, b *strings.Builder) {
	t.Helper()
	began := time.Now()
	defer func() {
		t.Logf("%-60s %s", f.name, time.Since(began).Round(10*time.Millisecond))
		if t.Failed() {
			t.Log(s.gate.Log())
		}
	}()
	b.WriteString(s.suffer(t, f, application).String())
}

// suffer does one fault and mends it.
func (s *stage) suffer(t *testing.T, f fault, application string) row {
	t.Helper()
	s.others.since()
	r := row{fault: f.name, saw: words(f.do(t, s, application))}
	s.mend(t, f)
	began := time.Now()
	way := s.direct("shop", "after-"+application)
	if f.client {
		way = s.relayed("after-" + application)
	}
	r.recovery = class(s.untilItWorks(t, way, began))
	r.trail = s.onTrail(t, application, f.raced)
	s.awaitNoRoles(t)
	s.awaitCalm(t)
	r.others = s.judgeOthers(t, f.hitsAll)
	return r
}

func (s *stage) mend(t *testing.T, f fault) {
	t.Helper()
	for _, relay := range []*Relay{s.server, s.client} {
		if err := relay.Mend(); err != nil {
			t.Error(err)
		}
	}
	if f.after != nil {
		f.after(t, s)
	}
}

// untilItWorks tries new sessions until one has had an answer.
func (s *stage) untilItWorks(t *testing.T, way string, began time.Time) time.Duration {
	t.Helper()
	var last error
	for time.Since(began) < patience {
		c, err := connect(t.Context(), way)
		if err == nil {
			err = query(t.Context(), c, "SELECT 1")
			c.Close(t.Context())
		}
		if err == nil {
			return time.Since(began)
		}
		last = err
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("no session works again: %v\n%s", last, s.gate.Log())
	return 0
}

// judgeOthers says how it went for the bystander, which must have worked on.
func (s *stage) judgeOthers(t *testing.T, hitsAll bool) string {
	t.Helper()
	if hitsAll {
		// It connects again by itself.
		s.others.since()
		await(t, "the bystander to work again", func() bool {
			err, queries, _ := s.others.since()
			return err == nil && queries > 0
		})
		return "hit as well"
	}
	err, queries, slowest := s.others.since()
	if err != nil || queries == 0 {
		t.Errorf("the bystander: %d queries, the slowest took %s: %v", queries, slowest, err)
	}
	return "unharmed"
}

// noSessionLeft looks at the program's goroutines when everybody has gone: none
// may still work for a session.
func (s *stage) noSessionLeft(t *testing.T) {
	t.Helper()
	s.others.stop()
	await(t, "the last session to end", func() bool {
		return s.world.Query(t, "postgres", "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'sluice%'")[0][0] == "0"
	})
	time.Sleep(100 * time.Millisecond) // the goroutine that ended it returns
	log, stacks, ok := strings.Cut(s.gate.Goroutines(t), "SIGQUIT")
	if !ok || !strings.Contains(stacks, "(*Server).accept") {
		t.Fatalf("these are no goroutines of Sluice:\n%s", stacks)
	}
	if strings.Contains(log, "DATA RACE") {
		t.Errorf("the race detector has found something\n%s", log)
	}
	if n := strings.Count(stacks, "(*session)"); n > 0 {
		t.Errorf("%d frames of sessions are left\n%s", n, stacks)
	}
}
