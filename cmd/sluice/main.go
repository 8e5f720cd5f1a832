// Command sluice is the proxy and everything a person does around it: adding
// users, reading and verifying the trail, the demo.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/urfave/cli/v2"
)

// Exit codes, also listed in the help.
const (
	exitRuntime = 1
	exitConfig  = 5
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := newApp().RunContext(ctx, os.Args); err != nil {
		fmt.Fprintln(os.Stderr, "sluice:", err)
		var coded cli.ExitCoder
		if errors.As(err, &coded) {
			os.Exit(coded.ExitCode())
		}
		os.Exit(exitRuntime)
	}
}

func newApp() *cli.App {
	return &cli.App{
		Name:  "sluice",
		Usage: "let data leave a PostgreSQL database only to where it is as well protected",
		Description: "Exit codes: 0 done, 1 something failed, 2 wrong usage, 4 the trail does not verify,\n" +
			"5 the configuration or the policy is not valid.",
		Suggest: true,
		// main prints errors and exits, so that deferred work is done.
		ExitErrHandler: func(*cli.Context, error) {},
		Commands: []*cli.Command{
			serveCommand(), demoCommand(), userCommand(), auditCommand(), whyCommand(), workerCommand(),
		},
	}
}
