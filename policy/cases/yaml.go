package cases

import (
	"bytes"
	"slices"
	"strings"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
	"github.com/sluice-pg/sluice/policy/strictyaml"
)

// maxTexts is how many texts one session has at most.
const maxTexts = 1000

// yamlFile is the YAML form of a verdict file.
type yamlFile struct {
	strictyaml.Position
	Version  *int        `yaml:"version"`
	Defaults factsEntry  `yaml:"defaults,nullable"`
	Cases    []caseEntry `yaml:"cases,nullable"`
}

// factsEntry holds the facts of all cases of a file.
type factsEntry struct {
	As        strictyaml.Text            `yaml:"as"`
	Database  strictyaml.Text            `yaml:"database"`
	Address   strictyaml.Text            `yaml:"address"`
	Method    strictyaml.Text            `yaml:"method"`
	Issuer    strictyaml.Text            `yaml:"issuer"`
	Subject   strictyaml.Text            `yaml:"subject"`
	Groups    []strictyaml.Text          `yaml:"groups"`
	ACR       strictyaml.Text            `yaml:"acr"`
	AMR       []strictyaml.Text          `yaml:"amr"`
	TLS       *bool                      `yaml:"tls"`
	Time      strictyaml.Text            `yaml:"time"`
	App       strictyaml.Text            `yaml:"application_name"`
	Shared    *bool                      `yaml:"shared_password"`
	Declared  map[string]strictyaml.Text `yaml:"declared"`
	Places    []placeEntry               `yaml:"places"`
	Functions []functionEntry            `yaml:"functions"`
}

type caseEntry struct {
	strictyaml.Position
	Name      strictyaml.Text            `yaml:"name"`
	As        strictyaml.Text            `yaml:"as"`
	Database  strictyaml.Text            `yaml:"database"`
	Address   strictyaml.Text            `yaml:"address"`
	Method    strictyaml.Text            `yaml:"method"`
	Issuer    strictyaml.Text            `yaml:"issuer"`
	Subject   strictyaml.Text            `yaml:"subject"`
	Groups    []strictyaml.Text          `yaml:"groups"`
	ACR       strictyaml.Text            `yaml:"acr"`
	AMR       []strictyaml.Text          `yaml:"amr"`
	TLS       *bool                      `yaml:"tls"`
	Time      strictyaml.Text            `yaml:"time"`
	App       strictyaml.Text            `yaml:"application_name"`
	Shared    *bool                      `yaml:"shared_password"`
	Declared  map[string]strictyaml.Text `yaml:"declared"`
	Places    []placeEntry               `yaml:"places"`
	Functions []functionEntry            `yaml:"functions"`
	Text      *strictyaml.Text           `yaml:"text"`
	Texts     []strictyaml.Text          `yaml:"texts"`
	Expect    *expectEntry               `yaml:"expect"`
}

func (e *caseEntry) facts() *factsEntry {
	return &factsEntry{
		e.As, e.Database, e.Address, e.Method, e.Issuer, e.Subject, e.Groups, e.ACR, e.AMR, e.TLS, e.Time, e.App, e.Shared, e.Declared, e.Places, e.Functions,
	}
}

type placeEntry struct {
	strictyaml.Position
	Name     string   `yaml:"name"`
	Address  string   `yaml:"address"`
	Measured string   `yaml:"measured"`
	Findings []string `yaml:"findings"`
	Problem  string   `yaml:"problem"`
	// What a floor is compared with, in the words of policy.Place.
	TLS            strictyaml.Text `yaml:"tls"`
	Authentication strictyaml.Text `yaml:"authentication"`
	Replication    strictyaml.Text `yaml:"replication"`
}

type functionEntry struct {
	strictyaml.Position
	Signature string `yaml:"signature"`
	Body      string `yaml:"body"`
}

type expectEntry struct {
	strictyaml.Position
	Verdict        strictyaml.Text   `yaml:"verdict"`
	Rule           strictyaml.Text   `yaml:"rule"`
	Kind           strictyaml.Text   `yaml:"kind"`
	Subject        strictyaml.Text   `yaml:"subject"`
	Classes        []strictyaml.Text `yaml:"classes"`
	ReasonContains strictyaml.Text   `yaml:"reason_contains"`
}

// readYAML reads the YAML form.
func readYAML(name string, data []byte) (*File, error) {
	document, err := strictyaml.Open(name, data)
	if err != nil {
		return nil, err
	}
	var in yamlFile
	if err := document.Decode(&in); err != nil {
		return nil, err
	}
	r := &yamlReader{errs: document.Errors()}
	f := &File{Name: name, data: bytes.Clone(data), document: document}
	if in.Version == nil || *in.Version != 1 {
		r.errs.Addf(in.Position, "a file of cases begins with version: 1")
	}
	defaults := NewQuestion()
	r.facts(&in.Defaults, &defaults)
	for i := range in.Cases {
		f.Cases = append(f.Cases, r.entry(&in.Cases[i], defaults))
	}
	if err := finish(f, r.errs); err != nil {
		return nil, err
	}
	return f, nil
}

// yamlReader turns the YAML form into cases and collects what is wrong.
type yamlReader struct{ errs *strictyaml.Errors }

