package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
)

// tick is the unit of processor time in /proc/PID/stat: USER_HZ is 100 on every
// Linux that Go runs on.
const tick = 10 * time.Millisecond

// serverCPU is the processor time of a server and of all its processes that have
// ended (proc(5): utime, stime, cutime, cstime of /proc/PID/stat).
func serverCPU(s *pgserver.Server) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.PID()))
	if err != nil {
		return 0, err
	}
	// The name, in parentheses, may have blanks in it; utime is the 12th field
	// behind it.
	_, behind, ok := strings.Cut(string(text), ") ")
	fields := strings.Fields(behind)
	if !ok || len(fields) < 15 {
		return 0, fmt.Errorf("/proc/%d/stat cannot be read", s.PID())
	}
	var sum time.Duration
	for _, f := range fields[11:15] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(n) * tick
	}
	return sum, nil
}

// childCPU is that of all programs that were run and have ended.
func childCPU() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_CHILDREN, &u); err != nil {
		return 0, err
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}

// spent is processor time: of the source, the destination and all programs.
type spent struct{ source, destination, programs time.Duration }

func (c spent) sum() time.Duration { return c.source + c.destination + c.programs }

func (c spent) since(before spent) spent {
	return spent{c.source - before.source, c.destination - before.destination, c.programs - before.programs}
}

// cpu is what was spent so far.
func (s *stage) cpu() (c spent, err error) {
	if c.source, err = serverCPU(s.from); err != nil {
		return c, err
	}
	if c.destination, err = serverCPU(s.to); err != nil {
		return c, err
	}
	c.programs, err = childCPU()
	return c, err
}
