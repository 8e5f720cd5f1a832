package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/script"
	"github.com/sluice-pg/sluice/policy/statement"
)

// maxMeanings bounds what one name may stand for, as the gate does.
const maxMeanings = 8

// Options says for whom and by what files are judged.
type Options struct {
	Analyzer *statement.Analyzer
	// Policy is asked; nil refuses everything.
	Policy   *policy.Policy
	Identity policy.Identity
	Session  policy.Session
	// Time is when the statements would run, RFC 3339 in UTC, for
	// conditions that ask for it.
	Time string
	// Script says how files are read.
	Script script.Options
}

// Checker judges files as if one session ran them one after the other. It is
// not for concurrent use.
type Checker struct {
	options Options
	sink    Sink
	// names holds what prepared statements and cursors may stand for, by
	// operation and name.
	names map[string][]*statement.Statement
}

// New returns a Checker that gives what it finds to a sink.
func New(o Options, sink Sink) *Checker {
	return &Checker{options: o, sink: sink, names: map[string][]*statement.Statement{}}
}

// File judges one file, which is called name in what is found. The error is
// about reading; a refusal is none.
func (c *Checker) File(ctx context.Context, name string, in io.Reader) (err error) {
	r := script.NewReader(name, in, c.options.Script)
	defer func() { err = errors.Join(err, closeError(r.Close(), err)) }()
	for {
		item, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		}
		if err := c.item(ctx, &item); err != nil {
			return err
		}
	}
}

// closeError is the error of a close that is not known yet.
func closeError(closing, known error) error {
	if known != nil && errors.Is(known, closing) {
		return nil
	}
	return closing
}

