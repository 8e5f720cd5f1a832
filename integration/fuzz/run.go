package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// runAll fuzzes every target and joins what went wrong.
func runAll(ctx context.Context, root string, targets []target, duration time.Duration, parallel int) error {
	var problems error
	for _, t := range targets {
		begin := time.Now()
		err := run(ctx, root, t, duration, parallel)
		verdict := "ok"
		if err != nil {
			verdict = "FAIL"
		}
		fmt.Printf("%s\tfuzz %v\t%v\n", verdict, t, time.Since(begin).Round(time.Second))
		problems = errors.Join(problems, err)
		if ctx.Err() != nil {
			return errors.Join(problems, ctx.Err())
		}
	}
	return problems
}

func run(ctx context.Context, root string, t target, duration time.Duration, parallel int) error {
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-fuzz", "^"+t.name+"$",
		"-fuzztime", duration.String(), "-parallel", strconv.Itoa(parallel), "./"+t.pkg)
	cmd.Dir = root
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 20 * time.Second
	out, err := cmd.CombinedOutput()
	if err != nil && !onlyTimeUp(string(out)) {
		return fmt.Errorf("%v: %w\n%s", t, err, out)
	}
	return judge(t, string(out))
}

// onlyTimeUp reports whether a run failed by nothing but the end of its time:
// on a busy machine go test takes a worker that was stopped then for a failed
// one. A finding comes with its input.
func onlyTimeUp(out string) bool {
	ended := false
	for line := range strings.Lines(out) {
		switch line = strings.TrimSpace(line); {
		case line == "context deadline exceeded":
			ended = true
		case strings.Contains(line, "Failing input written"), strings.HasPrefix(line, "panic"), strings.Contains(line, "_test.go:"):
			return false
		}
	}
	return ended
}

// judge reads what go test printed: a run that fuzzed nothing also ends well.
func judge(t target, out string) error {
	if strings.Contains(out, "no fuzz tests to fuzz") || !strings.Contains(out, "fuzz: elapsed:") {
		return fmt.Errorf("%v: go test fuzzed nothing:\n%s", t, out)
	}
	return nil
}
