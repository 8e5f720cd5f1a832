package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"
)

// schemaVersion is the version of the JSON that commands of this package
// write themselves. It changes when a reader has to.
const schemaVersion = 1

// colors is the value of --color: auto, always or never.
var colors = "auto"

// commonFlags are flags of every command.
func commonFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "color", Value: "auto", Usage: "auto, always or never; auto obeys NO_COLOR, CLICOLOR_FORCE and TERM=dumb"},
		&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "say nothing on standard error but errors"},
	}
}

// takeCommonFlags reads them.
func takeCommonFlags(c *cli.Context) error {
	switch colors = c.String("color"); colors {
	case "auto", "always", "never":
		return nil
	}
	return cli.Exit(fmt.Sprintf("--color: %q is not auto, always or never", colors), exitUsage)
}

// colored tells whether to write colors: on a terminal that can show them, or
// where somebody insists (no-color.org, CLICOLOR_FORCE). A flag is stronger
// than a variable.
func colored(out *os.File) bool {
	switch {
	case colors != "auto":
		return colors == "always"
	case os.Getenv("NO_COLOR") != "":
		return false
	case os.Getenv("CLICOLOR_FORCE") != "" && os.Getenv("CLICOLOR_FORCE") != "0":
		return true
	}
	return os.Getenv("TERM") != "dumb" && term.IsTerminal(int(out.Fd()))
}

// The colors, by what they mark.
const (
	red    = "31"
	green  = "32"
	yellow = "33"
)

// printJSON writes a report for programs to standard output.
func printJSON(report any) error {
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(report)
}

// paint colors a text for a file that shows colors.
func paint(out *os.File, code, text string) string {
	if !colored(out) {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// talk is where a command says what is not its result: standard error, or
// nowhere with --quiet.
func talk(c *cli.Context) io.Writer {
	if c.Bool("quiet") {
		return io.Discard
	}
	return os.Stderr
}

// warn says what is odd.
func warn(c *cli.Context, warnings []string) {
	for _, warning := range warnings {
		fmt.Fprintln(talk(c), "sluice:", paint(os.Stderr, yellow, "warning:"), warning)
	}
}
