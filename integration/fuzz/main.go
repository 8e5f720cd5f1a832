package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"
)

// listFile is relative to the module's folder.
const listFile = "integration/fuzz-targets.txt"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := command(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "sluice:", err)
		os.Exit(1)
	}
}

func command(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("say check or run")
	}
	flags := flag.NewFlagSet("fuzz", flag.ContinueOnError)
	root := flags.String("root", ".", "folder of the module")
	duration := flags.Duration("time", 10*time.Second, "how long to fuzz each target")
	parallel := flags.Int("parallel", 2, "how many processes fuzz one target")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	targets, err := check(*root)
	if err != nil {
		return err
	}
	switch args[0] {
	case "check":
		fmt.Printf("%d fuzz targets, all named in %s\n", len(targets), listFile)
		return nil
	case "run":
		return runAll(ctx, *root, targets, *duration, *parallel)
	default:
		return fmt.Errorf("%q is neither check nor run", args[0])
	}
}

// check compares the list with the sources and returns the targets.
func check(root string) ([]target, error) {
	file, err := os.Open(filepath.Join(root, filepath.FromSlash(listFile)))
	if err != nil {
		return nil, fmt.Errorf("open the list of fuzz targets: %w", err)
	}
	defer file.Close()
	listed, err := readList(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", listFile, err)
	}
	present, err := readSources(root)
	if err != nil {
		return nil, err
	}
	if len(listed) == 0 {
		return nil, fmt.Errorf("%s names no target", listFile)
	}
	if wrong := difference(listed, present); len(wrong) > 0 {
		return nil, fmt.Errorf("%s:\n  %s", listFile, strings.Join(wrong, "\n  "))
	}
	return listed, nil
}
