package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/inventory"
	"github.com/sluice-pg/sluice/proxy"
	"github.com/sluice-pg/sluice/proxy/survey"
)

func classifyCommand() *cli.Command {
	return &cli.Command{
		Name: "classify", Usage: "say which class the columns of a database have, and which they are likely of", ArgsUsage: "DATABASE",
		Description: "DATABASE is its name in the configuration. It is read with a credential such as a session gets that\n" +
			"comes to read: the catalog, and a sample of each relation's values, which are counted and forgotten.\n" +
			"Nothing is written there. Run it as the proxy's user, beside a running proxy or without one.\n\n" +
			"A column has been looked at if an entry of the policy, its comment (class:NAME) or a security label\n" +
			"gives it a class, or says none. Listed are the columns that nobody has looked at, and those with\n" +
			"something that speaks against their class; --all lists the others too. --write FILE writes what a\n" +
			"policy would need, for a person to read and accept; FILE may be - for standard output.\n\n" +
			"With --check, for CI, it fails if a column has not been looked at; with --strict also if something\n" +
			"speaks against the class of one.\n\n" +
			"Exit codes: 0 done, 3 a column has no class (with --check), 1 the database cannot be read, 2 wrong\n" +
			"usage, 5 the configuration or the policy is not valid.",
		Flags: append(
			configFlags(),
			&cli.PathFlag{Name: "policy", Aliases: []string{"p"}, Usage: "policy `FILE`; default: that of the configuration"},
			&cli.PathFlag{Name: "write", Aliases: []string{"w"}, Usage: "write a fragment of a policy to `FILE`, or to standard output with -"},
			&cli.BoolFlag{Name: "check", Usage: "fail if a column has not been looked at"},
			&cli.BoolFlag{Name: "strict", Usage: "with --check, fail also if something speaks against the class of a column"},
			&cli.IntFlag{Name: "rows", Value: 2000, Usage: "how many rows of a relation are sampled at most; 0: none, names and types only"},
			&cli.DurationFlag{Name: "time", Value: 2 * time.Minute, Usage: "how long the samples may take together"},
			&cli.BoolFlag{Name: "all", Aliases: []string{"a"}, Usage: "list the columns with which all is well too"},
			&cli.StringFlag{Name: "format", Aliases: []string{"o"}, Value: "text", Usage: "text or json"},
		),
		Action: runClassify,
	}
}

func runClassify(c *cli.Context) error {
	if err := classifyUsage(c); err != nil {
		return err
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
	columns, err := surveyed(c, config, d, p)
	if err != nil {
		return err
	}
	r := inventory.Take(p, d.Name, columns)
	if err := showInventory(c, r); err != nil {
		return err
	}
	return classified(c, r)
}

func classifyUsage(c *cli.Context) error {
	format := c.String("format")
	switch {
	case c.NArg() != 1:
		return cli.Exit("classify takes one DATABASE, by its name in the configuration", exitUsage)
	case format != "text" && format != "json":
		return cli.Exit(fmt.Sprintf("format %q is not text or json", format), exitUsage)
	case c.Int("rows") < 0:
		return cli.Exit("--rows: fewer than none", exitUsage)
	case c.Duration("time") <= 0:
		return cli.Exit("--time: the samples need some", exitUsage)
	case c.Bool("strict") && !c.Bool("check"):
		return cli.Exit("--strict means nothing without --check", exitUsage)
	case c.Path("write") == "-" && format == "json":
		return cli.Exit("--write - and --format json both want standard output: name a file", exitUsage)
	}
	return nil
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

// surveyed looks at the database and gives its credential back.
func surveyed(c *cli.Context, config *proxy.Config, d proxy.Database, p *policy.Policy) (columns []inventory.Column, err error) {
	login, err := survey.Open(c.Context, config, d, p)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closed(c.Context, login)) }()
	rows := c.Int("rows")
	if rows == 0 {
		rows = -1
	}
	return login.Columns(c.Context, survey.Options{Rows: rows, Time: c.Duration("time")})
}

func closed(ctx context.Context, login *survey.Login) error {
	if err := login.Close(ctx); err != nil {
		return fmt.Errorf("the credential that was used is not given back: %w", err)
	}
	return nil
}

// showInventory writes the report and, where it is asked for, the fragment.
func showInventory(c *cli.Context, r *inventory.Report) (err error) {
	switch path := c.Path("write"); path {
	case "":
	case "-":
		return r.Fragment(os.Stdout) // and the report would be in its way
	default:
		if err := writeFragment(path, r); err != nil {
			return err
		}
		fmt.Fprintf(talk(c), "sluice: %s is written; read it before it becomes policy\n", path)
	}
	if c.String("format") == "json" {
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(r)
	}
	return r.Text(os.Stdout, inventory.TextOptions{Color: colored(os.Stdout), All: c.Bool("all")})
}

// writeFragment writes a new file: one that is there may be a policy.
func writeFragment(path string, r *inventory.Report) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return r.Fragment(f)
}

// classified turns a report into the program's exit code.
func classified(c *cli.Context, r *inventory.Report) error {
	if !c.Bool("check") {
		return nil
	}
	var problems []string
	if n := r.Count(inventory.Unclassified); n > 0 {
		problems = append(problems, counted(n, "column")+" without a class: give each one under columns in the policy, or class:NAME in its comment; none says that it holds nothing. --write FILE proposes entries")
	}
	if n := r.Disagreements(); n > 0 && c.Bool("strict") {
		problems = append(problems, "something speaks against the class of "+counted(n, "column")+": correct it")
	}
	if len(problems) > 0 {
		return cli.Exit("classify: "+strings.Join(problems, "; "), exitRefused)
	}
	return nil
}
