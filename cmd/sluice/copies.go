package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sluice-pg/sluice/audit/ledger"
	"github.com/sluice-pg/sluice/audit/verify"
)

func copiesCommand() *cli.Command {
	list := slices.Concat(copiesFlags(), []cli.Flag{
		&cli.StringFlag{Name: "class", Usage: "only with values of this `CLASS`: contact.email, contact.* or *"},
		&cli.StringFlag{Name: "place", Usage: "only at this `PLACE`"},
		&cli.StringFlag{Name: "origin", Usage: "only copies of this `RELATION`, and copies of those: public.users or shop:public.users"},
		&cli.StringFlag{Name: "owner", Usage: "only those this `PERSON` answers for"},
		&cli.StringSliceFlag{Name: "state", Usage: "only in this `STATE`, such as drifted, frozen or unknown; may be given several times"},
		&cli.StringFlag{Name: "expires-before", Usage: "only those whose time ends before `TIME`"},
		&cli.BoolFlag{Name: "unhealthy", Usage: "only those that somebody has to look at"},
		&cli.BoolFlag{Name: "all", Usage: "also those that are gone, and with --class those in which nothing is left of the values"},
	})
	return &cli.Command{
		Name: "copies", Usage: "say where copies of data are, from the trail",
		Description: "For reviewers, who can read the trail; the proxy may be writing it meanwhile.",
		Flags:       list,
		Subcommands: []*cli.Command{
			{
				Name: "list", Usage: "list copies; also without the word list",
				Description: "Where is the class contact.email today, and who answers for it?\n\n" +
					"    sluice copies --trail DIR --class contact.email\n\n" +
					"Exit codes: 0 done, 1 a part of the trail could not be read, 2 wrong usage, 4 the trail does not verify.",
				Flags: list, Action: copiesList,
			},
			{
				Name: "show", Usage: "tell all about one copy", ArgsUsage: "ID",
				Description: "The beginning of an id is enough if no other copy begins with it.",
				Flags:       copiesFlags(), Action: copiesShow,
			},
		},
		// Flags stand before the arguments of list and show, not before those words.
		Before: takeCommonFlags,
		Action: copiesList,
	}
}

func copiesFlags() []cli.Flag {
	return []cli.Flag{
		&cli.PathFlag{Name: "trail", EnvVars: []string{"SLUICE_TRAIL"}, Usage: "the trail's `DIR`"},
		&cli.PathFlag{Name: "key", Usage: "public key `FILE` of the trail; default: beside DIR, with the ending .pub"},
		&cli.StringFlag{Name: "at", Usage: "what was true at `TIME`, as 2026-11-27T09:00:00Z; default: now"},
		&cli.StringFlag{Name: "format", Aliases: []string{"o"}, Value: "text", Usage: "text or json"},
		&cli.BoolFlag{Name: "json", Usage: "the same as --format json"},
	}
}

// wholeTimeline is how many events of one copy are told of.
const wholeTimeline = 10_000

func copiesList(c *cli.Context) error {
	if c.NArg() > 0 {
		return chooseCommand(c)
	}
	if err := flagsBehindWords(c); err != nil {
		return err
	}
	q := ledger.Query{
		Class: c.String("class"), Place: c.String("place"), Owner: c.String("owner"),
		Unhealthy: c.Bool("unhealthy"), All: c.Bool("all"),
	}
	if q.Class != "" && !ledger.ValidClassPattern(q.Class) {
		return cli.Exit(fmt.Sprintf("--class: %q is not a class: write it like contact.email, contact.* or *", q.Class), exitUsage)
	}
	if origin := c.String("origin"); origin != "" {
		var err error
		if q.Origin, err = ledger.ParseRelation(origin); err != nil {
			return cli.Exit("--origin: "+err.Error(), exitUsage)
		}
	}
	for _, word := range c.StringSlice("state") {
		state, err := ledger.ParseState(word)
		if err != nil {
			return cli.Exit("--state: "+err.Error(), exitUsage)
		}
		q.States = append(q.States, state)
	}
	var err error
	if q.ExpiresBefore, err = timeFlag(c, "expires-before"); err != nil {
		return err
	}
	read, err := readCopies(c, 0)
	if err != nil {
		return err
	}
	return read.print(c, read.List(q, read.at, read.proof))
}

