package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/sluice-pg/sluice/audit/read"
	"github.com/sluice-pg/sluice/audit/record"
	"github.com/sluice-pg/sluice/policy"
)

func whyCommand() *cli.Command {
	return &cli.Command{
		Name: "why", Usage: "say why a request was decided as it was", ArgsUsage: "ID",
		Description: "For reviewers, who can read the trail. Engineers ask in their own session: SHOW sluice.why_ID;",
		Flags:       []cli.Flag{&cli.PathFlag{Name: "trail", EnvVars: []string{"SLUICE_TRAIL"}, Usage: "the trail's `DIR`"}},
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 || c.Path("trail") == "" {
				return cli.Exit("why takes --trail DIR and then one ID", exitUsage)
			}
			id := c.Args().First()
			lines, err := explainFor(c.Path("trail"))(c.Context, id, "")
			if err != nil {
				return err
			}
			if len(lines) == 0 {
				return fmt.Errorf("no request %s in this trail", id)
			}
			fmt.Println(strings.Join(lines, "\n"))
			return nil
		},
	}
}

// explainFor returns a function that words the records of a request. A user
// is told about own requests only; no user means a reviewer.
func explainFor(dir string) func(context.Context, string, string) ([]string, error) {
	return func(ctx context.Context, id, user string) ([]string, error) {
		found, err := read.Find(ctx, dir, id)
		if err != nil {
			return nil, err
		}
		var lines []string
		for i := len(found) - 1; i >= 0; i-- {
			of, told, err := explainRecord(found[i])
			if err == nil && found[i].Type == "repeat" {
				of, told, err = explainRepeat(ctx, dir, found[i])
			}
			if err != nil {
				return nil, err
			}
			if user != "" && of != "" && of != user {
				return nil, nil
			}
			lines = append(lines, told...)
		}
		return lines, nil
	}
}

// explainRepeat words the record of a text that passed by the decision about
// an earlier one of its session.
func explainRepeat(ctx context.Context, dir string, r record.Record) (user string, lines []string, err error) {
	var body struct {
		As   string `json:"as"`
		Road string `json:"road"`
	}
	if err := json.Unmarshal(r.Body, &body); err != nil {
		return "", nil, fmt.Errorf("record %d: %w", r.Index, err)
	}
	lines = []string{fmt.Sprintf("request %s: came as %s at %s, decided as request %s before it",
		r.ID, body.Road, r.Time.UTC().Format("2006-01-02 15:04:05Z"), body.As)}
	found, err := read.Find(ctx, dir, body.As)
	if err != nil {
		return "", nil, err
	}
	for _, earlier := range found {
		if earlier.Type == "decision" && earlier.Session == r.Session {
			of, told, err := explainRecord(earlier)
			return of, append(lines, told...), err
		}
	}
	// Whose it is cannot be told, so nobody but a reviewer is.
	return "nobody", append(lines, "the record of request "+body.As+" is not in this trail"), nil
}

// explainRecord words one record and tells whose it is.
func explainRecord(r record.Record) (user string, lines []string, err error) {
	if r.Type == "budget.refused" {
		return explainBudget(r)
	}
	if r.Type != "decision" {
		var result struct {
			SQLSTATE string `json:"sqlstate"`
			Tag      string `json:"tag"`
			Rows     int64  `json:"rows"`
			Limit    string `json:"limit"`
			Rule     string `json:"limit_rule"`
		}
		if r.Type != "result" || json.Unmarshal(r.Body, &result) != nil {
			return "", nil, nil
		}
		lines = []string{fmt.Sprintf("it failed: SQLSTATE %s, %s sent", result.SQLSTATE, counted(int(result.Rows), "row"))}
		if result.SQLSTATE == "00000" {
			lines[0] = fmt.Sprintf("it ran: %s, %s sent", result.Tag, counted(int(result.Rows), "row"))
		}
		if result.Limit != "" {
			lines = append(lines, fmt.Sprintf("stopped: it reached the limit of %s of rule %s", result.Limit, result.Rule))
		}
		return "", lines, nil
	}
	var body struct {
		User     string          `json:"user"`
		Road     string          `json:"road"`
		Kind     string          `json:"kind"`
		Shape    string          `json:"shape"`
		Policy   string          `json:"policy"`
		Decision policy.Decision `json:"decision"`
	}
	if err := json.Unmarshal(r.Body, &body); err != nil {
		return "", nil, fmt.Errorf("record %d: %w", r.Index, err)
	}
	d := body.Decision
	lines = []string{
		fmt.Sprintf("request %s: %s by rule %s", r.ID, d.Verdict, d.Rule),
		fmt.Sprintf("who: %s, session %s, at %s", body.User, r.Session, r.Time.UTC().Format("2006-01-02 15:04:05Z")),
		fmt.Sprintf("what: %s (%s, came as %s)", d.Subject, body.Kind, body.Road),
	}
	if body.Shape != "" {
		lines = append(lines, "text: "+body.Shape)
	}
	lines = append(lines, reasonLines("because", d.Reasons)...)
	lines = append(lines, reasonLines("warned", d.Notices)...)
	lines = append(lines, reasonLines("observed only", d.Shadow)...)
	if d.Hint != "" {
		lines = append(lines, "instead: "+d.Hint)
	}
	return body.User, append(lines, "policy: "+body.Policy), nil
}

// explainBudget words the refusal of a statement whose budget was spent.
func explainBudget(r record.Record) (user string, lines []string, err error) {
	var body struct{ Rule, Position, Holder, Limit, Used, Room string }
	if err := json.Unmarshal(r.Body, &body); err != nil {
		return "", nil, fmt.Errorf("record %d: %w", r.Index, err)
	}
	return "", []string{
		fmt.Sprintf("not run: budget %s at %s is spent, %s for %s: %s", body.Rule, body.Position, body.Limit, body.Holder, body.Used),
		"room begins to come back at " + body.Room,
	}, nil
}

// reasonLines words reasons, one a line.
func reasonLines(word string, reasons []policy.Reason) (lines []string) {
	for _, reason := range reasons {
		at := ""
		if reason.Position != "" {
			at = " at " + reason.Position
		}
		lines = append(lines, fmt.Sprintf("%s: %s (rule %s%s)", word, reason.Text, reason.Rule, at))
	}
	return lines
}
