package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/catalog"
	"github.com/sluice-pg/sluice/policy/follow"
	"github.com/sluice-pg/sluice/policy/statement"
	"github.com/sluice-pg/sluice/proxy"
	"github.com/sluice-pg/sluice/proxy/survey"
)

func functionsCommand() *cli.Command {
	return &cli.Command{
		Name: "functions", Usage: "look at the code that a database keeps",
		Subcommands: []*cli.Command{functionsReviewCommand()},
		Action:      chooseCommand,
	}
}

func functionsReviewCommand() *cli.Command {
	return &cli.Command{
		Name: "review", Usage: "say which functions Sluice can see through, and what they reach", ArgsUsage: "DATABASE",
		Description: "DATABASE is its name in the configuration. Its catalog is read with a credential such as a session\n" +
			"gets that comes to read; nothing is written there, and no function is called. Run it as the proxy's\n" +
			"user, beside a running proxy or without one.\n\n" +
			"Code in SQL and PL/pgSQL is followed through everything that it runs. What can be seen to its end is\n" +
			"understood, and calls of it are judged by what it does; the rest is opaque unless functions.known of\n" +
			"the policy has its body. Listed are the opaque functions that may be called or that triggers run;\n" +
			"--all lists the others too. --write FILE writes entries of functions.known for a person who has read\n" +
			"the bodies to complete; FILE may be - for standard output.\n\n" +
			"Exit codes: 0 done, 3 an opaque function may be run (with --check), 1 the database cannot be read,\n" +
			"2 wrong usage, 5 the configuration or the policy is not valid.",
		Flags: append(
			configFlags(),
			&cli.PathFlag{Name: "policy", Aliases: []string{"p"}, Usage: "policy `FILE`; default: that of the configuration"},
			&cli.PathFlag{Name: "write", Aliases: []string{"w"}, Usage: "write entries of functions.known to `FILE`, or to standard output with -"},
			&cli.BoolFlag{Name: "check", Usage: "fail if an opaque function may be run"},
			&cli.BoolFlag{Name: "all", Aliases: []string{"a"}, Usage: "list the functions that are known or understood too"},
			&cli.StringFlag{Name: "format", Aliases: []string{"o"}, Value: "text", Usage: "text or json"},
		),
		Action: runFunctionsReview,
	}
}

func runFunctionsReview(c *cli.Context) error {
	format := c.String("format")
	switch {
	case c.NArg() != 1:
		return cli.Exit("functions review takes one DATABASE, by its name in the configuration", exitUsage)
	case format != "text" && format != "json":
		return cli.Exit(fmt.Sprintf("format %q is not text or json", format), exitUsage)
	case c.Path("write") == "-" && format == "json":
		return cli.Exit("--write - and --format json both want standard output: name a file", exitUsage)
	}
	config, err := servedConfig(c)
	if err != nil {
		return err
	}
	d, err := configuredDatabase(config, c.Args().First())
	if err != nil {
		return err
	}
	path := config.Policy
	if c.IsSet("policy") {
		path = c.Path("policy")
	}
	p, _, err := loadPolicy(path)
	if err != nil {
		return cli.Exit(err, exitConfig)
	}
	review, err := reviewed(c, config, d, p)
	if err != nil {
		return err
	}
	if err := showReview(c, review); err != nil {
		return err
	}
	if open := len(review.Open()); open > 0 && c.Bool("check") {
		return cli.Exit("functions: "+counted(open, "function")+" that may be run cannot be seen through: read the bodies, and give the policy an entry under functions.known for each. --write FILE proposes entries", exitRefused)
	}
	return nil
}

// reviewed looks at the database and gives its credential back.
func reviewed(c *cli.Context, config *proxy.Config, d proxy.Database, p *policy.Policy) (review *follow.Review, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program: %w", err)
	}
	login, err := survey.Open(c.Context, config, d, p)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closed(c.Context, login)) }()
	snapshot, callable, err := login.Functions(c.Context)
	if err != nil {
		return nil, err
	}
	analyzer := statement.NewAnalyzer(statement.Options{MaxBytes: config.Limits.StatementBytes, MaxOperators: config.Limits.Operators, Worker: []string{self, workerName}})
	defer func() { err = errors.Join(err, analyzer.Close()) }()
	return follow.Take(c.Context, p, d.Name, snapshot, analyzer, func(oid catalog.OID) bool { return callable[oid] })
}

// showReview writes the review and, where it is asked for, the entries.
func showReview(c *cli.Context, review *follow.Review) (err error) {
	switch path := c.Path("write"); path {
	case "":
	case "-":
		return review.Fragment(os.Stdout)
	default:
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) // one that is there may be a policy
		if err != nil {
			return err
		}
		if err := errors.Join(review.Fragment(f), f.Close()); err != nil {
			return err
		}
		fmt.Fprintf(talk(c), "sluice: %s is written; complete it before it becomes policy\n", path)
	}
	if c.String("format") == "json" {
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(review)
	}
	return review.Text(os.Stdout, follow.TextOptions{All: c.Bool("all"), Paint: paintState})
}

func paintState(s follow.State) string {
	if s == follow.Opaque {
		return paint(os.Stdout, yellow, string(s))
	}
	return string(s)
}
