package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/sluice-pg/sluice/policy/catalog"
	"github.com/sluice-pg/sluice/policy/follow"
	"github.com/sluice-pg/sluice/policy/statement"
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
	if err := lookUsage(c, "functions review"); err != nil {
		return err
	}
	s, err := lookedAt(c)
	if err != nil {
		return err
	}
	review, err := s.reviewed(c.Context)
	if err != nil {
		return err
	}
	text := func() error {
		return review.Text(os.Stdout, follow.TextOptions{All: c.Bool("all"), Paint: paintState})
	}
	if err := show(c, review, "complete", text); err != nil {
		return err
	}
	if open := len(review.Open()); open > 0 && c.Bool("check") {
		return cli.Exit("functions: "+counted(open, "function")+" that may be run cannot be seen through: read the bodies, and give the policy an entry under functions.known for each. --write FILE proposes entries", exitRefused)
	}
	return nil
}

// reviewed looks at the code that the database keeps.
func (s *subject) reviewed(ctx context.Context) (review *follow.Review, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program: %w", err)
	}
	err = s.withLogin(ctx, func(login *survey.Login) error {
		snapshot, callable, err := login.Functions(ctx)
		if err != nil {
			return err
		}
		limits := s.config.Limits
		analyzer := statement.NewAnalyzer(statement.Options{MaxBytes: limits.StatementBytes, MaxOperators: limits.Operators, Worker: []string{self, workerName}})
		snapshot.ReadWith(analyzer)
		review, err = follow.Take(ctx, s.policy, s.database.Name, snapshot, analyzer, func(oid catalog.OID) bool { return callable[oid] })
		return errors.Join(err, analyzer.Close())
	})
	return review, err
}

func paintState(s follow.State) string {
	if s == follow.Opaque {
		return paint(os.Stdout, yellow, string(s))
	}
	return string(s)
}
