package cases

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
)

// Analyzer turns texts into analyses.
type Analyzer interface {
	Analyze(ctx context.Context, text string) *statement.Analysis
}

// Result is what became of a case.
type Result struct {
	File *File
	Case *Case
	// Kind and Decision belong to the last text of the case.
	Kind     statement.Kind
	Decision policy.Decision
	// Earlier holds, for a session, the decisions about the texts before.
	Earlier []policy.Decision
	// Differences is what is not as expected.
	Differences []Difference
}

// OK reports whether everything is as expected.
func (r *Result) OK() bool { return len(r.Differences) == 0 }

// VerdictDiffers is the Difference that Update can put right.
const VerdictDiffers = "verdict"

// Difference is an expectation that was not met.
type Difference struct {
	// What is the name of the expectation: verdict, rule, kind, subject,
	// classes, reason.
	What string `json:"what"`
	Want string `json:"want"`
	Got  string `json:"got"`
}

// Report is the outcome of a run.
type Report struct {
	Policy   *policy.Policy
	Results  []Result
	Coverage Coverage
}

// Failed counts the cases that differ.
func (r *Report) Failed() int {
	failed := 0
	for i := range r.Results {
		if !r.Results[i].OK() {
			failed++
		}
	}
	return failed
}

// Of returns the results of one file.
func (r *Report) Of(f *File) []Result {
	var of []Result
	for _, result := range r.Results {
		if result.File == f {
			of = append(of, result)
		}
	}
	return of
}

// Run asks the policy every question of some files. The error joins one
// *strictyaml.Error for each case that cannot be asked, because it speaks of
// a place that the policy does not name, or is ctx's.
func Run(ctx context.Context, p *policy.Policy, a Analyzer, files []*File) (*Report, error) {
	report := &Report{Policy: p, Coverage: newCoverage(p)}
	var faults []error
	for _, f := range files {
		errs := f.document.Errors()
		for i := range f.Cases {
			c := &f.Cases[i]
			places, err := bind(p, c.Question)
			if err != nil {
				errs.Addf(c.Place, "%v", err)
				continue
			}
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			report.Results = append(report.Results, report.run(ctx, a, f, c, places))
		}
		faults = append(faults, errs.Err())
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return report, nil
}

// run asks one case.
func (r *Report) run(ctx context.Context, a Analyzer, f *File, c *Case, places []policy.Place) Result {
	result := Result{File: f, Case: c}
	var s session
	met := newMeetings()
	for i, text := range c.Question.Texts {
		req, statements := s.request(ctx, a, &c.Question, places, text)
		d, steps := r.Policy.Trace(req)
		met.add(&d, steps)
		if d.Verdict == policy.Allow {
			s.ran(statements)
		}
		if i < len(c.Question.Texts)-1 {
			result.Earlier = append(result.Earlier, d)
			continue
		}
		result.Decision, result.Kind = d, req.Kind
	}
	r.Coverage.count(met)
	result.Differences = c.Expect.differences(&result)
	return result
}

// request is what a decision about a text may look at; the statements are
// those of the text as it was written.
func (s *session) request(ctx context.Context, a Analyzer, q *Question, places []policy.Place, text string) (*policy.Request, []statement.Statement) {
	analysis := a.Analyze(ctx, text)
	resolved := s.resolve(analysis.Statements)
	kind := analysis.Kind
	for i := range resolved {
		kind = statement.Worst(kind, resolved[i].Kind)
	}
	return &policy.Request{
		Identity: q.Identity, Session: q.Session, Kind: kind, Problem: analysis.Problem, Statements: resolved,
		Facts: policy.Facts{Places: places, Functions: q.Functions}, Time: q.Time,
	}, analysis.Statements
}

// Check reports whether a question can be asked: a place it speaks of by
// name must be one of the policy's destinations.
func Check(p *policy.Policy, q Question) error {
	_, err := bind(p, q)
	return err
}

// noonOfNoDay is when places were measured for a question without a time.
const noonOfNoDay = "2000-01-01T12:00:00Z"

// bind completes the places of a question by the policy's destinations.
func bind(p *policy.Policy, q Question) ([]policy.Place, error) {
	places := slices.Clone(q.Places)
	defs := p.Places()
	for i := range places {
		place := &places[i]
		if place.MeasuredAt == "" {
			place.MeasuredAt = q.Time
		}
		if place.MeasuredAt == "" {
			place.MeasuredAt = noonOfNoDay
		}
		if place.Name == "" {
			continue
		}
		at := slices.IndexFunc(defs, func(d policy.PlaceDef) bool { return d.Name == place.Name })
		if at < 0 {
			return nil, fmt.Errorf("the policy has no destination %q%s", place.Name, among(place.Name, defs))
		}
		if place.Address == "" && defs[at].Host == "" {
			return nil, fmt.Errorf("destination %s of the policy has no one host: a case in YAML says with address which one was measured", place.Name)
		}
		if place.Address == "" {
			place.Address = net.JoinHostPort(defs[at].Host, strconv.Itoa(defs[at].Port))
		}
	}
	return places, nil
}

func among(got string, defs []policy.PlaceDef) string {
	names := make([]string, 0, len(defs))
	for _, d := range defs {
		names = append(names, d.Name)
	}
	if len(names) == 0 {
		return "; it has none"
	}
	return orKnown(got, names)
}

// differences compares a result with what was expected of it.
func (x *Expectation) differences(r *Result) []Difference {
	var out []Difference
	d := &r.Decision
	if d.Verdict != x.Verdict {
		out = append(out, Difference{VerdictDiffers, x.Verdict.String(), d.Verdict.String()})
	}
	if x.Rule != "" && d.Rule != x.Rule && d.Rule != builtin+x.Rule {
		out = append(out, Difference{"rule", x.Rule, d.Rule})
	}
	if x.Kind != "" && r.Kind.String() != x.Kind {
		out = append(out, Difference{"kind", x.Kind, r.Kind.String()})
	}
	if x.Subject != "" && d.Subject != x.Subject {
		out = append(out, Difference{"subject", x.Subject, d.Subject})
	}
	if x.Classes != nil && !slices.Equal(x.Classes, d.Classes) {
		out = append(out, Difference{"classes", listWords(x.Classes), listWords(d.Classes)})
	}
	contains := func(reason policy.Reason) bool { return strings.Contains(reason.Text, x.ReasonContains) }
	if x.ReasonContains != "" && !slices.ContainsFunc(d.Reasons, contains) {
		out = append(out, Difference{"reason", "one that contains " + strconv.Quote(x.ReasonContains), "none that does"})
	}
	return out
}

func listWords(words []string) string {
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}

// builtin begins the ids of the decisions that no rule of a document makes.
const builtin = "builtin:"
