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

	"github.com/sluice-pg/sluice/integration/harness"
)

// descriptorClients is how many come; fewDescriptors are too few for them.
const descriptorClients = 60

// fewDescriptors has more clients come than the program has descriptors for.
// Those that have a session work on, the trail takes what they do, and when
// they leave, others have their turn.
func fewDescriptors(t *testing.T, world *harness.World, binary string, b *strings.Builder) {
	s := setStage(t, world, binary, harness.Setup{
		Policy: harness.AllowAll,
		Limits: "drain: 5s, startup: 1m, connections: 100", Before: []string{"prlimit", "--nofile=80:80"},
	})
	s.others.since()
	way := s.direct("shop", "descriptors")
	conns, errs := make([]*pgconn.PgConn, descriptorClients), make([]error, descriptorClients)
	var group sync.WaitGroup
	for i := range descriptorClients {
		group.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
			defer cancel()
			conns[i], errs[i] = pgconn.Connect(ctx, way)
		})
	}
	group.Wait()
	seen := map[string]int{}
	for i, c := range conns {
		seen[words(errs[i])]++
		if c == nil {
			continue
		}
		if err := query(t.Context(), c, "SELECT 1"); err != nil {
			t.Errorf("a session that was let in: %v", err)
		}
	}
	t.Logf("%v", seen)
	if seen["no error"] == 0 || seen["no error"] == descriptorClients {
		t.Errorf("%d of %d clients got a session", seen["no error"], descriptorClients)
	}
	for _, c := range conns {
		if c != nil {
			c.Close(t.Context())
		}
	}
	r := row{fault: "60 clients, 80 descriptors", saw: strings.Join(slices.Sorted(maps.Keys(seen)), "; or ")}
	r.recovery = class(s.untilItWorks(t, s.direct("shop", "after-descriptors"), time.Now()))
	for _, want := range []string{"the limit on file descriptors is too low for limits.connections", "clients are turned away"} {
		if !strings.Contains(s.gate.Log(), want) {
			t.Errorf("the log does not say: %s", want)
		}
	}
	if strings.Contains(s.gate.Log(), "too many open files") {
		t.Errorf("descriptors ran out\n%s", s.gate.Log())
	}
	s.awaitNoRoles(t)
	s.awaitCalm(t)
	r.trail = s.reasons(t, "descriptors")
	r.others = s.judgeOthers(t, false)
	b.WriteString(r.String())
	s.noSessionLeft(t)
}
