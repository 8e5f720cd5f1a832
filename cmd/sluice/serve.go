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
	"github.com/sluice-pg/sluice/proxy/systemd"
)

// workerName is the command that parses texts in a process of its own.
const workerName = "parse-worker"

func serveCommand() *cli.Command {
	return &cli.Command{
		Name:  "serve",
		Usage: "stand in front of the configured databases",
		Description: "The policy is read again when its file changes, and at SIGHUP; if it has a mistake, the old one stays.\n" +
			"SIGTERM and Ctrl-C drain: for limits.drain_delay clients are still accepted, then new ones are told to\n" +
			"come back, idle sessions end, and transactions may finish for limits.drain. A second one cuts them.\n" +
			"Under systemd the proxy says when it is ready, reloads, stops and lives, and takes the sockets of a\n" +
			"socket unit: connections then wait over a restart, and none is refused.",
		Flags: []cli.Flag{
			&cli.PathFlag{Name: "config", Aliases: []string{"c"}, EnvVars: []string{"SLUICE_CONFIG"}, Value: "/etc/sluice/sluice.yaml", Usage: "configuration `FILE`"},
			&cli.BoolFlag{Name: "debug", Usage: "log more"},
		},
		Action: func(c *cli.Context) error {
			config, err := proxy.LoadConfig(c.Path("config"))
			if err != nil {
				return cli.Exit(err, exitConfig)
			}
			service, err := systemd.Open()
			if err != nil {
				return err
			}
			return serve(c.Context, config, newLogger(c.Bool("debug")), service)
		},
	}
}

func newLogger(debug bool) *slog.Logger {
	level := slog.LevelInfo
	if debug {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
}

// serve runs until ctx ends or the proxy cannot accept clients any more.
func serve(ctx context.Context, config *proxy.Config, log *slog.Logger, service *systemd.Service) error {
	r, err := start(ctx, config, log, service)
	if err != nil {
		return err
	}
	var at []string
	for _, a := range r.addrs {
		at = append(at, a.String())
	}
	listening := "listening on " + strings.Join(at, ", ")
	fmt.Println("sluice:", listening)
	r.tell(service.Ready(listening))
	defer r.live(ctx)()
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
		again, done := signal.NotifyContext(context.WithoutCancel(ctx), os.Interrupt, syscall.SIGTERM)
		defer done()
		r.sayStopping()
		unfollow()
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
