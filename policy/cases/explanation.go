package cases

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
	"github.com/sluice-pg/sluice/policy/strictyaml"
)

// mostShown is how many effects, names or rules of one statement are
// listed; the rest is counted.
const mostShown = 25

// exampleID stands for the request id in what a client would read.
const exampleID = "example"

// Explain writes the whole way of the decision about the last text of a
// question: what the statements do and where that stands, each rule that
// was considered and why it does or does not match, and the answer as the
// client would read it. The decision is returned too.
func Explain(ctx context.Context, w io.Writer, p *policy.Policy, a Analyzer, q Question) (policy.Decision, error) {
	places, err := bind(p, q)
	if err != nil {
		return policy.Decision{}, err
	}
	var s session
	var req *policy.Request
	var d policy.Decision
	var steps []policy.Step
	text := ""
	for _, text = range q.Texts {
		var statements []statement.Statement
		req, statements = s.request(ctx, a, &q, places, text)
		if d, steps = p.Trace(req); d.Verdict == policy.Allow {
			s.ran(statements)
		}
	}
	if req == nil {
		return policy.Decision{}, errors.New("there is no text to explain")
	}
	e := &explanation{printer: newPrinter(w), text: text}
	e.head(p, &q)
	e.statements(req)
	e.rules(p.Rules(), steps, len(req.Statements))
	e.answer(&d)
	return d, e.flush()
}

// explanation is the way of a decision in the writing.
type explanation struct {
	printer
	text string
}

func (e *explanation) head(p *policy.Policy, q *Question) {
	transport := "over TLS"
	if !q.Session.TLS {
		transport = "without TLS"
	}
	e.printf("who       %s on %s, from %s %s, proven by %s\n", q.Identity.User, q.Session.Database, q.Session.Address, transport, q.Identity.Method)
	if q.Identity.Subject != "" || len(q.Identity.Groups) > 0 {
		e.printf("token     subject %q of %q, groups %s\n", q.Identity.Subject, q.Identity.Issuer, strings.Join(q.Identity.Groups, ", "))
	}
	if q.Time != "" {
		e.printf("when      %s\n", q.Time)
	}
	e.printf("policy    %s, %s\n", p.Name(), counted(len(p.Rules()), "rule"))
}

func (e *explanation) statements(req *policy.Request) {
	if req.Problem != nil {
		e.printf("\nthe text cannot be read: %s\n", req.Problem.Message)
		e.excerptAt(req.Problem.Position)
		return
	}
	if len(req.Statements) == 0 {
		e.printf("\nthe text holds no statement\n")
	}
	for i := range req.Statements {
		e.statement(i, len(req.Statements), &req.Statements[i])
	}
}

func (e *explanation) statement(i, of int, st *statement.Statement) {
	title := "statement"
	if of > 1 {
		title = fmt.Sprintf("statement %d of %d", i+1, of)
	}
	e.printf("\n%s: %s\n", title, st.Kind)
	for n, effect := range st.Effects {
		if n == mostShown {
			e.printf("  and %s more\n", counted(len(st.Effects)-n, "effect"))
			break
		}
		e.printf("  %s: %s\n", effect.Kind, effect.What)
		e.excerpt(effect.Position)
	}
	for _, access := range []statement.Access{statement.Read, statement.Write, statement.Create, statement.Alter} {
		is := func(r statement.Relation) bool { return r.Access == access }
		e.list(accessVerbs[access], wordsOf(st.Relations, is, func(r statement.Relation) string { return e.relation(r) }))
	}
	for _, use := range []statement.ColumnUse{statement.Output, statement.Used, statement.Written} {
		is := func(c statement.Column) bool { return c.Use == use }
		e.list(columnVerbs[use], wordsOf(st.Columns, is, func(c statement.Column) string { return columnWords(c) + e.at(c.Position) }))
	}
	e.list("calls", wordsOf(st.Functions, nil, func(f statement.Function) string {
		return statement.Relation{Schema: f.Schema, Name: f.Name}.String() + e.at(f.Position)
	}))
	e.list("reaches", wordsOf(st.Destinations, nil, destinationWords))
	e.list("sets", wordsOf(st.Settings, nil, func(s statement.Setting) string { return s.Name + e.at(s.Position) }))
}

var accessVerbs = map[statement.Access]string{
	statement.Read: "reads", statement.Write: "writes", statement.Create: "creates", statement.Alter: "alters",
}

var columnVerbs = map[statement.ColumnUse]string{
	statement.Output: "gives out", statement.Used: "looks at", statement.Written: "writes columns",
}

// columnWords writes schema.relation.column, as far as the text tells.
func columnWords(c statement.Column) string {
	if c.Relation == "" {
		return c.String() + " of one of the relations"
	}
	return c.String()
}

