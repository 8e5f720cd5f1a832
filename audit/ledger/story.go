package ledger

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Story is all that a trail says about one copy, for people and programs.
type Story struct {
	SchemaVersion int       `json:"schema_version"`
	At            time.Time `json:"at"`
	Proof         Proof     `json:"proof"`
	Copy          Row       `json:"copy"`
	// Begun is the event it began with, without the facts about protection.
	Begun    *Begun     `json:"begun,omitempty"`
	Receipt  *Published `json:"receipt,omitempty"`
	Failure  *Failed    `json:"failure,omitempty"`
	Deficits []Deficit  `json:"deficits,omitempty"`
	// Exposures are the times in which the copy was open, PlaceExposures those
	// of its place while the copy was there.
	Exposures      []Exposure `json:"exposures"`
	PlaceExposures []Exposure `json:"place_exposures"`
	// Chain is what it was made of and what was made of it, without itself.
	Chain    []ChainRow `json:"chain"`
	Timeline []Entry    `json:"timeline"`
	LeftOut  int        `json:"left_out,omitempty"`
	// Problems are those about this copy and those that may be.
	Problems   []Problem `json:"problems"`
	Incomplete bool      `json:"incomplete"`
}

// ChainRow is another copy of the chain.
type ChainRow struct {
	Link
	// Known is false if the trail does not have it.
	Known bool   `json:"known"`
	State State  `json:"state,omitempty"`
	From  string `json:"from,omitempty"`
	To    string `json:"to,omitempty"`
	Owner string `json:"owner,omitempty"`
}

// Tell makes the story of a copy, nil if there is no such copy.
func (l *Ledger) Tell(id string, at time.Time, proof Proof) *Story {
	chain := l.Chain(id)
	l.mu.RLock()
	defer l.mu.RUnlock()
	c := l.copies[id]
	if c == nil {
		return nil
	}
	s := &Story{
		SchemaVersion: schemaVersion, At: at.UTC(), Proof: proof, Copy: l.row(c, at, proof),
		Begun: c.Begun, Receipt: c.Receipt, Failure: c.Failure, Deficits: c.Deficits,
		Exposures: append([]Exposure{}, c.Exposures...), PlaceExposures: []Exposure{}, Chain: []ChainRow{},
		Timeline: slices.Clone(c.Timeline), LeftOut: c.LeftOut, Problems: []Problem{}, Incomplete: l.incomplete,
	}
	if p := l.placeOf(c); p != nil {
		for _, e := range p.Exposures {
			if within([]Exposure{e}, c.PublishedAt, c.EndedAt, at).Times > 0 && !c.PublishedAt.IsZero() {
				s.PlaceExposures = append(s.PlaceExposures, e)
			}
		}
	}
	for _, link := range chain {
		if link.ID != id {
			s.Chain = append(s.Chain, chainRow(link))
		}
	}
	for _, p := range l.problems {
		if p.Copy == id || p.Copy == "" {
			s.Problems = append(s.Problems, p)
		}
	}
	return s
}

func chainRow(link Link) ChainRow {
	r := ChainRow{Link: link, Known: link.Copy != nil}
	if !r.Known {
		return r
	}
	r.State = link.Copy.State()
	if b := link.Copy.Begun; b != nil {
		r.From, r.To, r.Owner = b.Origin.Place, b.Destination.Place, b.Owner
	}
	return r
}

// Text prints the story.
func (s *Story) Text(w io.Writer, o TextOptions) error {
	var b strings.Builder
	r := &s.Copy
	line(&b, "copy", r.Copy)
	line(&b, "state", painted(r.stateWords(), stateColors[r.State], o.Color))
	if s.Begun != nil {
		s.begun(&b)
	}
	if !r.Expires.IsZero() {
		line(&b, "expires", s.when(r.Expires))
	}
	s.receipt(&b)
	if s.Failure != nil {
		line(&b, "failed", clean(says(s.Failure)))
	}
	for _, d := range s.Deficits {
		line(&b, "deficit", clean(d.words()))
	}
	s.open(&b)
	s.chain(&b)
	s.timeline(&b)
	b.WriteString("\n")
	unsigned := 0
	if r.Unsigned {
		unsigned = 1
	}
	writeProof(&b, s.Proof, unsigned, o)
	writeProblems(&b, s.Problems, 0, s.Incomplete, o)
	_, err := io.WriteString(w, b.String())
	return err
}

// line writes one line with a word before it.
func line(b *strings.Builder, word, text string) { fmt.Fprintf(b, "%-9s %s\n", word, text) }

// begun says what was to be copied.
func (s *Story) begun(b *strings.Builder) {
	of, to := &s.Begun.Origin, &s.Begun.Destination
	line(b, "from", clean(fmt.Sprintf("%s, database %s, system %s: %s", of.Place, of.Database, of.System, few(s.Copy.Origin.Relations, 20))))
	line(b, "to", clean(fmt.Sprintf("%s, database %s, system %s: %s", to.Place, to.Database, to.System, few(s.Copy.Destination.Relations, 20))))
	key := "no TLS"
	if to.CertificateKey != "" {
		key = "certificate key " + to.CertificateKey
	}
	line(b, "at", clean(to.Address+", "+key))
	who := fmt.Sprintf("%s, as role %s", s.Begun.Person, s.Begun.Role)
	for _, more := range []struct{ word, text string }{
		{"request", s.Copy.Request}, {"approval", s.Begun.Approval}, {"ticket", s.Begun.Ticket},
	} {
		if more.text != "" {
			who += ", " + more.word + " " + more.text
		}
	}
	line(b, "for", clean(who))
	if s.Begun.Reason != "" {
		line(b, "reason", clean(s.Begun.Reason))
	}
	line(b, "owner", clean(s.Begun.Owner))
	f := &of.Facts
	line(b, "origin", fmt.Sprintf("%s about its protection, sha256 %s", counted(f.Count, "fact"), f.Sum))
	for i := range s.Begun.Targets {
		s.Begun.Targets[i].columns(b)
	}
}

