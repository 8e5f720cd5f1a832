package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/sluice-pg/sluice/policy/strictyaml"
	"github.com/sluice-pg/sluice/proxy"
	"github.com/sluice-pg/sluice/proxy/layers"
)

func configCommand() *cli.Command {
	return &cli.Command{
		Name: "config", Usage: "check and show the configuration, and where each value came from",
		Subcommands: []*cli.Command{configCheckCommand(), configShowCommand(), configSchemaCommand()},
	}
}

// configFlags are those of commands that read the configuration.
func configFlags() []cli.Flag {
	return []cli.Flag{
		&cli.PathFlag{Name: "config", Aliases: []string{"c"}, EnvVars: []string{"SLUICE_CONFIG"}, Usage: "configuration `FILE`; default: " + layers.SystemFile + ", then sluice/sluice.yaml in the user's folder for configurations"},
		&cli.StringSliceFlag{Name: "set", Usage: "`KEY=VALUE` in the place of what file and environment say, as limits.connections=100; may be repeated"},
		&cli.StringSliceFlag{Name: "listen", Usage: "`HOST:PORT` in the place of listen[0].address; the next one is for listen[1]"},
		&cli.StringFlag{Name: "log-level", Usage: "debug, info, warn or error, in the place of log.level"},
	}
}

// loadConfig puts the configuration together from what configFlags, the
// environment and the file say. It may return one beside an error; see
// layers.Load.
func loadConfig(c *cli.Context, file string) (*layers.Loaded, error) {
	s := layers.Sources{File: file, Environ: os.Environ()}
	for i, address := range c.StringSlice("listen") {
		s.Flags = append(s.Flags, layers.FlagValue{Flag: "--listen", Setting: fmt.Sprintf("listen[%d].address", i), Value: address})
	}
	if level := c.String("log-level"); level != "" {
		s.Flags = append(s.Flags, layers.FlagValue{Flag: "--log-level", Setting: "log.level", Value: level})
	}
	for _, text := range c.StringSlice("set") {
		f, err := layers.SetFlag(text)
		if err != nil {
			return nil, cli.Exit(fmt.Errorf("--set: %w", err), exitUsage)
		}
		s.Flags = append(s.Flags, f)
	}
	l, err := layers.Load(s)
	if err != nil {
		return l, cli.Exit(err, exitConfig)
	}
	return l, nil
}

func configCheckCommand() *cli.Command {
	return &cli.Command{
		Name: "check", Usage: "read the configuration and show every mistake in its place", ArgsUsage: "FILE",
		Description: "Without FILE the one is read that serve would read. Environment and flags count as they do there.\n" +
			"Mistakes and warnings go to standard error. The files that a configuration names are not opened:\n" +
			"they may be on another machine. For policies there is policy check.",
		Flags: append(configFlags(),
			&cli.BoolFlag{Name: "strict", Usage: "take warnings for mistakes"},
			&cli.StringFlag{Name: "format", Aliases: []string{"o"}, Value: "text", Usage: "text or json"}),
		Action: configCheck,
	}
}

func configCheck(c *cli.Context) error {
	file, format := c.Path("config"), c.String("format")
	switch {
	case c.NArg() > 1, c.NArg() == 1 && c.IsSet("config") && os.Getenv("SLUICE_CONFIG") == "":
		return cli.Exit("config check takes one FILE, or --config", exitUsage)
	case format != "text" && format != "json":
		return cli.Exit(fmt.Sprintf("format %q is not text or json", format), exitUsage)
	case c.NArg() == 1:
		file = c.Args().First()
	}
	l, err := loadConfig(c, file)
	var coded cli.ExitCoder
	if errors.As(err, &coded) && coded.ExitCode() == exitUsage {
		return err
	}
	var warnings []string
	if err == nil {
		warnings = l.Warnings()
		if c.Bool("strict") && len(warnings) > 0 {
			err = cli.Exit(strings.Join(warnings, "\n"), exitConfig)
		}
	}
	if format == "json" {
		return printChecked(file, l, err, warnings)
	}
	if err != nil {
		return err
	}
	warn(c, warnings)
	name := l.File
	if name == "" {
		name = "environment and flags"
	}
	fmt.Printf("%s: %s, %s, %s\n", name, paint(os.Stdout, green, "in order"), counted(len(l.Config.Databases), "database"), countedAs(len(l.Config.Listen), "address", "addresses"))
	return nil
}

