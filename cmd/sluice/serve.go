package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/sluice-pg/sluice/policy/statement"
	"github.com/sluice-pg/sluice/proxy"
)

// workerName is the command that parses texts in a process of its own.
const workerName = "parse-worker"

func serveCommand() *cli.Command {
	return &cli.Command{
		Name:  "serve",
		Usage: "stand in front of the configured databases",
		Description: "The policy is read again when its file changes, and at SIGHUP; if it has a mistake, the old one stays.\n" +
			"SIGTERM and Ctrl-C stop accepting clients, end idle sessions and let transactions finish for\n" +
			"limits.drain; a second one cuts them.\n\n" +
			"A setting comes from --set, else from the environment (SLUICE_LIMITS_CONNECTIONS is\n" +
			"limits.connections), else from the file, else it has its default; config show --origin tells which.\n" +
			"The policy is read again while sluice runs, and so are the users; a change of any setting takes effect\n" +
			"at the next start.",
		Flags: configFlags(),
		Action: func(c *cli.Context) error {
			config, err := servedConfig(c)
			if err != nil {
				return err
			}
			return serve(c.Context, config, newLogger(config.Log.Level))
		},
	}
}

// newLogger makes the proxy's log at one of the levels of log.level.
func newLogger(level string) *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: map[string]slog.Level{
		"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
	}[level]}))
}

// serve runs until ctx ends or the proxy cannot accept clients any more.
func serve(ctx context.Context, config *proxy.Config, log *slog.Logger) error {
	r, err := start(ctx, config, log)
	if err != nil {
		return err
	}
	var at []string
	for _, a := range r.addrs {
		at = append(at, a.String())
	}
	fmt.Println("sluice: listening on", strings.Join(at, ", "))
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	unfollow := r.follow(ctx, hup)
	select {
	case err := <-r.served:
		unfollow()
		r.served <- err
		return r.stop(context.WithoutCancel(ctx))
	case <-ctx.Done():
		unfollow()
		log.Info("stopping", "sessions", r.server.Sessions())
		again, done := signal.NotifyContext(context.WithoutCancel(ctx), os.Interrupt, syscall.SIGTERM)
		defer done()
		return r.stop(again)
	}
}

func workerCommand() *cli.Command {
	return &cli.Command{
		Name: workerName, Hidden: true,
		Usage:  "parse texts from standard input; started by serve",
		Action: func(*cli.Context) error { return statement.WorkerMain(os.Stdin, os.Stdout) },
	}
}
