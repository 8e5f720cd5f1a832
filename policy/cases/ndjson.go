package cases

import (
	"bufio"
	"encoding/json"
	"io"

	"github.com/sluice-pg/sluice/policy"
)

// The lines of the machine-readable report: one object a case, then one a
// rule, then a summary. The first field tells which.
type (
	caseLine struct {
		Type     string          `json:"type"` // case
		File     string          `json:"file"`
		Line     int             `json:"line"`
		Column   int             `json:"column"`
		Name     string          `json:"name,omitempty"`
		As       string          `json:"as"`
		Database string          `json:"database"`
		OK       bool            `json:"ok"`
		Kind     string          `json:"kind"`
		Verdict  string          `json:"verdict"`
		Rule     string          `json:"rule"`
		Subject  string          `json:"subject"`
		Reasons  []policy.Reason `json:"reasons"`
		Hint     string          `json:"hint,omitempty"`
		Classes  []string        `json:"classes,omitempty"`
		// Differences holds what is not as expected; empty if OK.
		Differences []Difference `json:"differences"`
	}
	ruleLine struct {
		Type       string `json:"type"` // rule
		Rule       string `json:"rule"`
		Position   string `json:"position"`
		Effect     string `json:"effect"`
		Mode       string `json:"mode"`
		Decided    int    `json:"decided"`
		Considered int    `json:"considered"`
	}
	summaryLine struct {
		Type     string `json:"type"` // summary
		Cases    int    `json:"cases"`
		Failed   int    `json:"failed"`
		Rules    int    `json:"rules"`
		Decided  int    `json:"decided"`
		Coverage int    `json:"coverage"`
	}
)

// WriteNDJSON writes a report for programs: JSON objects, one a line. It has
// no text of a case.
func (r *Report) WriteNDJSON(w io.Writer) error {
	out := bufio.NewWriter(w)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	for i := range r.Results {
		if err := enc.Encode(r.Results[i].line()); err != nil {
			return err
		}
	}
	for _, rule := range r.Coverage.Rules {
		line := ruleLine{"rule", rule.ID, rule.Position, rule.Effect, rule.Mode, rule.Decided, rule.Considered}
		if err := enc.Encode(line); err != nil {
			return err
		}
	}
	sum := summaryLine{"summary", len(r.Results), r.Failed(), len(r.Coverage.Rules), r.Coverage.Decided(), r.Coverage.Percent()}
	if err := enc.Encode(sum); err != nil {
		return err
	}
	return out.Flush()
}

func (r *Result) line() caseLine {
	c, d := r.Case, &r.Decision
	line := caseLine{
		Type: "case", File: r.File.Name, Line: c.Place.Line, Column: c.Place.Column, Name: c.Name,
		As: c.Question.Identity.User, Database: c.Question.Session.Database, OK: r.OK(),
		Kind: r.Kind.String(), Verdict: d.Verdict.String(), Rule: d.Rule, Subject: d.Subject,
		Reasons: d.Reasons, Hint: d.Hint, Classes: d.Classes, Differences: r.Differences,
	}
	if line.Differences == nil {
		line.Differences = []Difference{}
	}
	return line
}
