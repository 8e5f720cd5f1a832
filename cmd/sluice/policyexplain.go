package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/cases"
	"github.com/sluice-pg/sluice/policy/statement"
)

// maxStatement is how much is read of a statement from standard input, a
// little more than the analysis takes.
const maxStatement = 4<<20 + 1

func policyExplainCommand() *cli.Command {
	return &cli.Command{
		Name: "explain", Usage: "show the whole way of one decision", ArgsUsage: "SQL...|-",
		Description: "Shows what the text does and where, each rule that was weighed and why it matches or not, and the\n" +
			"answer as the client would read it. Several texts are a session, of which the last is explained: names\n" +
			"that an earlier one made mean something there. Nothing is run and no place is measured: give what is\n" +
			"known about a place as --fact place.NAME=\"FINDING; FINDING\", or place.NAME= for one without a finding.",
		Flags: []cli.Flag{
			policyFlag(),
			&cli.StringFlag{Name: "as", Usage: "the `USER` who asks"},
			&cli.StringFlag{Name: "database", Usage: "`NAME` in the proxy's configuration; default: postgres"},
			&cli.StringFlag{Name: "address", Usage: "the client's `IP` address; default: 127.0.0.1"},
			&cli.StringFlag{Name: "method", Usage: "how the user was proven: scram-sha-256, scram-sha-256-plus, cert, jwt or oauthbearer"},
			&cli.StringFlag{Name: "groups", Usage: "`NAMES` of the groups that the user's token lists, with commas"},
			&cli.StringFlag{Name: "tls", Usage: "yes or no; default: yes"},
			&cli.StringFlag{Name: "time", Usage: "when it is asked, as 2026-11-27T09:00:00Z; default: now"},
			&cli.StringSliceFlag{Name: "declared", Usage: "`NAME=VALUE` of a sluice.* setting that the client gave"},
			&cli.StringSliceFlag{Name: "fact", Usage: "`KEY=VALUE` as in verdict files, such as place.sandbox="},
		},
		Action: func(c *cli.Context) error {
			if c.NArg() == 0 || c.String("as") == "" {
				return cli.Exit("policy explain takes --policy FILE, --as USER and then SQL, or - for standard input", exitUsage)
			}
			q, err := question(c)
			if err != nil {
				return cli.Exit(err, exitUsage)
			}
			return withPolicy(c, func(p *policy.Policy, a *statement.Analyzer) error {
				if err := cases.Check(p, q); err != nil {
					return cli.Exit(err, exitConfig)
				}
				var err error
				if q.Texts, err = sqlTexts(c.Args().Slice(), os.Stdin); err != nil {
					return err
				}
				_, err = cases.Explain(c.Context, os.Stdout, p, a, q)
				return err
			})
		},
	}
}

// question gathers the facts of the flags.
func question(c *cli.Context) (cases.Question, error) {
	q := cases.NewQuestion()
	q.Identity.User = c.String("as")
	q.Time = time.Now().UTC().Format(time.RFC3339)
	var faults []error
	for _, name := range []string{"database", "address", "method", "groups", "tls", "time"} {
		if c.IsSet(name) {
			if err := q.Set(name, c.String(name)); err != nil {
				faults = append(faults, fmt.Errorf("--%s: %w", name, err))
			}
		}
	}
	for flag, prefix := range map[string]string{"declared": "declared.", "fact": ""} {
		for _, pair := range c.StringSlice(flag) {
			key, value, found := strings.Cut(pair, "=")
			if !found {
				faults = append(faults, fmt.Errorf("--%s %s has no =", flag, pair))
				continue
			}
			if err := q.Set(prefix+key, value); err != nil {
				faults = append(faults, fmt.Errorf("--%s: %w", flag, err))
			}
		}
	}
	return q, errors.Join(faults...)
}

// sqlTexts are the arguments, or for - alone what comes in.
func sqlTexts(arguments []string, in io.Reader) ([]string, error) {
	if len(arguments) != 1 || arguments[0] != "-" {
		return arguments, nil
	}
	data, err := io.ReadAll(io.LimitReader(in, maxStatement))
	if err != nil {
		return nil, fmt.Errorf("reading the statement: %w", err)
	}
	return []string{string(data)}, nil
}
