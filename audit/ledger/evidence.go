package ledger

import "fmt"

// Evidence is one thing that was seen.
type Evidence struct {
	// At is when.
	At Moment `json:"at"`
	// How it was seen.
	How How `json:"how"`
	// Vantage is from where: a host, a probe's name. Empty is the proxy.
	Vantage string `json:"vantage,omitempty"`
	// What was seen, in a sentence of names and facts.
	What string `json:"what"`
}

// How is how something was seen.
type How string

// The ways to see something.
const (
	// HowCatalog is a query of the server's catalogs.
	HowCatalog How = "catalog"
	// HowInside is a look at the server's settings and state from a session.
	HowInside How = "inside"
	// HowOutside is a connection that anybody could make.
	HowOutside How = "outside"
	// HowAttested is the word of a person or a system that signs.
	HowAttested How = "attested"
	// HowReported is an error or a silence of the server.
	HowReported How = "reported"
)

// Deficit is one way in which a place or a copy is less well protected than it
// must be.
type Deficit struct {
	// Code is a short name that stays the same, such as public-reader.
	Code string `json:"code"`
	// Columns are those concerned, empty for all.
	Columns []string `json:"columns,omitempty"`
	// Instead is what would be right, or what to do.
	Instead string `json:"instead,omitempty"`
	// Path is how the subject gets there: memberships, views, functions.
	Path string `json:"path,omitempty"`
	// Relation is the relation concerned as schema.name, empty for a server.
	Relation string `json:"relation,omitempty"`
	// Subject is who could read or enter.
	Subject string `json:"subject,omitempty"`
	// What is the fact in a sentence.
	What string `json:"what"`
}

func (c *check) evidence(what string, list []Evidence) {
	c.must(len(list) <= MaxList, "%s are %d, more than %d", what, len(list), MaxList)
	for i := range list {
		where := fmt.Sprintf("%s[%d]", what, i)
		c.moment(where+".at", list[i].At)
		oneOf(c, where+".how", list[i].How, HowCatalog, HowInside, HowOutside, HowAttested, HowReported)
		c.maybe(where+".vantage", list[i].Vantage)
		c.text(where+".what", list[i].What)
	}
}

// proof is evidence without which something must not be said.
func (c *check) proof(what string, list []Evidence, how How) {
	c.evidence(what, list)
	for i := range list {
		if list[i].How == how {
			return
		}
	}
	c.must(false, "%s has nothing that was seen by %s", what, how)
}

func (c *check) deficits(list []Deficit) {
	c.must(len(list) <= MaxList, "deficits are %d, more than %d", len(list), MaxList)
	for i := range list {
		d := &list[i]
		where := fmt.Sprintf("deficits[%d]", i)
		c.name(where+".code", d.Code)
		c.text(where+".what", d.What)
		c.bounded(where+".instead", d.Instead, MaxText)
		c.bounded(where+".path", d.Path, MaxText)
		c.bounded(where+".relation", d.Relation, 2*maxName+1)
		c.maybe(where+".subject", d.Subject)
		c.must(len(d.Columns) <= MaxList, "%s has %d columns, more than %d", where, len(d.Columns), MaxList)
		for _, column := range d.Columns {
			c.name("a column of "+where, column)
		}
	}
}
