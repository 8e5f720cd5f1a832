package faults

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sys/unix"

	"github.com/sluice-pg/sluice/integration/harness"
)

const (
	crowdSize = 10_000
	// crowdTime bounds the whole of it.
	crowdTime = 5 * time.Minute
	// crowdMemory is by how much the program may grow under it, KiB.
	crowdMemory = 256 << 10
)

// crowd has ten thousand clients connect at once where a hundred may.
func crowd(t *testing.T, world *harness.World, binary string, b *strings.Builder) {
	needDescriptors(t, crowdSize+200)
	s := setStage(t, world, binary, harness.Setup{Policy: harness.AllowAll, Limits: "drain: 5s, startup: 2m, connections: 100"})
	s.others.since()
	peak := s.watchMemory(t)
	seen := s.rush(t)
	grown := peak() - s.calm.memory
	t.Logf("%v, memory grew by %d MiB at most", seen, grown>>10)
	if grown > crowdMemory && !raceDetector() {
		t.Errorf("memory grew by %d MiB", grown>>10)
	}
	if seen["no error"] != 99 { // the bystander has a session too
		t.Errorf("%d got a session, want 99", seen["no error"])
	}
	saw := slices.Sorted(maps.Keys(seen))
	r := row{fault: "10,000 connect at once, limits.connections is 100", saw: strings.Join(saw, "; or ")}
	r.recovery = class(s.untilItWorks(t, s.direct("shop", "after-crowd"), time.Now()))
	s.awaitNoRoles(t)
	s.awaitCalm(t)
	r.trail = s.reasons(t, "crowd")
	r.others = s.judgeOthers(t, false)
	b.WriteString(r.String())
	s.noSessionLeft(t)
}

// rush connects with all of them, lets those who get a session keep it until
// everybody has an answer, and returns how many saw what.
func (s *stage) rush(t *testing.T) map[string]int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), crowdTime)
	defer cancel()
	way := s.direct("shop", "crowd")
	conns, errs := make([]*pgconn.PgConn, crowdSize), make([]error, crowdSize)
	start := make(chan struct{})
	var group sync.WaitGroup
	for i := range crowdSize {
		group.Go(func() {
			<-start
			conns[i], errs[i] = pgconn.Connect(ctx, way)
		})
	}
	close(start)
	group.Wait()
	seen := map[string]int{}
	for i, c := range conns {
		seen[words(errs[i])]++
		if c == nil {
			continue
		}
		if err := query(ctx, c, "SELECT 1"); err != nil {
			t.Errorf("a session that was let in: %v", err)
		}
		group.Go(func() { c.Close(ctx) })
	}
	group.Wait()
	return seen
}

// watchMemory looks at the program's memory until the function it returns is
// called, which tells the most there was.
func (s *stage) watchMemory(t *testing.T) (peak func() int) {
	t.Helper()
	stop, most := make(chan struct{}), make(chan int)
	go func() {
		highest := 0
		for {
			r, err := resourcesOf(s.gate.PID())
			if err == nil {
				highest = max(highest, r.memory)
			}
			select {
			case <-stop:
				most <- highest
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	return func() int {
		close(stop)
		return <-most
	}
}

// needDescriptors fails if this process may not open so many.
func needDescriptors(t *testing.T, n uint64) {
	t.Helper()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if limit.Cur < n {
		t.Fatalf("this test opens %d connections, and the limit on descriptors is %d: raise it, as with ulimit -n %d", crowdSize, limit.Cur, n)
	}
}
