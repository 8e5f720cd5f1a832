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

// cpu is the processor time of both servers and all programs so far.
func (s *stage) cpu() (time.Duration, error) {
	from, err := serverCPU(s.from)
	if err != nil {
		return 0, err
	}
	to, err := serverCPU(s.to)
	if err != nil {
		return 0, err
	}
	own, err := childCPU()
	return from + to + own, err
}
