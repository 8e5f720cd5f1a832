package protection

import (
	"cmp"
	"slices"
	"strings"
)

// Outcome is what a comparison finds. The zero value is that it cannot be told,
// which is as good as a no.
type Outcome uint8

// The outcomes.
const (
	// Untold is that something is unknown.
	Untold Outcome = iota
	// Weaker is that somebody can read something there that they cannot here,
	// or more easily.
	Weaker
	// AtLeast is that the destination protects at least as much.
	AtLeast
)

// String says the outcome in a word or two.
func (o Outcome) String() string {
	switch o {
	case Weaker:
		return "weaker"
	case AtLeast:
		return "at least"
	}
	return "unknown"
}

// Rules are what a policy says about a comparison.
type Rules struct {
	// Floor is the weakest entry that is good enough whatever the source has;
	// nobody may get in at a destination below it. Without one (Known is
	// false) a destination must ask for what the source asks for.
	Floor Entry
	// StandsFor lists, for a subject at the destination, the subjects at the
	// source that it may stand for besides itself.
	StandsFor map[string][]string
	// Allow lists what may be read although it could not be at the source.
	Allow []Allowance
	// Trusted are subjects whose ways beneath SQL are reported and not counted.
	Trusted []string
	// RefuseSoft takes conditions at a destination that look at settings for
	// none, since whoever logs in directly can set those to anything.
	RefuseSoft bool
	// SameConditions are pairs of digests of conditions (Facts.Conditions)
	// that the policy calls the same: destination, source.
	SameConditions [][2]string
	// Accept lists what may stay unknown, by code and object; the object "*"
	// stands for all.
	Accept []Unknown
}

// Allowance lets a subject read a column at a destination, by any way; the
// column "*" stands for all. Floors hold all the same.
type Allowance struct{ Subject, Column string }

// Verdict is what a comparison finds, with its reasons.
type Verdict struct {
	Outcome Outcome
	// Deficits are what makes it Weaker, grouped, at most mostDeficits; More
	// says how many more there are.
	Deficits []Deficit
	More     int
	// Unknown is what could not be told and is not accepted.
	Unknown []Unknown
	// Reported are sentences about what was seen and not counted.
	Reported []string
}

const (
	mostDeficits = 50
	mostReported = 50
)

// Compare says whether a destination protects data at least as much as its
// source: every fact there is matched by one here that allows as much, or is
// allowed by the rules. It is a preorder on facts, so it holds along a chain of
// copies if each is compared with the facts of the origin.
func Compare(source, destination *Facts, rules Rules) Verdict {
	c := comparison{rules: rules, byColumn: map[string][]*Fact{}, groups: map[groupKey]*group{}}
	for i := range source.Facts {
		f := &source.Facts[i]
		c.byColumn[f.Column] = append(c.byColumn[f.Column], f)
	}
	for i := range destination.Facts {
		c.judge(&destination.Facts[i])
	}
	return c.verdict(destination)
}

// comparison is one run of Compare.
type comparison struct {
	rules    Rules
	byColumn map[string][]*Fact
	groups   map[groupKey]*group
	order    []*group
	reported []string
}

// judge finds what is wrong with a fact of the destination, if anything.
func (c *comparison) judge(d *Fact) {
	if d.Effort == BeneathSQL && slices.Contains(c.rules.Trusted, d.Subject) {
		c.report(d)
		return
	}
	below := c.belowFloor(d)
	if c.allowed(d) {
		return
	}
	if strings.HasPrefix(d.Subject, unmapped) {
		c.deficit(NoSubject, d, nil)
		return
	}
	cause, nearest := c.match(d)
	if cause == matched || below && (cause == EntersEasier || cause == TravelsOpener) {
		return // the second is told already
	}
	c.deficit(cause, d, nearest)
}

// belowFloor holds a fact against the floor and reports whether it is below.
func (c *comparison) belowFloor(d *Fact) (below bool) {
	floor := c.rules.Floor
	if !floor.Known || d.Subject == SubscribersName {
		return false
	}
	if d.Authentication < floor.Authentication {
		c.deficit(BelowFloor, d, nil)
		below = true
	}
	if d.Transport < floor.Transport {
		c.deficit(BelowTransport, d, nil)
		below = true
	}
	return below
}

func (c *comparison) allowed(d *Fact) bool {
	return !strings.HasPrefix(d.Subject, unmapped) && slices.ContainsFunc(c.rules.Allow, func(a Allowance) bool {
		return a.Subject == d.Subject && (a.Column == d.Column || a.Column == "*")
	})
}