func (c *Checker) item(ctx context.Context, item *script.Item) error {
	if err := c.remarks(item); err != nil {
		return err
	}
	findings := c.judge(ctx, item)
	met := map[string]bool{}
	for i := range findings {
		f := &findings[i]
		if f.Ignored != nil {
			met[f.Ignored.Rule] = true
		}
		if err := c.sink.Finding(f); err != nil {
			return err
		}
	}
	for _, ignore := range item.Ignores {
		if !met[ignore.Rule] {
			err := c.sink.Note(Note{item.File, ignore.Line, 1, fmt.Sprintf("sluice-ignore %s: no refusal by this rule follows; the comment can go", ignore.Rule)})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// judge says what would happen to what an item sends.
func (c *Checker) judge(ctx context.Context, item *script.Item) []Finding {
	t := newTask(item)
	if t == nil {
		return nil
	}
	a := c.analyze(ctx, t)
	if a.Problem != nil || a.Kind == statement.ParseError {
		return []Finding{c.unreadable(t, a)}
	}
	written := slices.Clone(a.Statements) // the analysis may be shared
	t.doubts(written)
	resolved := policy.Resolve(written, func(use statement.NameUse) []*statement.Statement {
		return c.names[string(use.Op)+" "+policy.ShortName(use.Name)]
	})
	t.copies(resolved)
	findings := c.decide(t, written, resolved)
	c.define(item, written)
	return findings
}

func (c *Checker) analyze(ctx context.Context, t *task) *statement.Analysis {
	if t.item.Cut > 0 {
		return &statement.Analysis{Problem: &statement.Problem{
			SQLSTATE: "54000", Position: -1,
			Message: fmt.Sprintf("statement text of %d bytes is longer than the limit of %d", int64(len(t.text))+t.item.Cut, len(t.text)),
			Hint:    "Load the data with COPY, or split the text into several.",
		}}
	}
	if t.text == "" {
		unknown := policy.Unseen(t.opaque)
		return &statement.Analysis{Kind: unknown.Kind, Statements: []statement.Statement{unknown}}
	}
	return c.options.Analyzer.Analyze(ctx, t.text)
}

func (c *Checker) request(statements []statement.Statement, problem *statement.Problem) *policy.Request {
	kind := statement.OrdinaryRead
	if problem != nil {
		kind = statement.ParseError
	}
	for i := range statements {
		kind = statement.Worst(kind, statements[i].Kind)
	}
	return &policy.Request{
		Identity: c.options.Identity, Session: c.options.Session,
		Kind: kind, Problem: problem, Statements: statements, Time: c.options.Time,
	}
}

// unreadable is the finding about a text that the analysis gave up on.
func (c *Checker) unreadable(t *task, a *statement.Analysis) Finding {
	d := c.options.Policy.Decide(c.request(nil, a.Problem))
	if a.Problem != nil && a.Problem.Near != "" {
		near := func(text string) string {
			return strings.Replace(text, "near a name", "near "+strconv.Quote(a.Problem.Near), 1)
		}
		d.Subject = near(d.Subject)
		for i := range d.Reasons {
			d.Reasons[i].Text = near(d.Reasons[i].Text)
		}
	}
	f := t.finding(0, statement.Statement{Kind: statement.ParseError, End: len(t.text)}, d)
	if d.Position >= 0 {
		f.Caret = t.caret(d.Position)
	}
	if t.item.Copies > 0 {
		f.Notes = append(f.Notes, fmt.Sprintf("the %d lines after it were taken for its data; psql reads them as commands if the COPY fails", t.item.DataLines))
	}
	if t.item.Doubtful() {
		f.Notes = append(f.Notes, "its psql variables were read as placeholders, which may be why; check the file that psql makes of it")
	}
	return f
}

// decide judges every statement by itself, to say which of them is refused
// and why, and all of them together, which is what the gate does.
func (c *Checker) decide(t *task, written, resolved []statement.Statement) []Finding {
	findings := make([]Finding, len(resolved))
	var culprit *Finding
	for i := range resolved {
		d := c.options.Policy.Decide(c.request(resolved[i:i+1], nil))
		start, end := t.extent(&written[i])
		f := t.finding(start, resolved[i], d)
		f.Text = t.source(start, end)
		t.point(&f)
		findings[i] = f
		if culprit == nil && f.Refused() {
			culprit = &findings[i]
		}
	}
	if len(findings) == 1 || ignoredAny(findings) && culprit == nil {
		return findings
	}
	whole := c.options.Policy.Decide(c.request(resolved, nil))
	for i := range findings {
		switch {
		case culprit != nil && findings[i].Decision.Verdict == policy.Allow:
			findings[i].alongside(culprit)
		case culprit == nil && whole.Verdict != policy.Allow:
			findings[i].Decision = whole
		}
	}
	return findings
}

func ignoredAny(findings []Finding) bool {
	for i := range findings {
		if findings[i].Ignored != nil {
			return true
		}
	}
	return false
}

// alongside makes a statement refused because another in its text is.
func (f *Finding) alongside(culprit *Finding) {
	d := culprit.Decision
	f.Decision.Verdict, f.Decision.Rule, f.Decision.SQLSTATE = d.Verdict, d.Rule, d.SQLSTATE
	f.Decision.Hint = ""
	f.Alongside = true
	reason := policy.Reason{Rule: d.Rule, Text: fmt.Sprintf("it is sent in one text with the refused statement at %d:%d", culprit.Line, culprit.Column)}
	if len(d.Reasons) > 0 {
		reason.Position = d.Reasons[0].Position
	}
	f.Decision.Reasons = []policy.Reason{reason}
}

// define keeps what names stand for. An earlier meaning stays: whether the
// statement that would take it away runs is not known.
func (c *Checker) define(item *script.Item, statements []statement.Statement) {
	for i := range statements {
		for _, use := range statements[i].Names {
			switch use.Op {
			case statement.Prepare:
				c.add("execute", use.Name, use.Inner)
			case statement.Declare:
				c.add("fetch", use.Name, use.Inner)
			}
		}
	}
	if item.Command != nil && item.Command.Name == "parse" && len(item.Command.Args) > 0 && len(statements) == 1 {
		c.add("execute", item.Command.Args[0], &statements[0])
	}
}

// add keeps a meaning of a name. Of a name with too many nothing is known any
// more.
func (c *Checker) add(op, name string, inner *statement.Statement) {
	key := op + " " + policy.ShortName(name)
	if inner == nil {
		return
	}
	if len(c.names[key]) >= maxMeanings {
		unknown := policy.Unseen("a name with too many meanings in one file")
		c.names[key] = []*statement.Statement{&unknown}
		return
	}
	c.names[key] = append(c.names[key], inner)
}
