package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/sluice-pg/sluice/proxy/copying"
)

func copyCommand() *cli.Command {
	return &cli.Command{
		Name: "copy", Usage: "have Sluice carry tables to a place of the policy",
		Description: "The tables become one copy: of one moment, with the policy's masks, published as a whole once all of it is\n" +
			"there and checked. Rows and passwords of either database do not come to this machine.\n\n" +
			"    sluice copy --from shop --to analytics --table public.orders --table public.users\n\n" +
			"FROM is the name of a database behind Sluice; where that is, and who you are, is said by PGHOST, PGPORT,\n" +
			"PGUSER and the other variables of libpq, by a service (FROM service=NAME), or by a connection string.\n" +
			"In psql the same is: COPY public.orders TO 'sluice://analytics/public.orders'.\n\n" +
			"Exit codes: 0 the copy is there, 3 it was refused, 1 it failed and nothing of it is there, 2 wrong usage.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "from", Usage: "the database, `FROM`"},
			&cli.StringFlag{Name: "to", Usage: "the place, by its `NAME` in the policy"},
			&cli.StringSliceFlag{Name: "table", Aliases: []string{"t"}, Usage: "a `SCHEMA.TABLE`; may be given several times"},
			&cli.StringSliceFlag{Name: "schema", Aliases: []string{"n"}, Usage: "all tables of a `SCHEMA`; may be given several times"},
			&cli.StringFlag{Name: "where", Usage: "a `CONDITION`, as SQL, that rows of the table must satisfy"},
			&cli.StringFlag{Name: "into", Usage: "the `SCHEMA` at the place; default: that of each table"},
			&cli.StringFlag{Name: "existing", Usage: "swap or append, where a table is there already; default: that is refused"},
			&cli.StringFlag{Name: "expires", Usage: "after what `TIME` the copy is removed, such as 7d; default: as the policy says"},
			&cli.StringFlag{Name: "reason", Usage: "why, in your words"},
			&cli.StringFlag{Name: "ticket", Usage: "where the need was written down"},
			&cli.StringFlag{Name: "format", Aliases: []string{"o"}, Value: "text", Usage: "text or json"},
		},
		Action: runCopy,
	}
}

func runCopy(c *cli.Context) error {
	order := copying.Order{
		From: c.String("from"), To: c.String("to"), Tables: c.StringSlice("table"), Schemas: c.StringSlice("schema"), Where: c.String("where"),
		IntoSchema: c.String("into"), Existing: c.String("existing"), Expires: c.String("expires"), Reason: c.String("reason"), Ticket: c.String("ticket"),
	}
	format := c.String("format")
	switch err := order.Check(); {
	case c.NArg() > 0:
		return cli.Exit("copy takes no arguments: name tables with --table", exitUsage)
	case err != nil:
		return cli.Exit(err, exitUsage)
	case format != "text" && format != "json":
		return cli.Exit(fmt.Sprintf("format %q is not text or json", format), exitUsage)
	}
	meter := &copying.Meter{Out: talk(c), Terminal: term.IsTerminal(int(os.Stderr.Fd())) && !c.Bool("quiet")}
	result, err := copying.Run(c.Context, order, meter)
	if err != nil {
		return copyFailed(err)
	}
	if format == "json" {
		return printJSON(struct {
			Version int `json:"version"`
			*copying.Result
		}{schemaVersion, result})
	}
	for _, t := range result.Tables {
		fmt.Printf("%s: %d rows\n", t.Name, t.Rows)
	}
	fmt.Println(result.Receipt)
	for _, line := range result.Details {
		fmt.Println("  " + line)
	}
	fmt.Fprintf(talk(c), "%d rows in %s\n", result.Rows, result.Took.Round(time.Second/10))
	return nil
}

// copyFailed shows what Sluice or the database says, as psql would.
func copyFailed(err error) error {
	var refused *pgconn.PgError
	if !errors.As(err, &refused) {
		return err
	}
	code := exitRuntime
	if refused.Code == "42501" || refused.Code == "0A000" {
		code = exitRefused
	}
	message := refused.Message
	if refused.Detail != "" {
		message += "\nDETAIL:  " + refused.Detail
	}
	if refused.Hint != "" {
		message += "\nHINT:  " + refused.Hint
	}
	return cli.Exit(message, code)
}
