package check

import (
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/sluice-pg/sluice/policy/script"
	"github.com/sluice-pg/sluice/policy/statement"
)

// maxStatement bounds the statement of a line of NDJSON, in bytes.
const maxStatement = 2 << 10

// NDJSON writes one JSON object a statement, each on a line of its own. All
// keys are always there.
type NDJSON struct {
	encoder *json.Encoder
	talk    io.Writer
}

// NewNDJSON returns a sink that writes objects to out and notes, as lines of
// text, to talk.
func NewNDJSON(out, talk io.Writer) *NDJSON {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	return &NDJSON{e, talk}
}

// line is the JSON form of a finding.
type line struct {
	File        string         `json:"file"`
	Line        int            `json:"line"`
	Column      int            `json:"column"`
	Kind        statement.Kind `json:"kind"`
	Effects     []string       `json:"effects"`
	Relations   []string       `json:"relations"`
	Columns     []string       `json:"columns"`
	Functions   []string       `json:"functions"`
	Destination destination    `json:"destination"`
	Verdict     string         `json:"verdict"`
	Reasons     []reason       `json:"reasons"`
	Statement   string         `json:"statement"`
}

type reason struct {
	Rule     string `json:"rule"`
	Position string `json:"position"`
	Text     string `json:"text"`
}

// destination is where data would go. Path is a file or program: on the
// server, or on the client if that is the type.
type destination struct {
	Type     statement.DestinationType `json:"type,omitempty"`
	Name     string                    `json:"name,omitempty"`
	Host     string                    `json:"host,omitempty"`
	Port     int                       `json:"port,omitempty"`
	Database string                    `json:"database,omitempty"`
	User     string                    `json:"user,omitempty"`
	Path     string                    `json:"path,omitempty"`
}

// Finding implements Sink.
func (n *NDJSON) Finding(f *Finding) error {
	l := line{
		File: f.File, Line: f.Line, Column: f.Column, Kind: f.Statement.Kind,
		Effects: kinds(&f.Statement), Relations: []string{}, Columns: []string{}, Functions: []string{},
		Destination: destinationOf(f), Verdict: f.Verdict(), Reasons: []reason{}, Statement: bounded(f.Text, maxStatement),
	}
	if f.Sent != "" {
		l.Statement = bounded(f.Sent, maxStatement)
	}
	for _, r := range f.Statement.Relations {
		l.Relations = appendNew(l.Relations, r.String())
	}
	for _, c := range f.Statement.Columns {
		l.Columns = appendNew(l.Columns, c.String())
	}
	for _, fn := range f.Statement.Functions {
		l.Functions = appendNew(l.Functions, statement.Relation{Schema: fn.Schema, Name: fn.Name}.String())
	}
	for _, r := range f.reasons() {
		l.Reasons = append(l.Reasons, reason{r.Rule, r.Position, r.Text})
	}
	return n.encoder.Encode(l)
}

// Note implements Sink.
func (n *NDJSON) Note(note Note) error {
	_, err := fmt.Fprintf(n.talk, "%s:%d:%d: note: %s\n", printable(note.File), note.Line, note.Column, printable(note.Text))
	return err
}

// kinds are those of the effects, worst first, each once.
func kinds(st *statement.Statement) []string {
	all := []string{}
	for _, e := range st.Effects {
		all = appendNew(all, e.Kind.String())
	}
	if len(all) == 0 {
		all = append(all, st.Kind.String())
	}
	return all
}

func appendNew(list []string, s string) []string {
	for _, have := range list {
		if have == s {
			return list
		}
	}
	return append(list, s)
}

// destinationOf is the place that is farthest from the session.
func destinationOf(f *Finding) destination {
	order := []statement.DestinationType{statement.ToServer, statement.ToURL, statement.ToProgram, statement.ToFile, statement.ToClient}
	for _, kind := range order {
		for _, d := range f.Statement.Destinations {
			if d.Type != kind {
				continue
			}
			out := destination{d.Type, d.Name, d.Host, d.Port, d.Database, d.User, d.Path}
			if kind == statement.ToClient && (f.Local.Kind == script.LocalFile || f.Local.Kind == script.LocalProgram) {
				out.Path = bounded(f.Local.Name, maxStatement)
			}
			return out
		}
	}
	return destination{}
}

// bounded cuts a text after a whole character.
func bounded(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}
