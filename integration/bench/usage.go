package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of processor time in /proc/PID/stat: USER_HZ is 100 on
// every Linux that Go runs on.
const tick = 10 * time.Millisecond

// usage is what a proxy uses: its process and all processes below it.
type usage struct {
	// cpu is processor time since the start, of threads and ended children
	// too.
	cpu time.Duration
	// rss and peak are resident memory in bytes, now and at its highest since
	// the last resetPeak. Pages that two processes share count twice.
	rss, peak int64
}

// usage reads what the proxy uses; all is zero for a way without one.
func (w *way) usage() (usage, error) {
	if w.proxy == nil {
		return usage{}, nil
	}
	if err := w.proxy.alive(); err != nil {
		return usage{}, err
	}
	family, err := familyOf(w.proxy.cmd.Process.Pid)
	if err != nil {
		return usage{}, err
	}
	var u usage
	for _, s := range family {
		u.cpu += s.cpu
		rss, peak, err := memory(s.pid)
		if errors.Is(err, os.ErrNotExist) {
			continue // a child that has just ended
		}
		if err != nil {
			return usage{}, err
		}
		u.rss += rss
		u.peak += peak
	}
	return u, nil
}

// resetPeak lets peaks begin at what is resident now; see clear_refs in
// proc(5).
func (w *way) resetPeak() error {
	if w.proxy == nil {
		return nil
	}
	family, err := familyOf(w.proxy.cmd.Process.Pid)
	if err != nil {
		return err
	}
	for _, s := range family {
		err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", s.pid), []byte("5"), 0o200)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("reset the peak of memory: %w", err)
		}
	}
	return nil
}

// stat is what is needed of /proc/PID/stat.
type stat struct {
	pid, parent int
	cpu         time.Duration
}

// familyOf returns the process and all below it.
func familyOf(root int) ([]stat, error) {
	paths, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	children := map[int][]stat{}
	var family []stat
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended meanwhile
		}
		s, err := parseStat(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		children[s.parent] = append(children[s.parent], s)
		if s.pid == root {
			family = append(family, s)
		}
	}
	if len(family) == 0 {
		return nil, fmt.Errorf("process %d is gone", root)
	}
	for i := 0; i < len(family); i++ {
		family = append(family, children[family[i].pid]...)
	}
	return family, nil
}

// parseStat reads a line of /proc/PID/stat, see proc(5). The second field is
// the program's name in brackets, and may hold anything.
func parseStat(line string) (stat, error) {
	pid, _, _ := strings.Cut(line, " ")
	fields := strings.Fields(line[strings.LastIndexByte(line, ')')+1:])
	if len(fields) < 15 {
		return stat{}, fmt.Errorf("%d fields behind the name", len(fields))
	}
	// Counted from the state, the third field of the line: ppid is 1; utime,
	// stime, cutime and cstime are 11 to 14.
	var numbers [6]int64
	for i, text := range []string{pid, fields[1], fields[11], fields[12], fields[13], fields[14]} {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return stat{}, err
		}
		numbers[i] = n
	}
	ticks := numbers[2] + numbers[3] + numbers[4] + numbers[5]
	return stat{pid: int(numbers[0]), parent: int(numbers[1]), cpu: time.Duration(ticks) * tick}, nil
}

// memory reads VmRSS and VmHWM of /proc/PID/status, in bytes.
func memory(pid int) (rss, peak int64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		name, value, _ := strings.Cut(line, ":")
		into := map[string]*int64{"VmRSS": &rss, "VmHWM": &peak}[name]
		if into == nil {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("%s of process %d: %w", name, pid, err)
		}
		*into = n << 10
	}
	return rss, peak, nil
}
