package ledger

import (
	"slices"
	"time"
)

// Place is what a ledger knows of one place. Like a Copy, it does not change.
type Place struct {
	Name string
	// Measured is the last measurement that was recorded, nil if none was.
	Measured   *Measured
	MeasuredAt time.Time
	Severity   Severity
	// Exposures are the times in which the place was open, oldest first.
	Exposures []Exposure
	Timeline  []Entry
	LeftOut   int

	last int64
}

// ofPlace takes one event about a place.
func (l *Ledger) ofPlace(e Entry, b ofPlace) {
	p := Place{Name: b.placeName(), last: -1}
	if known := l.places[p.Name]; known != nil {
		p = *known
	}
	if e.Index >= 0 && e.Index == p.last {
		return
	}
	if e.Index < p.last {
		l.problem(e, "", "%s came after an event that stands behind it in the trail", e.Type)
	}
	e.Says = says(b)
	if m, ok := b.(*Measured); ok {
		p.Measured, p.MeasuredAt, p.Severity = m, e.Time, m.severity()
		if p.Severity.open() {
			p.Exposures = opened(p.Exposures, e.Time, m.LastGood.Time, p.Severity)
		} else {
			p.Exposures = closed(p.Exposures, e.Time, e.Type)
		}
	}
	p.last = max(p.last, e.Index)
	p.Timeline, p.LeftOut = l.extended(p.Timeline, p.LeftOut, e)
	l.places[p.Name] = &p
}

// Place returns what is known of a place, nil if nothing is.
func (l *Ledger) Place(name string) *Place {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.places[name]
}

// Places returns all places of which something is known, by name.
func (l *Ledger) Places() []*Place {
	l.mu.RLock()
	defer l.mu.RUnlock()
	all := make([]*Place, 0, len(l.places))
	for _, name := range sortedKeys(l.places) {
		all = append(all, l.places[name])
	}
	return all
}

// Exposed says how long a copy was open until now: by itself, or because its
// place was while the copy was there.
func (l *Ledger) Exposed(id string, now time.Time) Exposed {
	l.mu.RLock()
	defer l.mu.RUnlock()
	c := l.copies[id]
	if c == nil {
		return Exposed{}
	}
	return l.exposed(c, now)
}

func (l *Ledger) exposed(c *Copy, now time.Time) Exposed {
	all := slices.Clone(c.Exposures)
	if p := l.placeOf(c); p != nil && !c.PublishedAt.IsZero() {
		all = append(all, p.Exposures...)
	}
	return within(all, c.PublishedAt, c.EndedAt, now)
}

// Exposed says how long a place was open until now.
func (p *Place) Exposed(now time.Time) Exposed {
	return within(p.Exposures, time.Time{}, time.Time{}, now)
}
