package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sluice-pg/sluice/audit/ledger"
	"github.com/sluice-pg/sluice/proxy/admin"
	"github.com/sluice-pg/sluice/proxy/watch"
)

func watchCommand() *cli.Command {
	return &cli.Command{
		Name: "watch", Usage: "ask a running proxy how the copies are that it watches",
		Subcommands: []*cli.Command{{
			Name: "status", Usage: "say for each place with copies when it was last seen to be well, and what was done",
			Description: "Asks /copies/watch at the admin address of the configuration. That port has no login, so the answer names\n" +
				"places and copies, and nobody and nothing else: what is wrong with a copy, who could read it and what was\n" +
				"seen is in the trail, see sluice copies show.\n\n" +
				"Exit codes: 0 all is well, 1 the proxy does not answer or something is not well.",
			Flags: append(
				configFlags(),
				&cli.StringFlag{Name: "url", Usage: "ask this `URL` and read no configuration"},
				&cli.DurationFlag{Name: "timeout", Value: 5 * time.Second, Usage: "how long an answer may take"},
				&cli.StringFlag{Name: "format", Aliases: []string{"o"}, Value: "text", Usage: "text or json"},
				&cli.BoolFlag{Name: "json", Usage: "the same as --format json"},
			),
			Action: watchStatus,
		}},
	}
}

func watchStatus(c *cli.Context) error {
	if f := c.String("format"); f != "text" && f != "json" {
		return cli.Exit(fmt.Sprintf("format %q is not text or json", f), exitUsage)
	}
	url := c.String("url")
	if url == "" {
		config, err := servedConfig(c)
		if err != nil {
			return err
		}
		if config.Admin.Address == "" {
			return cli.Exit("the configuration has no admin.address to ask at", exitConfig)
		}
		if url, err = admin.URL(config.Admin.Address, "/copies/watch"); err != nil {
			return err
		}
	}
	ctx, done := context.WithTimeout(c.Context, c.Duration("timeout"))
	defer done()
	said, err := admin.Ask(ctx, url)
	if err != nil {
		if said != "" {
			err = fmt.Errorf("%w: %s", err, said)
		}
		return err
	}
	var status watch.Status
	if err := json.Unmarshal([]byte(said), &status); err != nil {
		return fmt.Errorf("the answer of %s is not that of a proxy: %w", url, err)
	}
	if c.Bool("json") || c.String("format") == "json" {
		if err := printJSON(&status); err != nil {
			return err
		}
	} else if err := printWatch(os.Stdout, &status); err != nil {
		return err
	}
	for i := range status.Places {
		if p := &status.Places[i]; p.Severity != "" || p.Blocked != nil || !p.Away.IsZero() {
			return cli.Exit(p.Name+" is not well", exitRuntime)
		}
	}
	return nil
}

// printWatch is the status for people: a line for each place, and below it one for
// each copy.
func printWatch(w io.Writer, s *watch.Status) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "PLACE / COPY\tSTATE\tWELL\tREACTION\tREADABLE UNTIL\tEXPIRES")
	for i := range s.Places {
		p := &s.Places[i]
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t\t\n", p.Name, placeWords(p), agoWords(s.At, p.WellAt), blockedWords(p.Blocked))
		for _, c := range p.Copies {
			reaction := string(c.Done)
			if c.Wanted != "" && c.Wanted != c.Done {
				reaction = strings.TrimPrefix(reaction+", then "+string(c.Wanted), ", then ")
			}
			fmt.Fprintf(t, "  %s\t%s\t\t%s\t%s\t%s\n", c.ID, copyWords(&c), reaction, clockWords(c.Readable), clockWords(c.Expires))
		}
	}
	if len(s.Places) == 0 {
		fmt.Fprintln(t, "no destination is configured\t\t\t\t\t")
	}
	return t.Flush()
}

func placeWords(p *watch.PlaceStatus) string {
	switch {
	case !p.Watched:
		return "holds no copies"
	case !p.Away.IsZero():
		return "does not answer since " + clockWords(p.Away)
	case p.Severity != "":
		return "not well: " + string(p.Severity)
	case p.WellAt.IsZero():
		return "not measured yet"
	}
	return "well"
}

func copyWords(c *watch.CopyStatus) string {
	if c.Severity != "" && ledger.State(c.Severity) != c.State {
		return string(c.State) + ": " + string(c.Severity)
	}
	return string(c.State)
}

func blockedWords(b *watch.Blocked) string {
	if b == nil {
		return ""
	}
	return "no new copies since " + clockWords(b.Since) + ": " + b.Code
}

func agoWords(now, at time.Time) string {
	if at.IsZero() {
		return "never"
	}
	return now.Sub(at).Round(time.Second).String() + " ago"
}

func clockWords(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format("2006-01-02 15:04:05Z")
}
