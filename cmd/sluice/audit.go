package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/mod/sumdb/note"

	"github.com/sluice-pg/sluice/audit"
	"github.com/sluice-pg/sluice/audit/read"
	"github.com/sluice-pg/sluice/audit/verify"
)

// exitUnverified is the exit code for a trail that does not verify.
const exitUnverified = 4

func auditCommand() *cli.Command {
	format := &cli.StringFlag{Name: "format", Aliases: []string{"o"}, Value: "text", Usage: "text or ndjson"}
	return &cli.Command{
		Name: "audit", Usage: "read and verify the trail",
		Subcommands: []*cli.Command{
			{
				Name: "verify", Usage: "check every record, hash and signature", ArgsUsage: "DIR",
				Flags: []cli.Flag{
					&cli.PathFlag{Name: "key", Usage: "public key `FILE`; default: beside DIR, with the ending .pub"},
					&cli.Int64Flag{Name: "expect", Usage: "a number of records the trail is known to have had signed"},
					&cli.PathFlag{Name: "checkpoint", Usage: "a signed checkpoint `FILE` kept elsewhere"},
					&cli.StringFlag{Name: "format", Aliases: []string{"o"}, Value: "text", Usage: "text or json"},
				},
				Action: auditVerify,
			},
			{
				Name: "show", Usage: "print records", ArgsUsage: "DIR",
				Flags: []cli.Flag{
					format,
					&cli.StringFlag{Name: "session", Usage: "only of this session"},
					&cli.StringFlag{Name: "id", Usage: "only with this request id"},
					&cli.StringFlag{Name: "type", Usage: "only of this type, as decision, session or session.open"},
					&cli.StringFlag{Name: "user", Usage: "only of this user's sessions"},
					&cli.StringFlag{Name: "since", Usage: "not before `TIME`, as 2026-11-27T09:00:00Z"},
					&cli.StringFlag{Name: "until", Usage: "not after `TIME`"},
				},
				Action: auditShow,
			},
			{
				Name: "tail", Usage: "print records as they come", ArgsUsage: "DIR", Flags: []cli.Flag{format},
				Action: func(c *cli.Context) error {
					dir, f, err := dirAndFormat(c)
					if err != nil {
						return err
					}
					return read.Tail(c.Context, os.Stdout, dir, f)
				},
			},
		},
	}
}

func dirAndFormat(c *cli.Context) (string, read.Format, error) {
	if c.NArg() != 1 {
		return "", 0, cli.Exit("audit "+c.Command.Name+" takes one DIR", exitUsage)
	}
	f, err := read.ParseFormat(c.String("format"))
	if err != nil {
		return "", 0, cli.Exit(err, exitUsage)
	}
	return c.Args().First(), f, nil
}

func auditShow(c *cli.Context) error {
	dir, f, err := dirAndFormat(c)
	if err != nil {
		return err
	}
	filter := read.Filter{Session: c.String("session"), ID: c.String("id"), Type: c.String("type"), User: c.String("user")}
	for flag, at := range map[string]*time.Time{"since": &filter.Since, "until": &filter.Until} {
		value := c.String(flag)
		if value == "" {
			continue
		}
		if *at, err = time.Parse(time.RFC3339, value); err != nil {
			return cli.Exit(fmt.Sprintf("--%s: %q is not a time: write it like 2026-11-27T09:00:00Z", flag, value), exitUsage)
		}
	}
	return read.Show(os.Stdout, dir, filter, f)
}

func auditVerify(c *cli.Context) error {
	if c.NArg() != 1 {
		return cli.Exit("audit verify takes one DIR", exitUsage)
	}
	if format := c.String("format"); format != "text" && format != "json" {
		return cli.Exit(fmt.Sprintf("format %q is not text or json", format), exitUsage)
	}
	dir := c.Args().First()
	key, err := publicKey(c.Path("key"), dir)
	if err != nil {
		return err
	}
	o := verify.Options{Expect: c.Int64("expect")}
	if path := c.Path("checkpoint"); path != "" {
		if o.Checkpoint, err = os.ReadFile(path); err != nil {
			return fmt.Errorf("checkpoint: %w", err)
		}
	}
	report, err := verify.Dir(dir, key, o)
	if err != nil && report.Problem == nil {
		return err
	}
	if err := printReport(os.Stdout, report, c.String("format")); err != nil {
		return err
	}
	if !report.OK {
		return cli.Exit("the trail does not verify", exitUnverified)
	}
	return nil
}

func publicKey(path, dir string) (note.Verifier, error) {
	if path == "" {
		path = audit.PublicPath(filepath.Clean(dir) + ".key")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("public key: %w (name it with --key)", err)
	}
	key, err := note.NewVerifier(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, fmt.Errorf("public key: %s: %w", path, err)
	}
	return key, nil
}

func printReport(w io.Writer, r verify.Report, format string) error {
	if format == "json" {
		return json.NewEncoder(w).Encode(r)
	}
	_, err := fmt.Fprintln(w, strings.TrimRight(r.String(), "\n"))
	return err
}
