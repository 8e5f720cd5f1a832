package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sluice-pg/sluice/policy/cases"
	roads "github.com/sluice-pg/sluice/policy/egress"
	"github.com/sluice-pg/sluice/policy/statement"
	"github.com/sluice-pg/sluice/proxy/egress"
)

func egressCommand() *cli.Command {
	return &cli.Command{
		Name: "egress", Usage: "say by which roads data could leave a database, and what closes the others", ArgsUsage: "DATABASE",
		Description: "Looks at a database of the configuration, for one person: which of the roads that data is known to\n" +
			"leave by, or protections to be taken away by, are open, counted, masked, closed by the policy or closed\n" +
			"by the database's own privileges. A column stands for each class of the policy. Nothing is tried:\n" +
			"privileges are asked for in the catalog, with the login of the issuer of credentials, and statements are\n" +
			"judged and not sent. Places are not measured, so that nothing goes to another server.\n\n" +
			"Exit codes: 0 no road is open, 3 at least one is, 1 the database cannot be looked at, 2 wrong usage,\n" +
			"5 the configuration or the policy is not valid.",
		Flags: append(
			configFlags(),
			&cli.StringFlag{Name: "as", Usage: "the `USER` to ask for"},
			&cli.StringFlag{Name: "method", Value: "scram-sha-256", Usage: "how the user is proven: scram-sha-256, scram-sha-256-plus, cert, jwt or oauthbearer"},
			&cli.StringFlag{Name: "groups", Usage: "`NAMES` of the groups that the user's token lists, with commas"},
			&cli.StringFlag{Name: "address", Value: "127.0.0.1", Usage: "the client's `IP` address"},
			&cli.StringFlag{Name: "purpose", Usage: "what the client would declare as sluice.purpose"},
			&cli.BoolFlag{Name: "all", Aliases: []string{"a"}, Usage: "list the closed roads too"},
			&cli.StringFlag{Name: "format", Aliases: []string{"o"}, Value: "text", Usage: "text or json"},
		),
		Action: runEgress,
	}
}

func runEgress(c *cli.Context) error {
	q, err := egressQuestion(c)
	if err != nil {
		return cli.Exit(err, exitUsage)
	}
	s, err := lookedAt(c)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this program: %w", err)
	}
	analyzer := statement.NewAnalyzer(statement.Options{Worker: []string{self, workerName}})
	report, err := egress.Examine(c.Context, s.config, s.database, s.policy, analyzer, q)
	if err = errors.Join(err, analyzer.Close()); err != nil {
		return err
	}
	if c.String("format") == "json" {
		err = printJSON(report)
	} else {
		err = report.Text(os.Stdout, egress.TextOptions{Color: colored(os.Stdout), All: c.Bool("all")})
	}
	if err != nil {
		return err
	}
	if n := report.Count(roads.Open); n > 0 {
		return cli.Exit(fmt.Sprintf("egress: %s open", counted(n, "road")), exitRefused)
	}
	return nil
}

// egressQuestion is who asks, from the flags.
func egressQuestion(c *cli.Context) (cases.Question, error) {
	q := cases.NewQuestion()
	switch format := c.String("format"); {
	case c.NArg() != 1 || c.String("as") == "":
		return q, errors.New("egress takes --as USER and one DATABASE of the configuration")
	case format != "text" && format != "json":
		return q, fmt.Errorf("format %q is not text or json", format)
	}
	q.Session.Database, q.Identity.User = c.Args().First(), c.String("as")
	q.Time = time.Now().UTC().Format(time.RFC3339)
	for _, flag := range []string{"address", "method"} {
		if err := q.Set(flag, c.String(flag)); err != nil {
			return q, fmt.Errorf("--%s: %w", flag, err)
		}
	}
	for flag, key := range map[string]string{"groups": "groups", "purpose": "declared.purpose"} {
		if value := c.String(flag); value != "" {
			if err := q.Set(key, value); err != nil {
				return q, fmt.Errorf("--%s: %w", flag, err)
			}
		}
	}
	return q, nil
}
