package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
	"github.com/sluice-pg/sluice/policy/strictyaml"
)

func policyCommand() *cli.Command {
	return &cli.Command{
		Name: "policy", Usage: "check, explain and test a policy before it decides anything",
		Subcommands: []*cli.Command{policyCheckCommand(), policySchemaCommand(), policyExplainCommand(), policyTestCommand()},
	}
}

func policyCheckCommand() *cli.Command {
	return &cli.Command{
		Name: "check", Usage: "read policies and show every mistake in its place", ArgsUsage: "FILE...",
		Description: "Mistakes and warnings, such as rules that do not act, go to standard error. A policy with a mistake\n" +
			"is refused by the proxy too; one with a warning is not. A FILE that is - is standard input.",
		Flags: []cli.Flag{&cli.BoolFlag{Name: "strict", Usage: "take warnings for mistakes"}},
		Action: func(c *cli.Context) error {
			if c.NArg() == 0 {
				return cli.Exit("policy check takes one or more FILEs", exitUsage)
			}
			var faults []error
			for _, path := range c.Args().Slice() {
				faults = append(faults, policyCheck(c, path))
			}
			if err := errors.Join(faults...); err != nil {
				return cli.Exit(err, exitConfig)
			}
			return nil
		},
	}
}

// policyCheck reads one policy and says what is in it.
func policyCheck(c *cli.Context, path string) error {
	var p *policy.Policy
	var err error
	if path == "-" {
		path = "stdin"
		p, err = parsePolicy(os.Stdin)
	} else {
		p, err = readPolicy(path)
	}
	if err != nil {
		return err
	}
	warnings := p.Warnings()
	if c.Bool("strict") && len(warnings) > 0 {
		return errors.New(strings.Join(warnings, "\n"))
	}
	warn(c, warnings)
	fmt.Printf("%s: %s, %s\n", path, paint(os.Stdout, green, "in order"), contents(p))
	return nil
}

func policySchemaCommand() *cli.Command {
	return &cli.Command{
		Name: "schema", Usage: "print the JSON Schema of the policy document, for editors",
		Description: "Begin a policy with\n\n    # yaml-language-server: $schema=policy.schema.json\n\n" +
			"and editors complete keys and show mistakes. policy check finds more than a schema can say.",
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return cli.Exit("policy schema takes no arguments", exitUsage)
			}
			_, err := os.Stdout.Write(policy.Schema())
			return err
		},
	}
}

// contents counts what a policy has.
func contents(p *policy.Policy) string {
	words := []string{counted(len(p.Rules()), "rule")}
	if n := len(p.Places()); n > 0 {
		words = append(words, counted(n, "destination"))
	}
	return strings.Join(words, ", ")
}

func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// policyFlag names the policy of a command that asks one.
func policyFlag() cli.Flag {
	return &cli.PathFlag{Name: "policy", Aliases: []string{"p"}, Usage: "policy `FILE`"}
}

// readPolicy reads a policy under the path that was typed, so that a place
// in it can be clicked.
func readPolicy(path string) (*policy.Policy, error) {
	source, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	return policy.Parse(path, source)
}

// parsePolicy reads a policy that comes in, and one byte more than it may
// have, so that a longer one is refused.
func parsePolicy(in io.Reader) (*policy.Policy, error) {
	source, err := io.ReadAll(io.LimitReader(in, strictyaml.MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	return policy.Parse("stdin", source)
}

// withPolicy runs a command with the policy of its flag and an analyzer
// like that of the live proxy.
func withPolicy(c *cli.Context, run func(*policy.Policy, *statement.Analyzer) error) (err error) {
	path := c.Path("policy")
	if path == "" {
		return cli.Exit("policy "+c.Command.Name+" needs --policy FILE", exitUsage)
	}
	p, err := readPolicy(path)
	if err != nil {
		return cli.Exit(err, exitConfig)
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this program: %w", err)
	}
	a := statement.NewAnalyzer(statement.Options{Worker: []string{self, workerName}})
	defer func() { err = errors.Join(err, a.Close()) }()
	return run(p, a)
}