func (r *yamlReader) entry(e *caseEntry, defaults Question) Case {
	c := Case{Name: e.Name.Value, Place: e.Position, Question: defaults}
	r.facts(e.facts(), &c.Question)
	if c.Question.Identity.User == "" {
		r.errs.Addf(e.Position, "the case does not say who asks: give it as, or give defaults one")
	}
	switch {
	case (e.Text == nil) == (e.Texts == nil):
		r.errs.Addf(e.Position, "a case has either text, or texts for a session")
	case e.Text != nil:
		c.Question.Texts = []string{e.Text.Value}
	case len(e.Texts) == 0 || len(e.Texts) > maxTexts:
		r.errs.Addf(e.Position, "texts holds from 1 to %d texts", maxTexts)
	}
	for _, text := range e.Texts {
		c.Question.Texts = append(c.Question.Texts, text.Value)
	}
	if e.Expect == nil {
		r.errs.Addf(e.Position, "the case expects nothing: give it expect: {verdict: deny}")
		return c
	}
	c.Expect = r.expectation(e.Expect)
	return c
}

// facts sets what an entry says and leaves the rest.
func (r *yamlReader) facts(e *factsEntry, q *Question) {
	if !e.As.IsZero() {
		q.Identity.User = e.As.Value
	}
	for _, f := range []struct {
		key  string
		text strictyaml.Text
	}{{"database", e.Database}, {"address", e.Address}, {"method", e.Method}, {"issuer", e.Issuer}, {"subject", e.Subject}, {"acr", e.ACR}, {"time", e.Time}, {"application_name", e.App}} {
		r.set(q, f.key, f.text)
	}
	if e.Groups != nil {
		q.Identity.Groups = sortedTexts(e.Groups)
	}
	if e.AMR != nil {
		q.Identity.AMR = sortedTexts(e.AMR)
	}
	if e.TLS != nil {
		q.Session.TLS = *e.TLS
	}
	if e.Shared != nil {
		q.Session.SharedPassword = *e.Shared
	}
	for name, text := range e.Declared {
		r.set(q, declaredKey+name, text)
	}
	for i := range e.Places {
		r.place(&e.Places[i], q)
	}
	if e.Functions != nil {
		q.Functions = nil
	}
	for _, f := range e.Functions {
		if f.Signature == "" || f.Body == "" {
			r.errs.Addf(f.Position, "a function has a signature, such as public.f(text), and a body, such as sha256: and its digest")
		}
		q.Functions = append(q.Functions, policy.FunctionFact{Signature: f.Signature, Body: f.Body})
	}
}

// sortedTexts are sorted, each once, as they are taken from a token.
func sortedTexts(texts []strictyaml.Text) []string {
	var out []string
	for _, text := range texts {
		out = append(out, text.Value)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (r *yamlReader) set(q *Question, key string, text strictyaml.Text) {
	if text.IsZero() {
		return
	}
	if err := q.Set(key, text.Value); err != nil {
		r.errs.Addf(text.Position, "%v", err)
	}
}

func (r *yamlReader) place(e *placeEntry, q *Question) {
	place := policy.Place{
		Name: e.Name, Address: e.Address, Findings: slices.Clone(e.Findings), Problem: e.Problem,
		TLS: r.oneOf(e.TLS, tlsWords), Authentication: r.oneOf(e.Authentication, authenticationWords), Replication: r.oneOf(e.Replication, replicationWords),
	}
	if e.Measured != "" {
		at := *q
		if err := at.at(e.Measured); err != nil {
			r.errs.Addf(e.Position, "measured: %v", err)
		}
		place.MeasuredAt = at.Time
	}
	if err := q.measured(place); err != nil {
		r.errs.Addf(e.Position, "%v", err)
	}
}

// The words of a measurement that a floor is compared with.
var (
	tlsWords            = []string{"none", "offered", "required", "verified"}
	authenticationWords = []string{"trust", "ident", "password", "md5", "scram", "certificate", "rejected", "unknown"}
	replicationWords    = []string{"open", "closed", "unknown"}
)

func (r *yamlReader) oneOf(text strictyaml.Text, words []string) string {
	if !text.IsZero() && !slices.Contains(words, text.Value) {
		r.errs.Addf(text.Position, "%q is not known here%s", text.Value, orKnown(text.Value, words))
	}
	return text.Value
}

func (r *yamlReader) expectation(e *expectEntry) Expectation {
	x := Expectation{
		Rule: e.Rule.Value, Kind: e.Kind.Value, Subject: e.Subject.Value,
		ReasonContains: strings.TrimSpace(e.ReasonContains.Value),
	}
	switch {
	case e.Verdict.IsZero():
		r.errs.Addf(e.Position, "what is expected begins with a verdict: deny, allow, mask, carry or hold")
	case x.Verdict.UnmarshalText([]byte(e.Verdict.Value)) != nil:
		r.errs.Addf(e.Verdict.Position, "%q is not a verdict%s", e.Verdict.Value, orKnown(e.Verdict.Value, verdictWords))
	}
	if _, err := statement.ParseKind(x.Kind); err != nil && x.Kind != "" {
		r.errs.Addf(e.Kind.Position, "%q is not a kind%s", x.Kind, orKnown(x.Kind, kindWords()))
	}
	if e.Classes != nil {
		x.Classes = []string{}
	}
	for _, text := range e.Classes {
		x.Classes = append(x.Classes, text.Value)
	}
	slices.Sort(x.Classes)
	for _, text := range []strictyaml.Text{e.Rule, e.Kind, e.Subject, e.ReasonContains} {
		if !text.IsZero() && strings.TrimSpace(text.Value) == "" {
			r.errs.Addf(text.Position, "nothing is expected here: leave the key out")
		}
	}
	return x
}
