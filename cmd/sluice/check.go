package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/cases"
	"github.com/sluice-pg/sluice/policy/check"
	"github.com/sluice-pg/sluice/policy/script"
	"github.com/sluice-pg/sluice/policy/statement"
)

func checkCommand() *cli.Command {
	return &cli.Command{
		Name: "check", Usage: "say what a policy would do with the statements of SQL files", ArgsUsage: "FILE...|-",
		Description: "Files are read as psql 15 reads them, with \\copy, \\i, inline COPY data and the markers of goose\n" +
			"and dbmate; with --wire each file is one message, as a driver sends it. Each file is a session of\n" +
			"its own. Nothing is run, no server is asked and no place is measured.\n\n" +
			"Without --policy the empty policy judges. Unless told otherwise the session is that of user\n" +
			"\"check\", proven by scram-sha-256, in database \"check\", over TLS from 127.0.0.1.\n\n" +
			"A comment right before a statement, -- sluice-ignore RULE: reason, has a refusal by that rule\n" +
			"reported as ignored. The proxy reads no such comment: there the statement stays refused.\n\n" +
			"Exit codes: 0 nothing is refused, 3 something is, 1 a file cannot be read, 2 wrong usage,\n" +
			"5 the policy is not valid.",
		Flags: []cli.Flag{
			&cli.PathFlag{Name: "policy", EnvVars: []string{"SLUICE_POLICY"}, Usage: "policy `FILE`; default: the empty policy"},
			&cli.StringFlag{Name: "as", Value: "check", Usage: "the user `ID` to judge for"},
			&cli.StringFlag{Name: "method", Value: "scram-sha-256", Usage: "how the user is proven: scram-sha-256, scram-sha-256-plus, cert, jwt or oauthbearer"},
			&cli.StringFlag{Name: "groups", Usage: "`NAMES` of the groups that the user's token lists, with commas"},
			&cli.StringFlag{Name: "database", Value: "check", Usage: "the `NAME` of the database in the proxy's configuration"},
			&cli.StringFlag{Name: "address", Value: "127.0.0.1", Usage: "the client's `IP` address"},
			&cli.StringFlag{Name: "reason", Usage: "what the client would declare as sluice.reason"},
			&cli.TimestampFlag{Name: "time", Layout: time.RFC3339, Usage: "when the statements would run, as in 2026-03-01T09:00:00Z; default: now"},
			&cli.BoolFlag{Name: "wire", Usage: "take each file for one message"},
			&cli.BoolFlag{Name: "all", Aliases: []string{"a"}, Usage: "list the allowed statements too"},
			&cli.StringFlag{Name: "format", Aliases: []string{"o"}, Value: "text", Usage: "text or ndjson"},
		},
		Action: runCheck,
	}
}

func runCheck(c *cli.Context) error {
	if c.NArg() == 0 {
		return cli.Exit("check takes one FILE or more, or - for standard input", exitUsage)
	}
	q := cases.NewQuestion()
	for _, flag := range []string{"address", "method"} {
		if err := q.Set(flag, c.String(flag)); err != nil {
			return cli.Exit(fmt.Errorf("--%s: %w", flag, err), exitUsage)
		}
	}
	if groups := c.String("groups"); groups != "" {
		if err := q.Set("groups", groups); err != nil {
			return cli.Exit(fmt.Errorf("--groups: %w", err), exitUsage)
		}
	}
	count, summary, err := checkSink(c)
	if err != nil {
		return err
	}
	p, _, err := loadPolicy(c.Path("policy"))
	if err != nil {
		return cli.Exit(err, exitConfig)
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this program: %w", err)
	}
	options := checkOptions(c, p, q.Identity.Groups)
	options.Analyzer = statement.NewAnalyzer(statement.Options{Worker: []string{self, workerName}})
	err = checkFiles(c.Context, c.Args().Slice(), options, count)
	if err := errors.Join(err, options.Analyzer.Close(), summary()); err != nil {
		return err
	}
	if count.Refused > 0 {
		return cli.Exit(fmt.Sprintf("%d of %d statements would be refused", count.Refused, count.Total()), exitRefused)
	}
	return nil
}

// checkSink chooses the form of the report and what comes after it.
func checkSink(c *cli.Context) (*check.Count, func() error, error) {
	switch format := c.String("format"); format {
	case "ndjson":
		return &check.Count{Sink: check.NewNDJSON(os.Stdout, os.Stderr)}, func() error { return nil }, nil
	case "text":
		text := check.NewText(os.Stdout)
		text.Color, text.All = colored(os.Stdout), c.Bool("all")
		count := &check.Count{Sink: text}
		return count, func() error { return text.Summary(count) }, nil
	default:
		return nil, nil, cli.Exit(fmt.Sprintf("format %q is not text or ndjson", format), exitUsage)
	}
}

func checkOptions(c *cli.Context, p *policy.Policy, groups []string) check.Options {
	at := time.Now()
	if given := c.Timestamp("time"); given != nil {
		at = *given
	}
	o := check.Options{
		Time:     at.UTC().Format(time.RFC3339),
		Policy:   p,
		Identity: policy.Identity{User: c.String("as"), Method: c.String("method"), Groups: groups},
		Session:  policy.Session{Database: c.String("database"), Address: c.String("address"), TLS: true},
		Script: script.Options{
			Wire: c.Bool("wire"),
			Open: func(name string) (io.ReadCloser, error) { return os.Open(filepath.FromSlash(name)) },
		},
	}
	if reason := c.String("reason"); reason != "" {
		o.Session.Declared = map[string]string{"reason": reason}
	}
	return o
}

func checkFiles(ctx context.Context, names []string, o check.Options, sink check.Sink) error {
	for _, name := range names {
		if err := checkFile(ctx, name, o, sink); err != nil {
			return err
		}
	}
	return nil
}

func checkFile(ctx context.Context, name string, o check.Options, sink check.Sink) error {
	if name == "-" {
		return check.New(o, sink).File(ctx, "stdin", os.Stdin)
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return check.New(o, sink).File(ctx, name, f)
}
