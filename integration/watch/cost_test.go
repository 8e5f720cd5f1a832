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

// costs logs which part of a core was used since, and demands that it is little.
func (s *stage) costs(t *testing.T, what string, before use) {
	t.Helper()
	now := s.cost(t)
	if now.pid != before.pid {
		t.Logf("%s: the watch has connected anew", what)
		return
	}
	part := 100 * float64(now.cpu-before.cpu) / float64(now.at.Sub(before.at))
	t.Logf("%s: %.2f %% of a core of the server", what, part)
	if part > 3 { // the goal is 1; machines of tests are busy, and some are slow
		t.Errorf("%s: too much", what)
	}
}
