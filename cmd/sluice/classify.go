package main

import (
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sluice-pg/sluice/policy/inventory"
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
	s, err := lookedAt(c)
	if err != nil {
		return err
	}
	var columns []inventory.Column
	err = s.withLogin(c.Context, func(login *survey.Login) (err error) {
		rows := c.Int("rows")
		if rows == 0 {
			rows = -1
		}
		columns, err = login.Columns(c.Context, survey.Options{Rows: rows, Time: c.Duration("time")})
		return err
	})
	if err != nil {
		return err
	}
	r := inventory.Take(s.policy, s.database.Name, columns)
	text := func() error {
		return r.Text(os.Stdout, inventory.TextOptions{Color: colored(os.Stdout), All: c.Bool("all")})
	}
	if err := show(c, r, "read", text); err != nil {
		return err
	}
	return classified(c, r)
}

func classifyUsage(c *cli.Context) error {
	switch {
	case c.Int("rows") < 0:
		return cli.Exit("--rows: fewer than none", exitUsage)
	case c.Duration("time") <= 0:
		return cli.Exit("--time: the samples need some", exitUsage)
	case c.Bool("strict") && !c.Bool("check"):
		return cli.Exit("--strict means nothing without --check", exitUsage)
	}
	return lookUsage(c, "classify")
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
