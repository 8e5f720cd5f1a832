package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/proxy"
	"github.com/sluice-pg/sluice/proxy/survey"
)

// subject is what a command looks at: a database of the configuration, under a
// policy.
type subject struct {
	config   *proxy.Config
	database proxy.Database
	policy   *policy.Policy
}

// lookUsage checks the arguments that the commands share which look at a database
// and propose a fragment of a policy.
func lookUsage(c *cli.Context, command string) error {
	format := c.String("format")
	switch {
	case c.NArg() != 1:
		return cli.Exit(command+" takes one DATABASE, by its name in the configuration", exitUsage)
	case format != "text" && format != "json":
		return cli.Exit(fmt.Sprintf("format %q is not text or json", format), exitUsage)
	case c.Path("write") == "-" && format == "json":
		return cli.Exit("--write - and --format json both want standard output: name a file", exitUsage)
	}
	return nil
}

// lookedAt finds what the arguments name: the policy is that of the configuration
// unless the command has a flag for another.
func lookedAt(c *cli.Context) (s subject, err error) {
	if s.config, err = servedConfig(c); err != nil {
		return s, err
	}
	if s.database, err = configuredDatabase(s.config, c.Args().First()); err != nil {
		return s, err
	}
	path := s.config.Policy
	if c.IsSet("policy") {
		path = c.Path("policy")
	}
	if s.policy, _, err = loadPolicy(path); err != nil {
		return s, cli.Exit(err, exitConfig)
	}
	return s, nil
}

// configuredDatabase is a database of the configuration.
func configuredDatabase(config *proxy.Config, name string) (proxy.Database, error) {
	var names []string
	for _, d := range config.Databases {
		if d.Name == name {
			return d, nil
		}
		names = append(names, d.Name)
	}
	return proxy.Database{}, cli.Exit(fmt.Sprintf("the configuration has no database %q; it has %s", name, strings.Join(names, ", ")), exitUsage)
}

// withLogin does something with a credential for the database, and gives it back.
func (s *subject) withLogin(ctx context.Context, do func(*survey.Login) error) error {
	login, err := survey.Open(ctx, s.config, s.database, s.policy)
	if err != nil {
		return err
	}
	err = do(login)
	if e := login.Close(ctx); e != nil {
		err = errors.Join(err, fmt.Errorf("the credential that was used is not given back: %w", e))
	}
	return err
}

// found is what a command has found.
type found interface {
	// Fragment writes what a policy would need.
	Fragment(io.Writer) error
}

// show writes what was found, in the format that the flags ask for, and, where it
// is asked for, the fragment. todo says what a person has to do with that.
func show(c *cli.Context, f found, todo string, text func() error) error {
	switch path := c.Path("write"); path {
	case "":
	case "-":
		return f.Fragment(os.Stdout) // and the report would be in its way
	default:
		if err := writeFragment(path, f); err != nil {
			return err
		}
		fmt.Fprintf(talk(c), "sluice: %s is written; %s it before it becomes policy\n", path, todo)
	}
	if c.String("format") == "json" {
		return printJSON(f)
	}
	return text()
}

// writeFragment writes a new file: one that is there may be a policy.
func writeFragment(path string, f found) (err error) {
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	return f.Fragment(out)
}
