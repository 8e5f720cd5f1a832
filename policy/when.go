package policy

import (
	"cmp"
	"slices"
	"time"

	"github.com/sluice-pg/sluice/policy/condition"
	"github.com/sluice-pg/sluice/policy/statement"
)

// holds evaluates a rule's condition; a rule without one always holds. An
// error is a condition that could not be evaluated: a deny rule then counts
// as matching, and any other gives no leave.
func (c *ruling) holds(r *rule) (bool, error) {
	if r.when == nil {
		return true, nil
	}
	if r.when.UsesTime() || r.when.UsesDestination() {
		c.judge.volatile = true
	}
	if c.input == nil {
		c.input = c.conditionInput()
	}
	return r.when.Holds(c.input)
}

// conditionInput gathers what conditions may look at.
func (c *ruling) conditionInput() *condition.Input {
	req := c.judge.req
	in := &condition.Input{
		Identity: condition.Identity{
			User: req.Identity.User, Method: req.Identity.Method, Issuer: req.Identity.Issuer, Subject: req.Identity.Subject,
			Groups: req.Identity.Groups, ACR: req.Identity.ACR, AMR: req.Identity.AMR,
		},
		Session: condition.Session{
			Database: req.Session.Database, Address: req.Session.Address, TLS: req.Session.TLS,
			ApplicationName: req.Session.ApplicationName, SharedPassword: req.Session.SharedPassword,
			Declared: req.Session.Declared,
		},
		Statement: c.conditionStatement(),
		Purpose:   purposeOf(req.Session.Declared),
	}
	if in.Session.Declared == nil {
		in.Session.Declared = map[string]string{}
	}
	if now, err := time.Parse(time.RFC3339Nano, req.Time); err == nil {
		in.Now = now.UTC()
	}
	for _, d := range serverDestinations(c.st) {
		in.Destinations = append(in.Destinations, c.conditionDestination(d))
	}
	return in
}

// purposeOf is what a client says it is here for. Where the purpose chooses the
// credential, the reason says more.
func purposeOf(d Declared) string {
	purpose, reason := d["purpose"], d["reason"]
	if reason != "" && slices.Contains(purposeNames, purpose) {
		return reason
	}
	return cmp.Or(purpose, reason)
}

func (c *ruling) conditionStatement() condition.Statement {
	st := c.st
	out := condition.Statement{Kind: st.Kind.String(), Node: st.Node}
	for _, e := range st.Effects {
		out.Effects = appendNew(out.Effects, e.Kind.String())
	}
	for _, r := range st.Relations {
		out.Relations = appendNew(out.Relations, r.String())
	}
	for _, f := range st.Functions {
		out.Functions = appendNew(out.Functions, dotted(f.Schema, f.Name))
	}
	for _, col := range st.Columns {
		name := col.Name
		if col.Star {
			name = "*"
		}
		out.Columns = appendNew(out.Columns, dotted(col.Schema, dotted(col.Relation, name)))
	}
	t := c.touch()
	for _, contact := range t.contacts {
		out.Classes = addWord(out.Classes, contact.entry.class)
	}
	if t.unnamed {
		for _, entry := range c.judge.everyEntry() {
			out.Classes = addWord(out.Classes, entry.class)
		}
	}
	for _, s := range st.Settings {
		out.Settings = appendNew(out.Settings, s.Name)
	}
	return out
}

func (c *ruling) conditionDestination(d statement.Destination) condition.Destination {
	out := condition.Destination{Type: string(d.Type), Host: d.Host, Port: int64(portOf(d.Port)), Database: d.Database}
	def, known := c.judge.place(d)
	if known == named {
		out.Name = def.Name
	}
	for _, fact := range c.judge.measurements(d, def) {
		out.Measured = fact.Problem == ""
		out.Findings = append(out.Findings, fact.Findings...)
	}
	return out
}

// dotted writes schema.name, or the bare name.
func dotted(schema, name string) string {
	if schema == "" {
		return name
	}
	return schema + "." + name
}

// appendNew appends a word that is not the last one; repeated names tend to
// follow each other.
func appendNew(list []string, word string) []string {
	if len(list) > 0 && list[len(list)-1] == word {
		return list
	}
	return append(list, word)
}