// match looks for a fact of the source that allows as much. If there is none,
// it says what the nearest one lacks.
func (c *comparison) match(d *Fact) (Cause, *Fact) {
	cause, nearest := MayNotRead, (*Fact)(nil)
	if d.Subject == AnyoneName {
		cause = ReadByAnyone
	}
	if d.Subject == SubscribersName {
		cause = SentOn
	}
	for _, s := range c.byColumn[d.Column] {
		if !c.standsFor(d.Subject, s.Subject) || s.Masked > d.Masked {
			continue
		}
		switch found := c.lacks(d, s); {
		case found == matched:
			return matched, s
		case found > cause || nearest == nil:
			cause, nearest = found, s
		}
	}
	return cause, nearest
}

// standsFor reports whether facts about a subject at the source say something
// about one at the destination: what everybody may read, everybody may.
func (c *comparison) standsFor(destination, source string) bool {
	return destination == source || source == AnyoneName && destination != SubscribersName || slices.Contains(c.rules.StandsFor[destination], source)
}

// lacks says what a fact of the source lacks to allow as much as one of the
// destination does, matched if nothing.
func (c *comparison) lacks(d, s *Fact) Cause {
	authentication, transport := s.Authentication, s.Transport
	if floor := c.rules.Floor; floor.Known {
		authentication, transport = min(authentication, floor.Authentication), min(transport, floor.Transport)
	}
	switch {
	case !d.Scope.Within(s.Scope, c.same):
		return SeesMoreRows
	case c.rules.RefuseSoft && d.Scope.Soft && !everything.Within(s.Scope, nil):
		return SoftCondition
	case d.Effort < s.Effort:
		return NeedsLess
	case d.Authentication < authentication:
		return EntersEasier
	case d.Transport < transport:
		return TravelsOpener
	}
	return matched
}

func (c *comparison) same(destination, source string) bool {
	return slices.Contains(c.rules.SameConditions, [2]string{destination, source})
}

// report says a sentence about what is seen and not counted.
func (c *comparison) report(d *Fact) {
	if len(c.reported) >= mostReported {
		return
	}
	text := d.Subject + " is trusted beneath SQL"
	if len(d.ways) > 0 {
		w := d.ways[0]
		text += ": " + quoted(w.reader.Role) + ", " + w.reader.Path.words(w.reader.Effort)
	}
	if !slices.Contains(c.reported, text) {
		c.reported = append(c.reported, text)
	}
}

func (c *comparison) verdict(destination *Facts) Verdict {
	v := Verdict{Outcome: AtLeast, Reported: append(c.reported, destination.Remarks...)}
	for _, u := range destination.Unknown {
		if c.accepted(u) {
			v.Reported = append(v.Reported, "accepted as unknown: "+u.Code+" "+u.Object)
		} else {
			v.Unknown = append(v.Unknown, u)
		}
	}
	if len(v.Unknown) > 0 {
		v.Outcome = Untold
	}
	if len(c.order) > 0 {
		v.Outcome = Weaker
	}
	c.fold()
	slices.SortStableFunc(c.order, func(a, b *group) int {
		return cmp.Or(cmp.Compare(a.key.cause.rank(), b.key.cause.rank()), cmp.Compare(a.key.subject, b.key.subject), cmp.Compare(a.key.path.words(0), b.key.path.words(0)))
	})
	for i, g := range c.order {
		if i == mostDeficits {
			v.More = len(c.order) - i
			break
		}
		v.Deficits = append(v.Deficits, g.deficit())
	}
	if len(v.Reported) > mostReported {
		v.Reported = v.Reported[:mostReported]
	}
	return v
}

// fold leaves out what is said already by saying that everybody reads it, if
// the others have no way of their own.
func (c *comparison) fold() {
	var anyone []*group
	for _, g := range c.order {
		if g.key.cause == ReadByAnyone {
			anyone = append(anyone, g)
		}
	}
	c.order = slices.DeleteFunc(c.order, func(g *group) bool {
		return slices.Contains([]Cause{NoSubject, MayNotRead, SeesMoreRows, NeedsLess}, g.key.cause) &&
			slices.ContainsFunc(anyone, func(a *group) bool { return a.says(g) })
	})
}

// says reports whether a deficit of everybody includes one of somebody.
func (g *group) says(other *group) bool {
	if len(g.ways) == 0 || len(other.ways) == 0 {
		return false
	}
	for _, w := range other.ways {
		if w.reader.Path != g.key.path {
			return false
		}
	}
	return !slices.ContainsFunc(other.columns, func(c string) bool { return !slices.Contains(g.columns, c) })
}

func (c *comparison) accepted(u Unknown) bool {
	return slices.ContainsFunc(c.rules.Accept, func(a Unknown) bool {
		return a.Code == u.Code && (a.Object == u.Object || a.Object == "*")
	})
}
