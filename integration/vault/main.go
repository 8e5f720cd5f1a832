package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/hashicorp/go-hclog"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "vault:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) (err error) {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	listeners, err := listen(o)
	if err != nil {
		return err
	}
	defer listeners.close()
	logger := hclog.New(&hclog.LoggerOptions{Name: "vault", Level: hclog.Info, Output: stderr})
	core, err := newCore(o.data, listeners.Address, logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, core.ShutdownWait()) }()

	failed := make(chan error, 2)
	stopServing := listeners.serve(core, logger, failed)
	defer stopServing()
	if err := json.NewEncoder(stdout).Encode(listeners); err != nil {
		return fmt.Errorf("say where it listens: %w", err)
	}
	var eof <-chan struct{}
	if o.untilEOF {
		eof = ended(stdin)
	}
	select {
	case <-ctx.Done():
	case <-eof:
	case err = <-failed:
	}
	return err
}

// ended is closed when there is nothing more to read.
func ended(r io.Reader) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, r) // an error is an end, too
		close(done)
	}()
	return done
}
