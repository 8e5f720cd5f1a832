package vault

import (
	"errors"
	"math/rand/v2"
	"time"
)

// errLongest says that a renewal gave less than was asked for.
var errLongest = errors.New("it has come to its longest time in Vault (max_ttl) and is renewed no more")

// span is a time that Vault gave, counted on our clock from the moment before
// it was asked for.
type span struct {
	granted time.Duration // what was given at first, and is asked for again
	until   time.Time     // zero means without end
	last    error         // why it gets no longer; nil while it may
}

// newSpan begins a span. Nothing granted means that it has no end, which Vault
// gives to root tokens only.
func newSpan(sent time.Time, granted time.Duration, renewable bool) span {
	s := span{granted: granted}
	if granted <= 0 {
		return s
	}
	s.until = sent.Add(granted)
	if !renewable {
		s.last = errFixed
	}
	return s
}

// extend takes a renewal into account. Vault counts in whole seconds, so one
// second less is not less; and what is left of the longest time it may have
// rounded up.
func (s *span) extend(sent time.Time, got time.Duration) {
	s.until = sent.Add(got)
	if got+time.Second < s.granted {
		s.until, s.last = sent.Add(max(0, got-time.Second)), errLongest
	}
}

// due is when it should be renewed: at two thirds of its time, and up to a
// fifteenth of it earlier by chance.
func (s *span) due() time.Time {
	third := s.granted / 3
	return s.until.Add(-third - rand.N(third/5+1))
}

// earliest returns the first end of several, and why it is the last one there;
// the zero time if none ends.
func earliest(spans ...span) (until time.Time, last error) {
	for _, s := range spans {
		if s.until.IsZero() || !until.IsZero() && !s.until.Before(until) {
			continue
		}
		until, last = s.until, s.last
	}
	return until, last
}
