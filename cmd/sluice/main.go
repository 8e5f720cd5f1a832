// Command sluice is the proxy and everything a person does around it: adding
// users, reading and verifying the trail, the demo.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"
)

// Exit codes; exitCodes tells what they mean.
const (
	exitRuntime = 1
	exitUsage   = 2
	exitRefused = 3
	exitConfig  = 5
)

// exitCodes are the exit codes with their meanings, for the help and the
// manual page. The code is the place in the list.
var exitCodes = []string{
	"done",
	"something failed; something could not be looked at",
	"wrong usage",
	"a statement would be refused, an answer is not the wanted one, a column has no class, an opaque function may be run, a road is open, a copy is refused, a place stays below its floor, or the doctor found a problem",
	"the trail does not verify",
	"the configuration, the policy or a verdict file is not valid",
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := newApp().RunContext(ctx, os.Args); err != nil {
		fmt.Fprintln(os.Stderr, paint(os.Stderr, red, "sluice:"), strings.TrimPrefix(err.Error(), "sluice: "))
		var coded cli.ExitCoder
		if errors.As(err, &coded) {
			os.Exit(coded.ExitCode())
		}
		os.Exit(exitRuntime)
	}
}

func newApp() *cli.App {
	app := &cli.App{
		Name:        "sluice",
		Usage:       "let data leave a PostgreSQL database only to where it is as well protected",
		Description: exitHelp(),
		Suggest:     true,
		// Values of flags that may be given several times have commas of their own.
		DisableSliceFlagSeparator: true,
		// main prints errors and exits, so that deferred work is done.
		ExitErrHandler: func(*cli.Context, error) {},
		Commands: []*cli.Command{
			serveCommand(), healthcheckCommand(), demoCommand(), userCommand(), loginCommand(), psqlCommand(), auditCommand(), whyCommand(), copyCommand(), copiesCommand(), destinationCommand(), watchCommand(), checkCommand(),
			doctorCommand(), classifyCommand(), functionsCommand(), egressCommand(), policyCommand(), configCommand(), completionCommand(), manCommand(), completeCommand(), workerCommand(),
		},
		Action:       chooseCommand,
		OnUsageError: usageError,
	}
	strictUsage(app.Commands)
	return app
}

// exitHelp lists the exit codes.
func exitHelp() string {
	lines := []string{"Exit codes:"}
	for code, meaning := range exitCodes {
		lines = append(lines, fmt.Sprintf("%d  %s", code, meaning))
	}
	return strings.Join(lines, "\n")
}

// strictUsage makes every wrong command line end with exitUsage, and gives
// every command the common flags.
func strictUsage(commands []*cli.Command) {
	for _, c := range commands {
		c.OnUsageError = usageError
		switch {
		case c.Hidden:
		case len(c.Subcommands) > 0 && len(c.Flags) == 0: // without flags it only leads to others
			c.Action = chooseCommand
			strictUsage(c.Subcommands)
		default:
			strictUsage(c.Subcommands)
			c.Flags = append(c.Flags, commonFlags()...)
			if c.Before == nil {
				c.Before = before
			}
		}
	}
}

func before(c *cli.Context) error {
	if err := flagsFirst(c); err != nil {
		return err
	}
	return takeCommonFlags(c)
}

// flagsFirst refuses a flag behind the arguments, where it would be taken for
// one of them.
func flagsFirst(c *cli.Context) error {
	for _, argument := range c.Args().Slice() {
		name, _, _ := strings.Cut(argument, "=")
		for _, flag := range c.Command.Flags {
			for _, known := range flag.Names() {
				if name == "--"+known || name == "-"+known {
					return cli.Exit(fmt.Sprintf("flags stand before arguments: put %s before %s", name, c.Args().First()), exitUsage)
				}
			}
		}
	}
	return nil
}

// chooseCommand runs where no command was given, or none that exists.
func chooseCommand(c *cli.Context) error {
	if name := c.Args().First(); name != "" {
		return cli.Exit(fmt.Sprintf("there is no command %q; %s --help lists them", name, c.Command.HelpName), exitUsage)
	}
	return cli.ShowSubcommandHelp(c)
}

func usageError(_ *cli.Context, err error, _ bool) error { return cli.Exit(err, exitUsage) }
