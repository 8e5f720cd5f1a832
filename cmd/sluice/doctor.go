package main

import (
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/sluice-pg/sluice/proxy/doctor"
)

func doctorCommand() *cli.Command {
	return &cli.Command{
		Name: "doctor", Usage: "look at everything the proxy depends on, and say what to do about it",
		Description: "Looks at the configuration, certificates, users, policy, trail, clocks, and at every database with the\n" +
			"roles that sessions work as, beside a running proxy or without one. It changes nothing, and logs in\n" +
			"to the databases as the issuer of credentials. Run it as the proxy's user, on the proxy's machine.\n\n" +
			"Each check is ok, a warning, a problem, or unknown, which means that it could not be looked at.\n" +
			"--quiet leaves out what is ok.\n\n" +
			"Exit codes: 0 no problem, 3 at least one (with --strict also at least one warning), 1 none but\n" +
			"something is unknown, 2 wrong usage, 5 the configuration is not valid.",
		Flags: append(
			configFlags(),
			&cli.StringFlag{Name: "format", Aliases: []string{"o"}, Value: "text", Usage: "text or json"},
			&cli.BoolFlag{Name: "strict", Usage: "take warnings for problems"},
		),
		Action: runDoctor,
	}
}

func runDoctor(c *cli.Context) error {
	if c.NArg() > 0 {
		return cli.Exit("doctor takes no arguments", exitUsage)
	}
	format := c.String("format")
	if format != "text" && format != "json" {
		return cli.Exit(fmt.Sprintf("format %q is not text or json", format), exitUsage)
	}
	config, err := servedConfig(c)
	if err != nil {
		return err
	}
	report := doctor.Examine(c.Context, config)
	if format == "json" {
		err = printJSON(report)
	} else {
		err = report.Text(os.Stdout, doctor.TextOptions{Color: colored(os.Stdout), Quiet: c.Bool("quiet")})
	}
	if err != nil {
		return err
	}
	return verdict(report, c.Bool("strict"))
}

// verdict turns a report into the program's exit code.
func verdict(r *doctor.Report, strict bool) error {
	problems, what := r.Count(doctor.Problem), "problem"
	if strict {
		problems, what = problems+r.Count(doctor.Warning), "finding"
	}
	switch unknown := r.Count(doctor.Unknown); {
	case problems > 0:
		return cli.Exit(fmt.Sprintf("doctor: %s to look into", counted(problems, what)), exitRefused)
	case unknown > 0:
		return cli.Exit(fmt.Sprintf("doctor: %s could not be made", counted(unknown, "check")), exitRuntime)
	}
	return nil
}
