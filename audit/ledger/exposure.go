package ledger

import (
	"slices"
	"time"
)

// maxExposures is how many times of being open are kept apart; past it the two
// oldest become one.
const maxExposures = 256

// Exposure is a time in which a copy or a place was open.
type Exposure struct {
	// LastGood is when all was last seen to be well, so the earliest beginning;
	// zero if that was never so. Noticed is when it was seen to be open.
	LastGood time.Time `json:"last_good,omitzero"`
	Noticed  time.Time `json:"noticed"`
	// Closed is when that ended, zero while it has not; By is the type of the
	// event that ended it.
	Closed time.Time `json:"closed,omitzero"`
	By     string    `json:"by,omitempty"`
	// Severity is the worst of it.
	Severity Severity `json:"severity"`
}

// opened returns the exposures after something was seen to be open.
func opened(list []Exposure, at, lastGood time.Time, s Severity) []Exposure {
	list = slices.Clone(list)
	if n := len(list); n > 0 && list[n-1].Closed.IsZero() {
		if s.worse(list[n-1].Severity) {
			list[n-1].Severity = s
		}
		return list
	}
	if lastGood.After(at) {
		lastGood = at
	}
	list = append(list, Exposure{LastGood: lastGood, Noticed: at, Severity: s})
	if len(list) > maxExposures {
		list[1].LastGood, list[1].Noticed = list[0].LastGood, list[0].Noticed
		if list[0].Severity.worse(list[1].Severity) {
			list[1].Severity = list[0].Severity
		}
		list = list[1:]
	}
	return list
}

// closed returns the exposures after all was seen to be well again.
func closed(list []Exposure, at time.Time, by string) []Exposure {
	n := len(list)
	if n == 0 || !list[n-1].Closed.IsZero() {
		return list
	}
	list = slices.Clone(list)
	list[n-1].Closed, list[n-1].By = at, by
	if at.Before(list[n-1].Noticed) {
		list[n-1].Closed = list[n-1].Noticed
	}
	return list
}

// Exposed says for how long a copy was open.
type Exposed struct {
	// Least counts from when it was noticed, Most from when all was last seen
	// to be well before that.
	Least, Most time.Duration
	// Now is true if it is open now.
	Now bool
	// Times is how many separate times there were.
	Times int
}

// span is a time with an end.
type span struct{ from, to time.Time }

// union is how long at least one of the spans lasted, and in how many pieces.
func union(spans []span) (total time.Duration, pieces int) {
	slices.SortFunc(spans, func(a, b span) int { return a.from.Compare(b.from) })
	var end time.Time
	for i, s := range spans {
		if i == 0 || s.from.After(end) {
			pieces++
			end = s.from
		}
		if s.to.After(end) {
			total += s.to.Sub(end)
			end = s.to
		}
	}
	return total, pieces
}

// within sums exposures up to a time between a beginning and an end, which is
// zero if there is none.
func within(list []Exposure, from, to, now time.Time) Exposed {
	end := now
	if !to.IsZero() && to.Before(now) {
		end = to
	}
	var noticed, possible []span
	var out Exposed
	for _, e := range list {
		until := e.Closed
		if until.IsZero() || until.After(end) {
			until = end
		}
		clip := func(t time.Time) time.Time {
			if t.Before(from) {
				return from
			}
			return t
		}
		seen, maybe := clip(e.Noticed), clip(e.LastGood)
		if seen.After(until) || !e.Severity.open() {
			continue
		}
		out.Now = out.Now || e.Closed.IsZero() && to.IsZero()
		noticed = append(noticed, span{seen, until})
		possible = append(possible, span{maybe, until})
	}
	out.Least, _ = union(noticed)
	out.Most, out.Times = union(possible)
	return out
}
