package proxy

import (
	"errors"
	"syscall"
)

const (
	// descriptorsPerSession are its two sockets.
	descriptorsPerSession = 2
	// descriptorsBeside are for the start-up phase, those that are turned
	// away, the trail, parsers, and the proxy's own connections.
	descriptorsBeside = maxUnborn + maxTurnedAway + 100
)

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
// than the limit on descriptors (getrlimit(2)) can keep.
func (s *Server) warnOfFewDescriptors() {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		s.log.Warn("the limit on file descriptors is not known", "err", err)
		return
	}
	if want := uint64(descriptorsPerSession*s.config.Limits.Connections + descriptorsBeside); limit.Cur < want {
		s.log.Warn("the limit on file descriptors is too low for limits.connections; raise it, or lower that",
			"limit", limit.Cur, "needed", want)
	}
}
