package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := command(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// command measures, prints the result and, if asked, keeps it in a folder.
// What is going on meanwhile goes to progress.
func command(ctx context.Context, args []string, out, progress io.Writer) error {
	o, err := parseOptions(args, progress)
	if err != nil {
		return err
	}
	if o.list {
		for _, c := range allCases(o) {
			fmt.Fprintf(out, "%-24s %s\n", c.name, c.what)
		}
		return nil
	}
	result, err := run(ctx, o, progress)
	if result == nil || len(result.Cases) == 0 {
		return err
	}
	if o.out != "" {
		err = errors.Join(err, keep(o.out, result))
	}
	_, failed := io.WriteString(out, markdown(result))
	return errors.Join(err, failed)
}

// run sets the stage, measures every case that was asked for and clears up. An
// error comes with what had been measured before.
func run(ctx context.Context, o *options, progress io.Writer) (_ *report, err error) {
	cases := chosen(allCases(o), o)
	if len(cases) == 0 {
		return nil, fmt.Errorf("no case matches %s; -list shows them all", o.cases)
	}
	s, err := newStage(ctx, o, cases, progress)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	r := &report{Options: o.describe(), Machine: describeMachine(ctx, s)}
	for _, c := range cases {
		measured, err := measure(ctx, s, c)
		if err != nil {
			r.Ended = c.name
			return r, fmt.Errorf("case %s: %w", c.name, err)
		}
		r.Cases = append(r.Cases, judged(c, measured))
	}
	return r, nil
}

// keep writes the result into a folder, as RESULT.md and result.json.
func keep(dir string, r *report) error {
	encoded, err := r.json()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("folder of the result: %w", err)
	}
	for name, text := range map[string][]byte{"RESULT.md": []byte(markdown(r)), "result.json": encoded} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return fmt.Errorf("write the result: %w", err)
		}
	}
	return nil
}
