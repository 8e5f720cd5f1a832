package ledger

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sluice-pg/sluice/audit"
	"github.com/sluice-pg/sluice/audit/record"
)

// Limits of what a ledger keeps.
const (
	// DefaultTimeline is how many events of one copy or place are kept unless
	// New is told otherwise.
	DefaultTimeline = 64
	// maxProblems is how many problems are kept; all are counted.
	maxProblems = 1000
	// maxSays is the longest event in words, in bytes.
	maxSays = 1000
	// keptFirst is how many of the first events of a timeline are never
	// forgotten.
	keptFirst = 8
)

// Ledger is what a trail says about copies and places. Its methods may be
// called from many goroutines.
type Ledger struct {
	timeline int

	mu     sync.RWMutex
	copies map[string]*Copy
	order  []string // ids in the order in which they were first heard of
	places map[string]*Place
	// making are the copies that have begun in the present run of a writer.
	making map[string]bool
	// facts are those of copies that are there, by the SHA-256 of their text.
	facts map[[sha256.Size]byte]*sharedFacts
	relationIndex

	problems   []Problem
	more       int // problems that are not kept
	incomplete bool
	events     int64
}

// Problem is something in the trail that the ledger could not take as it stands.
type Problem struct {
	// Index is the record's place, -1 if it is none in particular.
	Index int64 `json:"index"`
	// Copy is the copy it is about, as far as that is known.
	Copy string `json:"copy,omitempty"`
	What string `json:"what"`
	// Unread is true if the record, or a part of the trail, could not be read,
	// so that something may be missing; else it was taken, and is odd.
	Unread bool `json:"unread,omitempty"`
}

// New begins an empty ledger that keeps so many events of each copy and place,
// 0 for DefaultTimeline.
func New(timeline int) *Ledger {
	if timeline <= 0 {
		timeline = DefaultTimeline
	}
	return &Ledger{
		timeline: max(timeline, 2*keptFirst), copies: map[string]*Copy{}, places: map[string]*Place{},
		making: map[string]bool{}, facts: map[[sha256.Size]byte]*sharedFacts{}, relationIndex: newRelationIndex(),
	}
}

// errNotRecorded is for an event that has no time of its own: the trail would
// have given it one that the ledger does not know.
var errNotRecorded = errors.New("an event for the ledger needs its time and a body of this package")

// Apply takes an event that was appended to the trail, with the index it got
// there. The ledger is then what it would be if it had read it.
func (l *Ledger) Apply(index audit.Index, ev audit.Event) error {
	body, ok := ev.Body.(Body)
	if !ok || ev.Time.IsZero() || body.EventType() != ev.Type {
		return fmt.Errorf("ledger: %.80q: %w", ev.Type, errNotRecorded)
	}
	text, err := audit.Canonical(body)
	if err != nil {
		return fmt.Errorf("ledger: %s: %w", ev.Type, err)
	}
	l.Add(record.Record{
		Index: int64(index), Time: ev.Time.UTC().Truncate(time.Microsecond), Type: ev.Type,
		ID: ev.ID, Session: ev.Session, Body: text,
	})
	return nil
}

// Add takes one record of a trail. Records must come in the order of the trail
// as far as they are about the same copy or place; a record that was taken
// before changes nothing. Its body must be in canonical form. Types that are not of this package are skipped.
func (l *Ledger) Add(r record.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := Entry{Index: r.Index, Time: r.Time, Type: r.Type, ID: r.ID, Session: r.Session}
	if r.Type == "trail.open" || r.Type == "trail.close" {
		l.writerEnded(e)
		return
	}
	if !ours(r.Type) {
		return
	}
	l.events++
	body, err := decode(r.Type, r.Body)
	switch {
	case errors.Is(err, ErrForeign):
		l.unread(e, bodyCopy(body), "%v: read without them", err)
	case err != nil:
		l.unreadable(e, r.Body, err)
		return
	case body == nil:
		l.unread(e, "", "this version does not know events of the type %s", r.Type)
		if id, ok := copyOf(r.Body); ok {
			l.damage(e, id, "an event that this version does not know")
		}
		return
	}
	switch b := body.(type) {
	case ofCopy:
		l.ofCopy(e, b)
	case ofPlace:
		l.ofPlace(e, b)
	}
	if err != nil {
		l.distrust(bodyCopy(body))
	}
}

