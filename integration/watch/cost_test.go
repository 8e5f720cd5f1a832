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
	return use{time.Now(), time.Duration(ticks) * clockTick}
}

// since is the part of a core that was used.
func (u use) since(before use) float64 {
	return float64(u.cpu-before.cpu) / float64(u.at.Sub(before.at))
}
