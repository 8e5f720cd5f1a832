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

// pgbench runs pgbench through a way for the seconds of a turn. Transactions
// a second are those that pgbench reports. Processor time is taken from the
// first to the last of its reports of progress, one a second, so that the
// logins at the beginning do not count as part of transactions.
func (s *stage) pgbench(ctx context.Context, w *way, t transport, args ...string) (work, error) {
	clients := 1
	if i := slices.Index(args, "-c"); i >= 0 {
		clients, _ = strconv.Atoi(args[i+1]) // pgbench refuses what is no number
	}
	args = append([]string{"-n", "-P", "1", "-T", strconv.Itoa(tooLong), "-j", strconv.Itoa(min(clients, runtime.NumCPU()))}, args...)
	cmd := exec.CommandContext(ctx, s.program("pgbench"), args...)
	cmd.Env = w.environment(t)
	var stdout, rest bytes.Buffer
	cmd.Stdout = &stdout
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
	if err := cmd.Wait(); err != nil || watchErr != nil {
		return work{}, fmt.Errorf("pgbench: %w\n%s", errors.Join(watchErr, err), lastOf(rest.String()))
	}
	done.rate, err = readTPS(stdout.String())
	return done, err
}

// progressLine is what pgbench -P prints.
var progressLine = regexp.MustCompile(`^progress: ([0-9.]+) s, ([0-9.]+) tps`)

// watchProgress reads pgbench's reports and tells how much work and processor
// time lies between the first and the last of a number of them. After that
// number it calls enough, and reads on to the end.
func watchProgress(w *way, reports io.Reader, number int, enough func() error) (work, error) {
	var done work
	var first time.Duration
	var since float64
	seen := 0
	for lines := bufio.NewScanner(reports); lines.Scan(); {
		m := progressLine.FindStringSubmatch(lines.Text())
		if m == nil || seen == number {
			continue
		}
		now, err := w.usage()
		if err != nil {
			return work{}, err
		}
		elapsed, _ := strconv.ParseFloat(m[1], 64) // digits and dots only
		tps, _ := strconv.ParseFloat(m[2], 64)
		if seen++; seen == 1 {
			first = now.cpu
		} else {
			done.count += tps * (elapsed - since)
			done.cpu = now.cpu - first
		}
		since = elapsed
		if seen == number {
			if err := enough(); err != nil {
				return work{}, fmt.Errorf("tell pgbench to end: %w", err)
			}
		}
	}
	if seen < number {
		return work{}, fmt.Errorf("it ended after %d of %d reports", seen, number)
	}
	return done, nil
}

var tpsLine = regexp.MustCompile(`(?m)^tps = ([0-9.]+)`)

func readTPS(out string) (float64, error) {
	m := tpsLine.FindStringSubmatch(out)
	if m == nil {
		return 0, fmt.Errorf("pgbench printed no tps:\n%s", lastOf(out))
	}
	return strconv.ParseFloat(m[1], 64)
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