// distrust marks a copy of which an event said more than was understood: what it
// ended may not have ended.
func (l *Ledger) distrust(id string) {
	c := l.copies[id]
	if c == nil {
		return
	}
	next := *c
	next.Damaged = true
	if next.Gone() {
		next.revive(LifeUnknown)
	}
	l.copies[id] = &next
}

// unreadable notes an event that cannot be taken. The copy it is about is shown
// as one that may be in any state, also if nothing else is known of it.
func (l *Ledger) unreadable(e Entry, body []byte, err error) {
	id, ok := copyOf(body)
	l.unread(e, id, "%v", err)
	if ok {
		l.damage(e, id, "an event that could not be read")
	}
}

// damage marks a copy about which something is not known.
func (l *Ledger) damage(e Entry, id, says string) {
	c := l.edit(id)
	c.Damaged = true
	if c.Gone() {
		c.revive(LifeUnknown)
	}
	e.Says = says
	l.put(c, e)
}

// Unreadable notes a part of the trail that could not be read at all: whatever
// it said about copies is missing here.
func (l *Ledger) Unreadable(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unread(Entry{Index: -1}, "", "%s", what)
}

func bodyCopy(b Body) string {
	if of, ok := b.(ofCopy); ok {
		return of.copyID()
	}
	return ""
}

// problem notes what is odd about an event that was taken.
func (l *Ledger) problem(e Entry, id, format string, args ...any) {
	l.note(Problem{Index: e.Index, Copy: id, What: fmt.Sprintf(format, args...)})
}

// unread notes what could not be taken.
func (l *Ledger) unread(e Entry, id, format string, args ...any) {
	l.note(Problem{Index: e.Index, Copy: id, What: fmt.Sprintf(format, args...), Unread: true})
}

func (l *Ledger) note(p Problem) {
	l.incomplete = l.incomplete || p.Unread
	if len(l.problems) == maxProblems {
		l.more++
		return
	}
	p.What = bounded(strings.TrimPrefix(p.What, "ledger: "), maxSays)
	l.problems = append(l.problems, p)
}

// Incomplete tells whether something could not be read, so that copies may be
// missing or in another state.
func (l *Ledger) Incomplete() bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.incomplete
}

// Problems are what the ledger could not take as it stands, oldest first, and
// how many more there are than are kept.
func (l *Ledger) Problems() (problems []Problem, more int) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return slices.Clone(l.problems), l.more
}

// Events is how many events about copies and places were taken.
func (l *Ledger) Events() int64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.events
}

// edit returns a changeable version of a copy, a new one if nothing is known of
// it yet.
func (l *Ledger) edit(id string) *Copy {
	if c := l.copies[id]; c != nil {
		next := *c
		return &next
	}
	return &Copy{ID: id, Life: LifeUnknown, BegunIndex: -1, settled: -1, ended: -1, last: -1}
}

// put keeps a version of a copy with one more event.
func (l *Ledger) put(c *Copy, e Entry) {
	if l.copies[c.ID] == nil {
		l.order = append(l.order, c.ID)
	}
	c.last = max(c.last, e.Index)
	c.Timeline, c.LeftOut = l.extended(c.Timeline, c.LeftOut, e)
	l.copies[c.ID] = c
	l.keepFacts(c)
}

// extended is a timeline with one more event: where it is full, the oldest
// event after the first ones is forgotten.
func (l *Ledger) extended(line []Entry, leftOut int, e Entry) ([]Entry, int) {
	e.Says = bounded(e.Says, maxSays)
	if len(line) < l.timeline {
		return append(line, e), leftOut
	}
	next := make([]Entry, 0, l.timeline)
	next = append(append(next, line[:keptFirst]...), line[keptFirst+1:]...)
	return append(next, e), leftOut + 1
}

// writerEnded is the beginning or end of a writer's run: what copies were being
// made before it, nobody makes any more.
func (l *Ledger) writerEnded(e Entry) {
	for _, id := range sortedKeys(l.making) {
		c := l.edit(id)
		c.Life, c.settled = LifeUnknown, e.Index
		e.Says = "the process that made it has ended; what it left has to be looked at"
		l.put(c, e)
	}
	clear(l.making)
}