func copiesShow(c *cli.Context) error {
	if c.NArg() != 1 {
		return cli.Exit("copies show takes --trail DIR and then one ID", exitUsage)
	}
	if err := flagsBehindWords(c); err != nil {
		return err
	}
	read, err := readCopies(c, wholeTimeline)
	if err != nil {
		return err
	}
	found, err := read.Find(c.Args().First())
	if err != nil {
		return errors.Join(err, read.verdict())
	}
	return read.print(c, read.Tell(found.ID, read.at, read.proof))
}

// flagsBehindWords refuses flags between copies and list or show, where they
// would be taken for flags of another command and mean nothing.
func flagsBehindWords(c *cli.Context) error {
	if around := c.Lineage()[1]; around.Command != nil && around.Command.Name == "copies" && around.NumFlags() > 0 {
		return cli.Exit(fmt.Sprintf("flags stand behind the word %s", c.Command.Name), exitUsage)
	}
	return nil
}

// copiesRead is a ledger, the time it is asked about, and what is proven of it.
type copiesRead struct {
	*ledger.Ledger
	at    time.Time
	proof ledger.Proof
}

// readCopies reads the trail that the flags name, and verifies it. It is read
// first: what is proven then is all that was read, but for what is not signed.
func readCopies(c *cli.Context, timeline int) (*copiesRead, error) {
	dir := c.Path("trail")
	if dir == "" {
		return nil, cli.Exit(c.Command.HelpName+" takes --trail DIR", exitUsage)
	}
	if f := c.String("format"); f != "text" && f != "json" {
		return nil, cli.Exit(fmt.Sprintf("format %q is not text or json", f), exitUsage)
	}
	at, err := timeFlag(c, "at")
	if err != nil {
		return nil, err
	}
	read := &copiesRead{at: at}
	if read.Ledger, err = ledger.Read(c.Context, dir, ledger.Options{Until: at, Timeline: timeline}); err != nil {
		return nil, err
	}
	if at.IsZero() {
		read.at = time.Now()
	}
	read.proof, err = proofOf(c, dir)
	return read, err
}

// proofOf verifies the trail. Without a key nothing is proven, which the reader
// is told; a key that was named and cannot be read is an error.
func proofOf(c *cli.Context, dir string) (ledger.Proof, error) {
	key, err := publicKey(c.Path("key"), dir)
	if err != nil && c.IsSet("key") {
		return ledger.Proof{}, err
	}
	if err != nil {
		return ledger.Proof{Problem: err.Error()}, nil
	}
	report, err := verify.Dir(dir, key, verify.Options{})
	if err != nil && report.Problem == nil {
		return ledger.Proof{}, err
	}
	return ledger.ProofOf(report), nil
}

// told is something that can be printed for people.
type told interface {
	Text(io.Writer, ledger.TextOptions) error
}

// print prints what was asked for, and then says what is wrong with the trail.
func (r *copiesRead) print(c *cli.Context, report told) error {
	var err error
	if c.Bool("json") || c.String("format") == "json" {
		err = printJSON(report)
	} else {
		err = report.Text(os.Stdout, ledger.TextOptions{Color: colored(os.Stdout), Quiet: c.Bool("quiet")})
	}
	if err != nil {
		return err
	}
	return r.verdict()
}

// verdict turns what is wrong with the trail into the program's exit code.
func (r *copiesRead) verdict() error {
	switch {
	case r.proof.Checked && !r.proof.OK:
		return cli.Exit("the trail does not verify", exitUnverified)
	case r.Incomplete():
		return cli.Exit("a part of the trail could not be read", exitRuntime)
	}
	return nil
}

// timeFlag reads a flag that is a time; it is zero if the flag is not given.
func timeFlag(c *cli.Context, name string) (time.Time, error) {
	value := c.String(name)
	if value == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, value)
	if err != nil {
		return time.Time{}, cli.Exit(fmt.Sprintf("--%s: %q is not a time: write it like 2026-11-27T09:00:00Z", name, value), exitUsage)
	}
	return at, nil
}
