package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sluice-pg/sluice/policy/statement"
	"github.com/sluice-pg/sluice/proxy"
	"github.com/sluice-pg/sluice/proxy/systemd"
	"github.com/sluice-pg/sluice/proxy/telemetry"
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
			"socket unit: connections then wait over a restart, and none is refused.\n\n" +
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
			service, err := systemd.Open()
			if err != nil {
				return err
			}
			return serve(c.Context, config, service)
		},
	}
}

// serve runs until ctx ends or the proxy cannot accept clients any more.
func serve(ctx context.Context, config *proxy.Config, service *systemd.Service) error {
	told, err := telemetry.Start(ctx, telemetry.Options{
		Instance: config.Instance, Version: version(), Log: config.Log, Output: os.Stderr,
		Prometheus: config.Admin.Address != "", StatementSpans: config.Telemetry.StatementSpans,
	})
	if err != nil {
		return err
	}
	defer endTelling(ctx, told)
	r, err := start(ctx, config, told, service)
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

// lastWords bounds sending the telemetry that is left at the end.
const lastWords = 5 * time.Second

func endTelling(ctx context.Context, told *telemetry.Telemetry) {
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer done()
	if err := told.Close(ctx); err != nil {
		told.Log().Warn("telemetry not sent", "err", err)
	}
}

// version is the module's version as the program was built.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}

func workerCommand() *cli.Command {
	return &cli.Command{
		Name: workerName, Hidden: true,
		Usage:  "parse texts from standard input; started by serve",
		Action: func(*cli.Context) error { return statement.WorkerMain(os.Stdin, os.Stdout) },
	}
}
