package secrets

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// between is how often the process list is looked at.
const between = 200 * time.Millisecond

// watch is the look-out of this process, for as long as somebody wants it.
var watch struct {
	sync.Mutex
	users int
	stop  func()
}

// Watch has the process list looked at until the test ends.
func Watch(t testing.TB) {
	t.Helper()
	t.Cleanup(StartWatch())
}

// StartWatch has the process list looked at until the function that it returns
// is called.
func StartWatch() (stop func()) {
	if !Keeping() {
		return func() {}
	}
	watch.Lock()
	defer watch.Unlock()
	if watch.users++; watch.users == 1 {
		watch.stop = startLook()
	}
	return sync.OnceFunc(func() {
		watch.Lock()
		defer watch.Unlock()
		if watch.users--; watch.users == 0 {
			watch.stop()
		}
	})
}

func startLook() (stop func()) {
	file, err := os.OpenFile(place(Processes, "list"), os.O_CREATE|os.O_WRONLY, 0o600)
	must(err)
	l := &lookout{self: os.Getpid(), file: file, seen: map[string]bool{}}
	l.program, err = os.Executable()
	must(err)
	ended, end := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			l.look()
			select {
			case <-end:
				return
			case <-time.After(between):
			}
		}
	}()
	return func() {
		close(end)
		<-ended
		must(file.Close())
	}
}

// lookout writes down what anybody on the machine can see of Sluice: command
// lines, and the environment that its children have from it.
type lookout struct {
	self    int
	program string // this test's own: in some suites it is Sluice
	file    *os.File
	seen    map[string]bool
	sluices map[int]bool // of one look, as far as was asked
}

// look looks once at every process below this one.
func (l *lookout) look() {
	parents := parentsOfAll()
	l.sluices = map[int]bool{}
	for pid := range parents {
		if !below(parents, pid, l.self) || forked(pid) {
			continue
		}
		child := l.isChild(parents, pid)
		if child || l.isSluice(pid) {
			l.note(pid, "cmdline")
		}
		if child {
			l.note(pid, "environ")
		}
	}
}

// forked says whether a process has run no program of its own since it was forked: it
// shows what its parent has, which nobody gave it. Linux knows by the flag PF_FORKNOEXEC,
// the ninth field of /proc/PID/stat (proc(5), linux/sched.h).
func forked(pid int) bool {
	const forkNoExec = 0x40
	fields := stat(pid)
	if len(fields) < 7 {
		return false
	}
	flags, err := strconv.ParseUint(fields[6], 10, 64)
	return err == nil && flags&forkNoExec != 0
}

// stat is what Linux says of a process behind its name: the third field of
// /proc/PID/stat and what follows. It is empty if the process has ended.
func stat(pid int) []string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	// The name in parentheses may hold anything.
	return strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
}

// note writes down what a process shows, if it is something new.
func (l *lookout) note(pid int, what string) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, what))
	if err != nil || len(text) == 0 {
		return // it has ended
	}
	line := fmt.Sprintf("%d %s: %s\n", pid, what, bytes.ReplaceAll(bytes.TrimRight(text, "\x00"), []byte{0}, []byte{' '}))
	if l.seen[line] {
		return
	}
	l.seen[line] = true
	_, err = l.file.WriteString(line)
	must(err)
}

// isSluice says whether a process is a Sluice. A file that is removed under a
// running program has a word behind its name.
func (l *lookout) isSluice(pid int) bool {
	is, known := l.sluices[pid]
	if !known {
		program, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
		program = strings.TrimSuffix(program, " (deleted)")
		is = err == nil && (filepath.Base(program) == "sluice" || program == l.program)
		l.sluices[pid] = is
	}
	return is
}

// isChild says whether a Sluice has started a process, or whoever started it.
func (l *lookout) isChild(parents map[int]int, pid int) bool {
	for above := parents[pid]; above > 1 && above != l.self; above = parents[above] {
		if l.isSluice(above) {
			return true
		}
	}
	return false
}

// below says whether a process was started by another, or by one that it started.
func below(parents map[int]int, pid, top int) bool {
	for pid = parents[pid]; pid > 1; pid = parents[pid] {
		if pid == top {
			return true
		}
	}
	return false
}

// parentsOfAll are the parents of all processes.
func parentsOfAll() map[int]int {
	entries, err := os.ReadDir("/proc")
	must(err)
	parents := map[int]int{}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if fields := stat(pid); len(fields) > 1 {
			parents[pid], _ = strconv.Atoi(fields[1])
		}
	}
	return parents
}
