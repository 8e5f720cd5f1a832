package main

import (
	"os"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/sluice-pg/sluice/cmd/sluice/shell"
	"github.com/sluice-pg/sluice/proxy/layers"
)

func completionCommand() *cli.Command {
	return &cli.Command{
		Name: "completion", Usage: "print a completion script for a shell", ArgsUsage: strings.Join(shell.Shells, "|"),
		Description: "The first lines of the script say where to put it.",
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return cli.Exit("completion takes one of "+strings.Join(shell.Shells, ", "), exitUsage)
			}
			script, err := shell.Script(c.Args().First())
			if err != nil {
				return cli.Exit(err, exitUsage)
			}
			_, err = os.Stdout.Write(script)
			return err
		},
	}
}

// completeCommand answers the scripts.
func completeCommand() *cli.Command {
	return &cli.Command{
		Name: shell.CompleteCommand, Hidden: true, SkipFlagParsing: true,
		Usage: "say what could stand at a place of the command line; asked by completion scripts",
		Action: func(c *cli.Context) error {
			line := c.Args().Slice()
			if len(line) > 1 && line[0] == "--pointed" {
				line = line[1:]
				line[len(line)-1] = strings.TrimSuffix(line[len(line)-1], ".")
			}
			var settings []string
			for _, s := range layers.Settings() {
				settings = append(settings, s.Name)
			}
			return shell.Complete(os.Stdout, newApp(), line, settings)
		},
	}
}

func manCommand() *cli.Command {
	return &cli.Command{
		Name: "man", Usage: "print the manual page",
		Description: "To read it:\n\n    sluice man | man -l -\n\nTo keep it:\n\n    sluice man >/usr/local/share/man/man1/sluice.1",
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return cli.Exit("man takes no arguments", exitUsage)
			}
			return shell.Man(os.Stdout, newApp(), manPage())
		},
	}
}

func manPage() shell.Page {
	page := shell.Page{
		Common: commonFlags(),
		Configuration: []string{
			"A setting comes from the command line, else from the environment, else from the file, else it has its default. config show --origin tells which.",
			"A setting is named by the keys on the way to it; entries of lists count from 0: listen[0].address. Its variable has capital letters and underscores, SLUICE_LISTEN_0_ADDRESS. " +
				"The number behind the last entry makes a new one. Lists of texts are written with commas. An empty variable counts as not set. A variable that begins with SLUICE_ and means nothing is a mistake.",
			"A text that is no path can also come from a file that holds nothing else: SLUICE_NAME_FILE names it.",
			"Paths in the file are relative to it, those in the environment and on the command line to the working folder. Sizes are bytes; time spans are written 30s, 5m, 8h.",
			"The policy and the users are read again while sluice runs. A change of any setting takes effect at the next start.",
		},
		Environment: []shell.Entry{
			{Name: "SLUICE_CONFIG", About: "The configuration file, as --config."},
			{Name: "SLUICE_POLICY", About: "The setting policy, and the policy that check judges by."},
			{Name: "SLUICE_TRAIL", About: "The trail that why looks into, as --trail."},
			{Name: "SLUICE_...", About: "Settings; see CONFIGURATION. What Kubernetes sets for a service named sluice is left alone."},
			{Name: "NO_COLOR, CLICOLOR_FORCE, TERM", About: "Whether to write colors; --color is stronger."},
			{Name: "XDG_CONFIG_HOME", About: "The user's folder for configurations; without it, .config in the home folder."},
		},
		Files: []shell.Entry{
			{Name: layers.SystemFile, About: "The configuration, if no other is named."},
			{Name: "$XDG_CONFIG_HOME/sluice/sluice.yaml", About: "The configuration, if that is not there."},
		},
	}
	for _, s := range layers.Settings() {
		page.Settings = append(page.Settings, shell.Entry{Name: s.Name, About: s.About})
	}
	for code, meaning := range exitCodes {
		page.ExitStatus = append(page.ExitStatus, shell.Entry{Name: strconv.Itoa(code), About: meaning})
	}
	return page
}
