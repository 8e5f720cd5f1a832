package telemetry

import (
	"sync/atomic"
	"time"
)

// ration bounds how many spans of statements are made in a second, since
// making and sending one costs about as much as the statement itself costs the
// proxy. Statements that were refused, failed or were cut off may take as much
// again, so that a flood of others does not hide them. A nil ration bounds
// nothing.
type ration struct {
	perSecond int64
	// second is the second, since 1970, that taken is about.
	second, taken atomic.Int64
	leftOut       atomic.Int64
}

// take reports whether a span may be made now. At the turn of a second a few
// more may be.
func (r *ration) take(now time.Time, notable bool) bool {
	if r == nil {
		return true
	}
	if s := now.Unix(); r.second.Load() != s {
		r.second.Store(s)
		r.taken.Store(0)
	}
	most := r.perSecond
	if notable {
		most *= 2
	}
	// Without this look first, every statement would write to taken.
	if r.taken.Load() < most && r.taken.Add(1) <= most {
		return true
	}
	r.leftOut.Add(1)
	return false
}
