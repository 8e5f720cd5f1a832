package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/cases"
	"github.com/sluice-pg/sluice/policy/statement"
)

func policyTestCommand() *cli.Command {
	return &cli.Command{
		Name: "test", Usage: "ask a policy the questions of verdict files and compare its answers", ArgsUsage: "FILE...",
		Description: "A verdict file has a case a line, such as\n\n" +
			"    deny analyst database=shop \"COPY users TO STDOUT\"\n\n" +
			"or, with the ending .yaml or .yml, richer cases. Exits with 3 if an answer is not as expected or too\n" +
			"few rules decided a case.",
		Flags: []cli.Flag{
			policyFlag(),
			&cli.StringFlag{Name: "format", Aliases: []string{"o"}, Value: "text", Usage: "text or ndjson"},
			&cli.IntFlag{Name: "min-coverage", Usage: "the share of the rules, in percent, that must decide a case"},
			&cli.BoolFlag{Name: "update", Usage: "write the verdicts that are into one-line files; read the difference before you keep it"},
		},
		Action: func(c *cli.Context) error {
			format, least := c.String("format"), c.Int("min-coverage")
			switch {
			case c.NArg() == 0:
				return cli.Exit("policy test takes --policy FILE and then one or more verdict FILEs", exitUsage)
			case format != "text" && format != "ndjson":
				return cli.Exit(fmt.Sprintf("format %q is not text or ndjson", format), exitUsage)
			case least < 0 || least > 100:
				return cli.Exit("--min-coverage is a number from 0 to 100", exitUsage)
			}
			return withPolicy(c, func(p *policy.Policy, a *statement.Analyzer) error { return policyTest(c, p, a) })
		},
	}
}

func policyTest(c *cli.Context, p *policy.Policy, a *statement.Analyzer) error {
	files, err := readCases(c.Args().Slice())
	if err != nil {
		return cli.Exit(err, exitConfig)
	}
	report, err := cases.Run(c.Context, p, a, files)
	if err != nil {
		if c.Context.Err() != nil {
			return err
		}
		return cli.Exit(err, exitConfig)
	}
	write := report.WriteText
	if c.String("format") == "ndjson" {
		write = report.WriteNDJSON
	}
	if err := write(os.Stdout); err != nil {
		return err
	}
	if c.Bool("update") {
		return updateCases(talk(c), report, files)
	}
	if n := report.Failed(); n > 0 {
		return cli.Exit(counted(n, "case")+" not as expected", exitRefused)
	}
	if got, least := report.Coverage.Percent(), c.Int("min-coverage"); got < least {
		return cli.Exit(fmt.Sprintf("%d%% of the rules decided a case, and --min-coverage asks for %d%%", got, least), exitRefused)
	}
	return nil
}

func readCases(paths []string) ([]*cases.File, error) {
	var files []*cases.File
	var faults []error
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			faults = append(faults, fmt.Errorf("verdict file: %w", err))
			continue
		}
		f, err := cases.Read(path, data)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		files = append(files, f)
	}
	return files, errors.Join(faults...)
}

// updateCases writes the verdicts that are into the files in which they
// differ. What it cannot put right stays a difference.
func updateCases(talk io.Writer, report *cases.Report, files []*cases.File) error {
	left := 0
	for _, f := range files {
		results := report.Of(f)
		verdicts, others := 0, 0
		for i := range results {
			for _, d := range results[i].Differences {
				if d.What == cases.VerdictDiffers && f.Updates() {
					verdicts++
				} else {
					others++
				}
			}
		}
		left += others
		if verdicts == 0 {
			continue
		}
		if err := replaceFile(f.Name, f.Update(results)); err != nil {
			return fmt.Errorf("verdict file: %w", err)
		}
		fmt.Fprintf(talk, "sluice: %s: %s changed\n", f.Name, counted(verdicts, "verdict"))
	}
	if left > 0 {
		return cli.Exit(counted(left, "difference")+" left that --update does not change: only verdicts of one-line files are", exitRefused)
	}
	return nil
}

// replaceFile puts new content in the place of a file at once, so that
// nobody finds half of it. A link stays a link.
func replaceFile(path string, data []byte) error {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".sluice-*")
	if err != nil {
		return err
	}
	_, err = temp.Write(data)
	err = errors.Join(err, temp.Chmod(info.Mode().Perm()), temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp.Name()))
	}
	return nil
}
