package ledger

import (
	"fmt"
	"strings"
	"time"

	"github.com/sluice-pg/sluice/audit/verify"
)

// Row is one copy of a listing.
type Row struct {
	Copy string `json:"copy"`
	// State is what a person needs to know first, Notes what else is to know
	// about it.
	State State    `json:"state"`
	Notes []string `json:"notes,omitempty"`
	Life  Life     `json:"life"`
	// Severity is empty if the copy was last seen protected as it must be.
	Severity Severity `json:"severity,omitempty"`
	Frozen   bool     `json:"frozen,omitempty"`
	// Damaged is true if an event about it could not be read.
	Damaged bool `json:"damaged,omitempty"`
	// Healthy is true if nobody needs to look at it.
	Healthy bool `json:"healthy"`
	// Unsigned is true if what is known of it is not all signed yet.
	Unsigned bool `json:"unsigned,omitempty"`

	Origin      *OriginName      `json:"origin,omitempty"`
	Destination *DestinationName `json:"destination,omitempty"`
	Classes     []ClassHeld      `json:"classes,omitempty"`
	Owner       string           `json:"owner,omitempty"`
	Person      string           `json:"person,omitempty"`
	Request     string           `json:"request,omitempty"`
	Begun       time.Time        `json:"begun,omitzero"`
	Published   time.Time        `json:"published,omitzero"`
	Expires     time.Time        `json:"expires,omitzero"`
	Ended       time.Time        `json:"ended,omitzero"`
	Rows        int64            `json:"rows,omitempty"`
	Bytes       int64            `json:"bytes,omitempty"`
	Open        *OpenFor         `json:"open,omitempty"`
}

// OriginName says from where a copy is.
type OriginName struct {
	Place     string   `json:"place"`
	Database  string   `json:"database"`
	Relations []string `json:"relations"`
}

// DestinationName says where a copy is.
type DestinationName struct {
	Place     string   `json:"place"`
	Address   string   `json:"address"`
	Database  string   `json:"database"`
	Relations []string `json:"relations"`
}

// OpenFor is how long a copy was open, in milliseconds.
type OpenFor struct {
	Least int64 `json:"least_ms"`
	Most  int64 `json:"most_ms"`
	Times int   `json:"times"`
	Now   bool  `json:"now"`
}

// row describes a copy at a time.
func (l *Ledger) row(c *Copy, now time.Time, proof Proof) Row {
	r := Row{
		Copy: c.ID, State: c.State(), Life: c.Life, Severity: c.Severity, Frozen: c.Frozen, Damaged: c.Damaged,
		Healthy: l.healthy(c, now), Unsigned: proof.open(c.last), Classes: c.Classes(), Request: c.Request,
		Begun: c.BegunAt, Published: c.PublishedAt, Expires: c.Expires, Ended: c.EndedAt,
	}
	if b := c.Begun; b != nil {
		r.Owner, r.Person = b.Owner, b.Person
		r.Origin = &OriginName{Place: b.Origin.Place, Database: b.Origin.Database}
		for _, of := range b.Origin.Relations {
			r.Origin.Relations = append(r.Origin.Relations, of.Schema+"."+of.Name)
		}
		r.Destination = &DestinationName{Place: b.Destination.Place, Address: b.Destination.Address, Database: b.Destination.Database}
		for i := range b.Targets {
			r.Destination.Relations = append(r.Destination.Relations, b.Targets[i].Schema+"."+b.Targets[i].Name)
		}
	}
	if c.Receipt != nil {
		for i := range c.Receipt.Relations {
			r.Rows, r.Bytes = r.Rows+c.Receipt.Relations[i].Rows, r.Bytes+c.Receipt.Relations[i].Bytes
		}
	}
	if open := l.exposed(c, now); open.Times > 0 {
		r.Open = &OpenFor{open.Least.Milliseconds(), open.Most.Milliseconds(), open.Times, open.Now}
	}
	r.Notes = l.notes(c, now)
	if c.Gone() && proof.open(c.ended) {
		r.Notes = append(r.Notes, "which is not proven")
	}
	return r
}