// mistake is one thing that is wrong, for programs.
type mistake struct {
	// File, Line and Column are the place in a document, if it has one.
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Message string `json:"message"`
}

// printChecked writes the result of a check as JSON.
func printChecked(file string, l *layers.Loaded, err error, warnings []string) error {
	if l != nil {
		file = l.File
	}
	result := struct {
		SchemaVersion int       `json:"schema_version"`
		File          string    `json:"file,omitempty"`
		Valid         bool      `json:"valid"`
		Mistakes      []mistake `json:"mistakes"`
		Warnings      []string  `json:"warnings"`
	}{schemaVersion, file, err == nil, append([]mistake{}, mistakes(err)...), append([]string{}, warnings...)}
	if err := printJSON(result); err != nil {
		return err
	}
	if err != nil {
		return cli.Exit("the configuration is not valid", exitConfig)
	}
	return nil
}

// mistakes takes an error apart into its leaves.
func mistakes(err error) []mistake {
	if err == nil {
		return nil
	}
	if located, ok := err.(*strictyaml.Error); ok { //nolint:errorlint // a leaf, not something that wraps one
		return []mistake{{located.Name, located.Line, located.Column, located.Message}}
	}
	var all []mistake
	switch wrapper := err.(type) { //nolint:errorlint // taken apart level by level
	case interface{ Unwrap() []error }:
		for _, one := range wrapper.Unwrap() {
			all = append(all, mistakes(one)...)
		}
		return all
	case interface{ Unwrap() error }:
		var located *strictyaml.Error
		var joined interface{ Unwrap() []error }
		if errors.As(err, &located) || errors.As(err, &joined) {
			return mistakes(wrapper.Unwrap())
		}
	}
	return []mistake{{Message: err.Error()}}
}

func configShowCommand() *cli.Command {
	return &cli.Command{
		Name: "show", Usage: "print the configuration in force",
		Description: "Environment and flags count as they do for serve, and defaults are filled in. With --origin every\n" +
			"value says where it came from: default, file:line:column, env NAME or flag NAME. Passwords are never\n" +
			"shown. What is not valid is shown all the same, and the exit code says so.",
		Flags: append(configFlags(),
			&cli.BoolFlag{Name: "origin", Usage: "say where each value came from"},
			&cli.StringFlag{Name: "format", Aliases: []string{"o"}, Value: "yaml", Usage: "yaml, json or table"}),
		Action: func(c *cli.Context) error {
			format := c.String("format")
			switch {
			case c.NArg() > 0:
				return cli.Exit("config show takes no arguments; name a file with --config", exitUsage)
			case format != "yaml" && format != "json" && format != "table":
				return cli.Exit(fmt.Sprintf("format %q is not yaml, json or table", format), exitUsage)
			}
			l, err := loadConfig(c, c.Path("config"))
			if l == nil {
				return err
			}
			switch format {
			case "json":
				return errors.Join(l.WriteJSON(os.Stdout), err)
			case "table":
				return errors.Join(l.WriteTable(os.Stdout, c.Bool("origin")), err)
			}
			return errors.Join(l.WriteYAML(os.Stdout, c.Bool("origin")), err)
		},
	}
}

func configSchemaCommand() *cli.Command {
	return &cli.Command{
		Name: "schema", Usage: "print the JSON Schema of the configuration file, for editors",
		Description: "Begin a configuration with\n\n    # yaml-language-server: $schema=sluice.schema.json\n\n" +
			"and editors complete keys, explain them and show mistakes. config check finds more than a schema can say.",
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return cli.Exit("config schema takes no arguments", exitUsage)
			}
			_, err := os.Stdout.Write(layers.Schema())
			return err
		},
	}
}

// countedAs is counted for words with a plural of their own.
func countedAs(n int, one, many string) string {
	if n != 1 {
		one = many
	}
	return fmt.Sprintf("%d %s", n, one)
}

// servedConfig is the configuration that serve runs with.
func servedConfig(c *cli.Context) (*proxy.Config, error) {
	l, err := loadConfig(c, c.Path("config"))
	if err != nil {
		return nil, err
	}
	return l.Config, nil
}
