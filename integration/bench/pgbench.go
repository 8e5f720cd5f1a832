package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tooLong is a duration in seconds that pgbench never reaches: its clock starts
// before the clients have logged in, which takes some ways longer than others.
// It is told to end when it has worked for long enough.
const tooLong = 3600

// unsettled is how many of pgbench's reports are not counted. The first may be
// about logins alone, whatever its length, and after it server processes still
// read their catalogs.
const unsettled = 2

// pgbench runs pgbench through a way and takes what it did and the processor
// time of the proxy over as many of its reports of progress, one a second, as
// the turn has seconds.
func (s *stage) pgbench(ctx context.Context, w *way, t transport, args ...string) (work, error) {
	clients := 1
	if i := slices.Index(args, "-c"); i >= 0 {
		clients, _ = strconv.Atoi(args[i+1]) // pgbench refuses what is no number
	}
	args = append([]string{"-n", "-P", "1", "-T", strconv.Itoa(tooLong), "-j", strconv.Itoa(min(clients, runtime.NumCPU()))}, args...)
	cmd := exec.CommandContext(ctx, s.program("pgbench"), args...)
	cmd.Env = w.environment(t)
	var rest bytes.Buffer
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return work{}, err
	}
	if err := cmd.Start(); err != nil {
		return work{}, err
	}
	// SIGALRM is what pgbench's own clock sends: it finishes and sums up.
	enough := func() error { return cmd.Process.Signal(syscall.SIGALRM) }
	done, watchErr := watchProgress(w, io.TeeReader(stderr, &rest), s.options.seconds, enough)
	if watchErr != nil {
		_ = cmd.Process.Kill() // there is an error to tell already
	}
	if err := errors.Join(watchErr, cmd.Wait()); err != nil {
		return work{}, fmt.Errorf("pgbench: %w\n%s", err, lastOf(rest.String()))
	}
	return done, nil
}

// progressLine is what pgbench -P prints.
var progressLine = regexp.MustCompile(`^progress: ([0-9.]+) s, ([0-9.]+) tps`)

// watchProgress reads pgbench's reports and tells how much work and processor
// time lies in a number of them, after those that are not counted. Then it calls
// enough, and reads on to the end.
func watchProgress(w *way, reports io.Reader, number int, enough func() error) (work, error) {
	var done work
	var first time.Duration
	var begin, since float64
	seen := 0
	for lines := bufio.NewScanner(reports); lines.Scan(); {
		m := progressLine.FindStringSubmatch(lines.Text())
		if m == nil || seen == unsettled+number {
			continue
		}
		now, err := w.usage()
		if err != nil {
			return work{}, err
		}
		elapsed, _ := strconv.ParseFloat(m[1], 64) // digits and dots only
		tps, _ := strconv.ParseFloat(m[2], 64)
		switch seen++; {
		case seen == unsettled:
			first, begin = now.cpu, elapsed
		case seen > unsettled:
			done.count += tps * (elapsed - since)
			done.cpu = now.cpu - first
		}
		since = elapsed
		if seen == unsettled+number {
			if err := enough(); err != nil {
				return work{}, fmt.Errorf("tell pgbench to end: %w", err)
			}
		}
	}
	switch {
	case seen < unsettled+number:
		return work{}, fmt.Errorf("it ended after %d of %d reports", seen, unsettled+number)
	case since <= begin:
		return work{}, fmt.Errorf("no time lies between its reports, which end at %g s", since)
	}
	done.rate = done.count / (since - begin)
	return done, nil
}

// script writes a script for pgbench and returns its path.
func (s *stage) script(name, text string) (string, error) {
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return "", fmt.Errorf("script for pgbench: %w", err)
	}
	return path, nil
}

// lastOf is the end of a program's output.
func lastOf(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-10):], "\n")
}

// timed runs something and takes its time and the proxy's processor time.
func timed(w *way, do func() error) (time.Duration, time.Duration, error) {
	before, err := w.usage()
	if err != nil {
		return 0, 0, err
	}
	start := time.Now()
	if err := do(); err != nil {
		return 0, 0, err
	}
	took := time.Since(start)
	after, err := w.usage()
	return took, after.cpu - before.cpu, err
}
