package faults

import (
	"context"
	"flag"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/integration/harness"
)

// soakTime is short unless asked otherwise: then it shows that the soak works,
// and that nothing stays behind.
var soakTime = flag.Duration("soak", 10*time.Second, "how long the soak lasts")

const (
	// judged is the shortest soak whose memory is judged: before, caches fill.
	judged = 2 * time.Minute
	// moreMemory is by how much the median of the last quarter may be over
	// that of the first, KiB; the same again is a tenth of it.
	moreMemory = 16 << 10
	// more is the same for descriptors, threads and roles, in numbers.
	more = 5
)

// TestSoak runs a mixed load and fails if memory, descriptors, threads or roles
// grow, or if anything that should work does not.
func TestSoak(t *testing.T) {
	world := harness.NewWorldWith(t, 15, map[string]string{"max_connections": "100"})
	world.Reset(t, "shop", "restored")
	s := setStage(t, world, harness.BuildSluice(t), harness.Setup{Policy: soakPolicy(-1), Limits: "drain: 5s"})
	defer func() {
		if t.Failed() {
			t.Log(s.gate.Goroutines(t))
		}
	}()
	loads := s.loads(t)
	for _, l := range loads { // so that everything is there that stays
		l.once(t, s, 0)
	}
	startParsers(t, s)
	s.awaitNoRoles(t)
	s.calm = measure(t, s.gate.PID())
	s.others.since()

	rounds, samples := s.soak(t, loads, *soakTime)
	for i, l := range loads {
		t.Logf("%-28s %d times", l.name, rounds[i].Load())
	}
	report(t, samples)
	s.judgeOthers(t, false)
	s.awaitNoRoles(t)
	s.awaitCalm(t)
	s.noSessionLeft(t)
}

// startParsers has several large texts read at once: each process that reads
// them stays.
func startParsers(t *testing.T, s *stage) {
	t.Helper()
	var group sync.WaitGroup
	for range 4 * runtime.NumCPU() {
		group.Go(func() { newTexts(t, s, 0) })
	}
	group.Wait()
}

// soak runs all loads for so long and takes samples.
func (s *stage) soak(t *testing.T, loads []load, long time.Duration) (rounds []atomic.Int64, samples []sample) {
	t.Helper()
	rounds = make([]atomic.Int64, len(loads))
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	var group sync.WaitGroup
	for i, l := range loads {
		group.Go(func() {
			for n := 1; ctx.Err() == nil && !t.Failed(); n++ {
				l.once(t, s, n)
				rounds[i].Add(1)
			}
		})
	}
	tick := time.NewTicker(max(long/500, 200*time.Millisecond))
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
			samples = append(samples, s.sample(t))
		}
	}
	group.Wait()
	return rounds, samples
}

// sample is what was in use at one moment.
type sample struct {
	resources
	roles int
}

func (s *stage) sample(t *testing.T) sample {
	t.Helper()
	out := sample{resources: measure(t, s.gate.PID())}
	rows, err := s.world.Server.Query(t.Context(), "postgres", "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'sluice%'")
	if err == nil {
		_, err = fmt.Sscan(rows[0][0], &out.roles)
	}
	if err != nil {
		t.Error(err)
	}
	return out
}

// report holds the last quarter against the first.
func report(t *testing.T, samples []sample) {
	t.Helper()
	if len(samples) == 0 || len(samples) < 40 && *soakTime >= judged {
		t.Fatalf("only %d samples", len(samples))
	}
	for _, m := range []struct {
		what  string
		value func(sample) int
		more  func(first int) int
	}{
		{"memory, KiB", func(s sample) int { return s.memory }, func(first int) int { return moreMemory + first/10 }},
		{"descriptors", func(s sample) int { return s.descriptors }, func(int) int { return more }},
		{"threads", func(s sample) int { return s.threads }, func(int) int { return more }},
		{"roles", func(s sample) int { return s.roles }, func(int) int { return more }},
	} {
		quarter := max(1, len(samples)/4)
		first, last := median(samples[:quarter], m.value), median(samples[len(samples)-quarter:], m.value)
		t.Logf("%-12s median of the first quarter %d, of the last %d", m.what, first, last)
		if *soakTime >= judged && !raceDetector() && last-first > m.more(first) {
			t.Errorf("%s grew from %d to %d", m.what, first, last)
		}
	}
}

func median(samples []sample, value func(sample) int) int {
	all := make([]int, len(samples))
	for i, s := range samples {
		all[i] = value(s)
	}
	slices.Sort(all)
	return all[len(all)/2]
}

func TestMedian(t *testing.T) {
	var samples []sample
	for _, n := range []int{5, 1, 9, 7, 3} {
		samples = append(samples, sample{roles: n})
	}
	if got := median(samples, func(s sample) int { return s.roles }); got != 5 {
		t.Errorf("got %d, want 5", got)
	}
}

// soakPolicy is the policy of a round; it changes with each.
func soakPolicy(round int) string {
	return strings.Replace(harness.AllowAll, "rules:\n", fmt.Sprintf(`rules:
  - {id: no-programs, effect: deny, kinds: [export_to_program], message: round %d}
`, round), 1)
}