// wordsOf words the items of a list that are wanted; nil wants all.
func wordsOf[T any](list []T, wanted func(T) bool, words func(T) string) []string {
	var out []string
	for _, item := range list {
		if wanted == nil || wanted(item) {
			out = append(out, words(item))
		}
	}
	return out
}

func (e *explanation) list(verb string, words []string) {
	if len(words) == 0 {
		return
	}
	if more := len(words) - mostShown; more > 0 {
		words = append(slices.Clone(words[:mostShown]), fmt.Sprintf("and %d more", more))
	}
	e.printf("  %s %s\n", verb, strings.Join(words, ", "))
}

func (e *explanation) relation(r statement.Relation) string {
	words := r.String() + e.at(r.Position)
	if r.Schema == "" {
		words += " (in whatever schema search_path finds it)"
	}
	return words
}

// destinationWords says where data would go. A user name is not among it.
func destinationWords(d statement.Destination) string {
	words := "the " + string(d.Type)
	switch d.Type {
	case statement.ToClient:
		return words
	case statement.ToServer:
		words = "server " + orUnknown(d.Host)
		if d.Port != 0 {
			words += fmt.Sprintf(" port %d", d.Port)
		}
		words += " database " + orUnknown(d.Database)
	case statement.ToFile, statement.ToProgram, statement.ToURL:
		words = string(d.Type) + " " + orUnknown(d.Path)
	}
	return words
}

func orUnknown(word string) string {
	if word == "" {
		return "unknown"
	}
	return word
}

// place turns a place in the text, in bytes, into a line and column; false
// if it is not known.
func (e *explanation) place(offset int) (strictyaml.Position, bool) {
	if offset < 0 || offset > len(e.text) {
		return strictyaml.Position{}, false
	}
	before := e.text[:offset]
	line := strings.LastIndexByte(before, '\n') + 1
	return strictyaml.Position{Line: strings.Count(before, "\n") + 1, Column: utf8.RuneCountInString(before[line:]) + 1}, true
}

func (e *explanation) at(position int) string {
	if at, known := e.place(statement.Locate(e.text, position)); known {
		return fmt.Sprintf(" at %d:%d", at.Line, at.Column)
	}
	return ""
}

func (e *explanation) excerpt(position int) { e.excerptAt(statement.Locate(e.text, position)) }

// excerptAt shows where an offset in the text is.
func (e *explanation) excerptAt(offset int) {
	if at, known := e.place(offset); known {
		e.printf("%s\n", strictyaml.Excerpt(e.text, at))
	}
}

// answer writes the verdict and what the client would read.
func (e *explanation) answer(d *policy.Decision) {
	e.printf("\nverdict   %s by rule %s\n", d.Verdict, d.Rule)
	e.excerptAt(d.PlaceIn(e.text))
	message, detail, hint := policy.Explain(*d, exampleID)
	label := "DETAIL    "
	if d.Verdict == policy.Allow {
		label = "because   " // the client is told nothing of it
	} else {
		e.printf("MESSAGE   %s\n", message)
	}
	if detail != "" {
		e.printf("%s%s\n", label, strings.ReplaceAll(detail, "\n", "\n          "))
	}
	if hint != "" {
		e.printf("HINT      %s\n", hint)
	}
	if d.SQLSTATE != "" {
		e.printf("SQLSTATE  %s\n", d.SQLSTATE)
	}
	for _, notice := range d.Notices {
		e.printf("WARNING   sluice: %s (%s)\n", notice.Text, notice.Position)
	}
	for _, shadow := range d.Shadow {
		e.printf("shadow    %s (%s)\n", shadow.Text, shadow.Position)
	}
	if len(d.Classes) > 0 {
		e.printf("classes   %s\n", strings.Join(d.Classes, ", "))
	}
	if d.Verdict != policy.Deny && d.LimitsRule != "" {
		e.printf("limits    %s\n", limitWords(d))
	}
}

// limitWords says how much may come back, and who says so.
func limitWords(d *policy.Decision) string {
	var words []string
	if d.Limits.Rows > 0 {
		words = append(words, fmt.Sprintf("%d rows", d.Limits.Rows))
	}
	if d.Limits.Bytes > 0 {
		words = append(words, policy.BytesWords(d.Limits.Bytes))
	}
	if d.Limits.Duration > 0 {
		words = append(words, policy.DurationWords(d.Limits.Duration))
	}
	if len(words) == 0 {
		words = append(words, "none")
	}
	by := " by " + d.LimitsRule
	if d.LimitsPosition != "" {
		by += " (" + d.LimitsPosition + ")"
	}
	return strings.Join(words, ", ") + by
}
