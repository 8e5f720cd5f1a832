package watch

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// use is how much processor the server has used until a time.
type use struct {
	at  time.Time
	cpu time.Duration
	pid string
}

// clockTick is that of /proc, which is 1/100 s on every Linux.
const clockTick = 10 * time.Millisecond

// cost is what the backend with which the watch asks has used so far.
func (s *stage) cost(t *testing.T) use {
	t.Helper()
	pid := s.ask(t, "SELECT pid FROM pg_stat_activity WHERE application_name = 'sluice/watch' AND usename LIKE '%watch%' ORDER BY backend_start LIMIT 1")
	text, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	ticks := 0
	for _, at := range []int{11, 12} { // utime and stime, proc(5)
		n, err := strconv.Atoi(fields[at])
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return use{time.Now(), time.Duration(ticks) * clockTick, pid}
}

// mostCost is how much of a core, in percent, the watch may cost its server: the goal is
// 1, and machines that run suites are busy.
const mostCost = 1.5

// costsLittle demands that the watch costs its server little while something is done,
// which is done up to three times: what else happens on the machine makes it dearer,
// and nothing makes it cheaper.
func (s *stage) costsLittle(t *testing.T, what string, do func(round int)) {
	t.Helper()
	for round := range 3 {
		before := s.cost(t)
		do(round)
		now := s.cost(t)
		if now.pid != before.pid {
			t.Logf("%s: the watch has connected anew", what)
			continue
		}
		part := 100 * float64(now.cpu-before.cpu) / float64(now.at.Sub(before.at))
		t.Logf("%s: %.2f %% of a core of the server", what, part)
		if part <= mostCost {
			return
		}
	}
	t.Errorf("%s: never less than %g %% of a core", what, mostCost)
}