// notes are what the state of a copy does not say.
func (l *Ledger) notes(c *Copy, now time.Time) []string {
	var notes []string
	note := func(is bool, what string) {
		if is {
			notes = append(notes, what)
		}
	}
	state := c.State()
	note(state == StateDrifted, string(c.Severity))
	note(state == StateDrifted && c.Frozen, "frozen")
	note(state != StateDrifted && !c.Gone() && c.Severity.open(), "was open")
	note(c.Life == LifeFailed && !c.Gone(), "rows may be left")
	note(c.Life == LifeLive && !c.Expires.IsZero() && !now.Before(c.Expires), "its time is over")
	note(c.Life == LifeExpired && state != State(LifeExpired), "expired")
	if p := l.placeOf(c); p != nil && !c.Gone() {
		note(p.Severity == SeverityServer, "its place is open")
		note(p.Severity == SeverityUnknown, "its place is not known to be safe")
	}
	note(c.disputed, "two beginnings have its id")
	note(c.Damaged && !c.disputed, "an event of it was not understood")
	note(c.Begun == nil, "nothing is known of its beginning")
	return notes
}

// placeOf is what is known of the place of a copy, nil if nothing is.
func (l *Ledger) placeOf(c *Copy) *Place {
	if c.Begun == nil {
		return nil
	}
	return l.places[c.Begun.Destination.Place]
}

// healthy is Copy.Healthy with what is known of the place.
func (l *Ledger) healthy(c *Copy, now time.Time) bool {
	p := l.placeOf(c)
	return c.Healthy(now) && (c.Gone() || p == nil || !p.Severity.open())
}

// Proof says what of a trail is proven.
type Proof struct {
	// Checked is false if nobody could check; Problem says why.
	Checked bool `json:"checked"`
	// OK is true if nothing is wrong with the trail.
	OK bool `json:"ok"`
	// Good is how many records, from the first on, are proven, and GoodTime
	// the time of the last of them.
	Good     int64  `json:"good"`
	GoodTime string `json:"good_time,omitempty"`
	// Unsigned is how many later records are not signed yet.
	Unsigned int64  `json:"unsigned"`
	Key      string `json:"key,omitempty"`
	Problem  string `json:"problem,omitempty"`
}

// ProofOf takes what a listing says about its trail from a verifier's report.
func ProofOf(r verify.Report) Proof {
	p := Proof{Checked: true, OK: r.OK, Good: r.Good, GoodTime: r.GoodTime, Unsigned: r.Unsigned, Key: r.Key}
	if r.Problem != nil {
		p.Problem = r.Problem.String()
	}
	return p
}

// open tells whether the trail was checked and a record is not proven.
func (p Proof) open(index int64) bool { return p.Checked && index >= p.Good }

// String says it in one line.
func (p Proof) String() string {
	switch {
	case !p.Checked:
		return "not proven: " + p.Problem
	case !p.OK && p.Good == 0:
		return "NOT GENUINE: " + p.Problem + "; no record is proven"
	case !p.OK:
		return fmt.Sprintf("NOT GENUINE: %s; proven is only what happened up to %s (record %d)", p.Problem, p.GoodTime, p.Good-1)
	case p.Good == 0:
		return "not proven: nothing is signed yet"
	}
	line := fmt.Sprintf("proven up to %s (record %d) by the key %s", p.GoodTime, p.Good-1, p.Key)
	if p.Unsigned > 0 {
		line += "; " + counted(p.Unsigned, "later record") + " not signed yet"
	}
	return line
}

// ParseState reads a state as people write it.
func ParseState(s string) (State, error) {
	var words []string
	for _, state := range States {
		if string(state) == s {
			return state, nil
		}
		words = append(words, string(state))
	}
	return "", fmt.Errorf("%q is not a state; there are %s", s, strings.Join(words, ", "))
}
