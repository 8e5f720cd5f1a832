package proxy

import (
	"errors"
	"math"
	"syscall"
)

const (
	// descriptorsPerSession are its two sockets. Who is still logging in may
	// come to need as many.
	descriptorsPerSession = 2
	// descriptorsBeside are kept for the trail, which stops for good when it
	// cannot open a file, and for listeners, parsers, files that are read
	// again and requests to cancel.
	descriptorsBeside = 32
	// descriptorsPerDatabase are kept for the proxy's own connections.
	descriptorsPerDatabase = 6
)

// descriptors are how many sockets the limit of this process allows.
type descriptors struct {
	// limit is that of getrlimit(2), 0 if it is not known.
	limit uint64
	// forSessions is how many sockets sessions and logins may have, the
	// largest number if that is not known.
	forSessions int
	// forTurned is how many clients may be on their way out at once.
	forTurned int
}

// shareDescriptors divides what there is, so that no number of clients takes
// what the rest needs.
func shareDescriptors(limit uint64, databases int) descriptors {
	d := descriptors{limit: limit, forSessions: math.MaxInt, forTurned: maxTurnedAway}
	if limit == 0 || limit > math.MaxInt32 {
		return d
	}
	left := int(limit) - descriptorsBeside - databases*descriptorsPerDatabase
	d.forTurned = min(max(left/8, 2), maxTurnedAway)
	d.forSessions = max(left-d.forTurned, descriptorsPerSession)
	return d
}

func descriptorLimit() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	return limit.Cur
}

// outOfDescriptors tells that this process or this machine has none left.
func outOfDescriptors(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

// noDescriptors is what a client hears then.
func noDescriptors() *startupError {
	return &startupError{
		"53000", "sluice: the proxy has no file descriptors left for another session",
		"Try again later; the people who run Sluice can raise its limit.",
	}
}

// warnOfFewDescriptors says at the start that limits.connections promises more
// than the limit on descriptors can keep.
func (s *Server) warnOfFewDescriptors() {
	possible := s.descriptors.forSessions / descriptorsPerSession
	if possible < s.config.Limits.Connections {
		s.log.Warn("the limit on file descriptors is too low for limits.connections; raise it, or lower that",
			"descriptors", s.descriptors.limit, "sessions", possible)
	}
}
