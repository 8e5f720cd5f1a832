package ledger

import (
	"slices"
	"strings"
	"time"
)

// Copy is what a ledger knows of one copy at one time. It does not change any
// more, so it may be kept; what it points to must not be changed.
type Copy struct {
	ID string
	// Begun is what was to be copied, without the facts themselves; nil if the
	// beginning is not in the trail or could not be read.
	Begun *Begun
	// BegunAt and BegunIndex are time and place of that event, Request and
	// Session those who asked; BegunIndex is -1 without it.
	BegunAt          time.Time
	BegunIndex       int64
	Request, Session string
	// Receipt is nil until the copy is published.
	Receipt     *Published
	PublishedAt time.Time
	// Failure is the last one told of.
	Failure *Failed
	// Expires is the present end of its time, zero if it is not known.
	Expires time.Time
	Life    Life
	// EndedAt is when a copy that is gone was seen to be gone.
	EndedAt time.Time
	// Severity and Deficits are those of the last measurement, Frozen whether
	// a verified reaction keeps readers out.
	Severity Severity
	Deficits []Deficit
	Frozen   bool
	// Exposures are the times in which the copy was open, oldest first.
	Exposures []Exposure
	// Timeline is what happened, in the order of the trail; LeftOut is how many
	// events in the middle of it were forgotten.
	Timeline []Entry
	LeftOut  int
	// Damaged is true if an event about it could not be read, so that it may be
	// in another state than this.
	Damaged bool

	// disputed is true if two beginnings have its id.
	disputed bool

	facts   [32]byte // which of the shared facts are its own
	settled int64    // index of the event that said how the copying ended, or -1
	ended   int64    // index of the event after which it was gone, or -1
	last    int64    // index of the last event about it
}

// Life is where a copy stands between its beginning and its end.
type Life string

// The lives of a copy.
const (
	// LifeCopying is a copy that has begun and not ended.
	LifeCopying Life = "copying"
	// LifeUnknown is one whose end nobody recorded: the process that made it is
	// gone, and what is at the destination has to be looked at.
	LifeUnknown Life = "unknown"
	// LifeFailed is one that did not come about.
	LifeFailed Life = "failed"
	// LifeLive is one that is there.
	LifeLive Life = "live"
	// LifeExpired is one whose time has come and that is still there.
	LifeExpired Life = "expired"
	// LifePurged is one whose rows are gone.
	LifePurged Life = "purged"
	// LifeRemoved is one that is gone.
	LifeRemoved Life = "removed"
	// LifeLost is one that its place says is not there.
	LifeLost Life = "lost"
)

// State is what a person needs to know first: a life, or what is wrong with a
// copy that lives.
type State string

// The states that are no lives.
const (
	// StateDrifted is a copy that more can read than may, or nobody knows.
	StateDrifted State = "drifted"
	// StateFrozen is one that nobody can read.
	StateFrozen State = "frozen"
	// StateLatent is one about which something changed that harms nobody yet.
	StateLatent State = "latent"
)

// States are all states, as people write them.
var States = []State{
	State(LifeCopying), State(LifeUnknown), State(LifeFailed), State(LifeLive), StateLatent, StateDrifted, StateFrozen,
	State(LifeExpired), State(LifePurged), State(LifeRemoved), State(LifeLost),
}

// State returns the state as the trail tells it.
func (c *Copy) State() State {
	switch {
	case c.Life != LifeLive && c.Life != LifeExpired:
		return State(c.Life)
	case c.Severity.open():
		return StateDrifted
	case c.Frozen:
		return StateFrozen
	case c.Life == LifeExpired:
		return State(LifeExpired)
	case c.Severity == SeverityLatent:
		return StateLatent
	}
	return State(LifeLive)
}

// Gone tells whether nothing of the copy is left at its place, and that was
// seen. A copy that is lost is not gone: it may have another name.
func (c *Copy) Gone() bool { return c.Life.gone(c.Failure) }

func (l Life) gone(f *Failed) bool {
	return l == LifeRemoved || l == LifePurged || l == LifeFailed && f != nil && f.Left == LeftNothing
}

// Healthy tells whether nobody needs to look at the copy at a time: it is there
// as it must be, or it is being made, or it is gone.
func (c *Copy) Healthy(now time.Time) bool {
	if c.Gone() {
		return true
	}
	if c.State() == State(LifeCopying) {
		return !c.Damaged
	}
	return !c.Damaged && c.State() == State(LifeLive) && now.Before(c.Expires)
}

// Since is when the copy came to be, or was begun.
func (c *Copy) Since() time.Time {
	if !c.PublishedAt.IsZero() {
		return c.PublishedAt
	}
	return c.BegunAt
}

// ClassHeld is a class of which a copy has values.
type ClassHeld struct {
	Class string `json:"class"`
	// Masks are what was done to them; empty if there are values as they were
	// at the origin in at least one column.
	Masks []string `json:"masks,omitempty"`
	// Emptied is true if nothing is left of the values in any column.
	Emptied bool `json:"emptied,omitempty"`
}

// Classes are the classes of the columns that were copied, in order.
func (c *Copy) Classes() []ClassHeld {
	if c.Begun == nil {
		return nil
	}
	masks, plain, full := map[string][]string{}, map[string]bool{}, map[string]bool{}
	for i := range c.Begun.Targets {
		for _, column := range c.Begun.Targets[i].Columns {
			for _, class := range column.Classes {
				masks[class] = append(masks[class], column.Mask)
				plain[class] = plain[class] || column.Mask == ""
				full[class] = full[class] || !column.Emptied()
			}
		}
	}
	held := make([]ClassHeld, 0, len(masks))
	for class, of := range masks {
		h := ClassHeld{Class: class, Emptied: !full[class]}
		if !plain[class] {
			slices.Sort(of)
			h.Masks = slices.Compact(of)
		}
		held = append(held, h)
	}
	slices.SortFunc(held, func(a, b ClassHeld) int { return strings.Compare(a.Class, b.Class) })
	return held
}

// Holds tells whether the copy has values of a class, given as family.name,
// family.* or *; with emptied also where only their places are left. A copy
// whose beginning is not known, or told twice, may hold anything.
func (c *Copy) Holds(pattern string, emptied bool) bool {
	if c.obscure() {
		return true
	}
	return slices.ContainsFunc(c.Classes(), func(h ClassHeld) bool {
		return (emptied || !h.Emptied) && classHas(pattern, h.Class)
	})
}

// obscure tells whether nobody knows what it is a copy of, and where.
func (c *Copy) obscure() bool { return c.Begun == nil || c.disputed }

// ValidClassPattern tells whether s is family.name, family.* or *.
func ValidClassPattern(s string) bool {
	return s == "*" || validClass(s) || strings.HasSuffix(s, ".*") && validClass(strings.TrimSuffix(s, "*")+"x")
}

func classHas(pattern, class string) bool {
	family, all := strings.CutSuffix(pattern, "*")
	return class == pattern || all && strings.HasPrefix(class, family)
}

// Entry is one event of a timeline.
type Entry struct {
	// Index is the record's place in the trail.
	Index int64     `json:"index"`
	Time  time.Time `json:"time"`
	Type  string    `json:"type"`
	// ID and Session are the request's, empty where nobody asked.
	ID      string `json:"id,omitempty"`
	Session string `json:"session,omitempty"`
	// Says is the event in words. It has names in it that are not cleaned.
	Says string `json:"says"`
}