// columns says what is in the columns of a target about which there is
// something to say.
func (t *Target) columns(b *strings.Builder) {
	for _, c := range t.Columns {
		if len(c.Classes) == 0 && c.Mask == "" {
			continue
		}
		text := fmt.Sprintf("%s.%s.%s", t.Schema, t.Name, c.Name)
		if len(c.Classes) > 0 {
			text += " " + strings.Join(c.Classes, ", ")
		}
		if c.Mask == "" {
			text += ", as it is"
		} else {
			text += ", " + c.Mask
		}
		line(b, "column", clean(text))
	}
}

// receipt says what has arrived.
func (s *Story) receipt(b *strings.Builder) {
	if s.Receipt == nil {
		return
	}
	for i := range s.Receipt.Relations {
		r := &s.Receipt.Relations[i]
		ends := "the same at both ends, " + r.Held
		if r.Read != r.Held {
			ends = "read " + r.Read + ", held " + r.Held
		}
		line(b, "receipt", clean(fmt.Sprintf("%s.%s (OID %d): %s, %s, %s", r.Schema, r.Name, r.OID, counted(r.Rows, "row"), counted(r.Bytes, "byte"), ends)))
	}
	for _, w := range s.Receipt.Warnings {
		line(b, "warning", clean(w))
	}
}

func (d *Deficit) words() string {
	text := d.Code + ": " + d.What
	for _, more := range []struct{ before, text string }{{", ", d.Relation}, {" by ", d.Subject}, {" through ", d.Path}, {"; instead: ", d.Instead}} {
		if more.text != "" {
			text += more.before + more.text
		}
	}
	return text
}

// open says how long the copy was open.
func (s *Story) open(b *strings.Builder) {
	if s.Copy.Open == nil {
		return
	}
	o := s.Copy.Open
	text := fmt.Sprintf("at least %s in all, at most %s", seconds(o.Least), seconds(o.Most))
	if o.Now {
		text += ", and it still is"
	}
	line(b, "open", text)
	for _, e := range s.Exposures {
		line(b, "", e.words("the copy", s.At))
	}
	for _, e := range s.PlaceExposures {
		line(b, "", e.words("its place", s.At))
	}
}

// words says one exposure.
func (e *Exposure) words(of string, now time.Time) string {
	text := fmt.Sprintf("%s: %s, noticed %s", of, e.Severity, e.Noticed.UTC().Format(stamp))
	if !e.LastGood.IsZero() {
		text += fmt.Sprintf(" (at most %s after it began)", seconds(e.Noticed.Sub(e.LastGood).Milliseconds()))
	}
	if e.Closed.IsZero() {
		return text + fmt.Sprintf(", open for %s until now", seconds(now.Sub(e.Noticed).Milliseconds()))
	}
	return text + fmt.Sprintf(", ended %s later by %s", seconds(e.Closed.Sub(e.Noticed).Milliseconds()), e.By)
}

// seconds writes milliseconds as seconds, and what that is where it is long.
func seconds(ms int64) string {
	text := fmt.Sprintf("%d.%03d s", ms/1000, ms%1000)
	if d := time.Duration(ms) * time.Millisecond; d >= 10*time.Minute {
		text += " (" + far(d) + ")"
	}
	return text
}

// stamp is how a timeline writes a time: milliseconds, UTC.
const stamp = "2006-01-02 15:04:05.000Z"

// when is a time and how far it is.
func (s *Story) when(t time.Time) string {
	d := t.Sub(s.At)
	if d <= 0 {
		return minute(t) + ", " + far(-d) + " ago"
	}
	return minute(t) + ", in " + far(d)
}

// far is a distance for people.
func far(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d >= 2*day:
		return counted(int64(d/day), "day")
	case d >= 2*time.Hour:
		return counted(int64(d/time.Hour), "hour")
	}
	return counted(int64(d/time.Minute), "minute")
}

// chain says what it was made of and what was made of it.
func (s *Story) chain(b *strings.Builder) {
	for _, r := range s.Chain {
		text := "not in this trail"
		if r.Known {
			text = fmt.Sprintf("%s to %s, owner %s, %s", dash(r.From), dash(r.To), dash(r.Owner), r.State)
		}
		word, steps := "made of", -r.Depth
		if r.Depth > 0 {
			word, steps = "made into", r.Depth
		}
		far := ""
		if steps > 1 {
			far = fmt.Sprintf(", %d copyings away", steps)
		}
		line(b, word, clean(fmt.Sprintf("%s (%s%s)", r.ID, text, far)))
	}
}

// timeline says what happened.
func (s *Story) timeline(b *strings.Builder) {
	b.WriteString("\n")
	for i, e := range s.Timeline {
		if i == keptFirst && s.LeftOut > 0 {
			fmt.Fprintf(b, "... %d events are left out here ...\n", s.LeftOut)
		}
		request := ""
		if e.ID != "" {
			request = " request " + clean(e.ID)
		}
		fmt.Fprintf(b, "%s  record %d%s  %s: %s\n", e.Time.UTC().Format(stamp), e.Index, request, clean(e.Type), clean(e.Says))
	}
}
