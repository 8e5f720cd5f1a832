package watch

import (
	"time"

	"github.com/sluice-pg/sluice/audit/ledger"
	"github.com/sluice-pg/sluice/policy"
)

// stand is how things are with one copy, from when something was first seen to be
// wrong with it until all is well again.
type stand struct {
	// severity is the worst of it, empty while all is well.
	severity ledger.Severity
	// wanted is the sternest reaction that the policy has asked for; done the
	// sternest that was done and verified.
	wanted, done policy.Reaction
	// confirmed is true if a second measurement has said what asked for wanted.
	confirmed bool
	// since is when it was first seen, lastGood when all was last seen to be well.
	since, lastGood time.Time
	// told is what was recorded last: the same is not recorded again; failed is
	// what a reaction has left undone, likewise.
	told, failed string
	// untold is a drift that could not be recorded.
	untold *ledger.Drifted
	// again is when a reaction that failed is tried again, after pause.
	again time.Time
	pause time.Duration
}

// How long after a reaction that failed it is tried again, at first and at most.
const (
	firstPause = 2 * time.Second
	mostPause  = time.Minute
)

var reactions = []policy.Reaction{"", policy.ReactAlert, policy.ReactBlock, policy.ReactFreeze, policy.ReactPurge}

// sternness orders reactions; each includes those before it.
func sternness(r policy.Reaction) int {
	for i, known := range reactions {
		if r == known {
			return i
		}
	}
	return 0
}

func sterner(a, b policy.Reaction) policy.Reaction {
	if sternness(b) > sternness(a) {
		return b
	}
	return a
}

// see takes what a verdict says is wrong, nothing if all is well. While something is,
// severity and reaction only get worse: the reaction is the sternest that the policy
// asks for, for anything that is wrong.
func (s *stand) see(wrong []ledger.Severity, react policy.PlaceReactions, now time.Time) {
	severity, wanted := ledger.Severity(""), policy.Reaction("")
	for _, one := range wrong {
		severity, wanted = Worse(severity, one), sterner(wanted, reactionTo(one, react))
	}
	if !open(severity) {
		s.well(now)
		return
	}
	if s.severity == "" {
		s.since = now
	}
	again := s.severity != "" && sternness(wanted) >= sternness(s.wanted)
	s.severity, wanted = Worse(s.severity, severity), sterner(s.wanted, wanted)
	s.confirmed = wanted == s.wanted && (s.confirmed || again)
	s.wanted = wanted
}

// well says that all is as it must be. What was done stays done.
func (s *stand) well(now time.Time) {
	*s = stand{lastGood: now, done: s.done}
}

// bad reports whether something is wrong.
func (s *stand) bad() bool { return s.severity != "" }

// due is the next reaction to do, empty if there is none: what can be undone comes
// first, and rows are removed only if a second measurement has confirmed why.
func (s *stand) due(now time.Time) policy.Reaction {
	if now.Before(s.again) || sternness(s.done) >= sternness(s.wanted) {
		return ""
	}
	switch {
	case sternness(s.wanted) >= sternness(policy.ReactFreeze) && sternness(s.done) < sternness(policy.ReactFreeze):
		return policy.ReactFreeze
	case s.wanted == policy.ReactPurge && s.confirmed:
		return policy.ReactPurge
	}
	return ""
}

// succeeded and failed take note of how a reaction ended.
func (s *stand) succeeded(r policy.Reaction) {
	s.done, s.again, s.pause, s.failed = sterner(s.done, r), time.Time{}, 0, ""
}

func (s *stand) failedAt(now time.Time) {
	s.pause = min(max(2*s.pause, firstPause), mostPause)
	s.again = now.Add(s.pause)
}

// reactionTo is what the policy asks for.
func reactionTo(s ledger.Severity, r policy.PlaceReactions) policy.Reaction {
	switch s {
	case ledger.SeverityLatent:
		return r.Latent
	case ledger.SeverityObject:
		return r.Object
	case ledger.SeverityUnknown:
		return r.Unknown
	case ledger.SeverityServer:
		return r.Server
	}
	return ""
}

// recalled is how things stand with a copy by the ledger, for a watch that begins.
func recalled(c *ledger.Copy, react policy.PlaceReactions) *stand {
	s := &stand{lastGood: c.Since()}
	if c.Frozen {
		s.done = policy.ReactFreeze
	}
	if open(c.Severity) {
		s.severity, s.since = c.Severity, lastNoticed(c)
		s.wanted = reactionTo(c.Severity, react)
	}
	return s
}

func lastNoticed(c *ledger.Copy) time.Time {
	if n := len(c.Exposures); n > 0 {
		return c.Exposures[n-1].Noticed
	}
	return c.Since()
}
