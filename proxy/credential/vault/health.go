package vault

import (
	"errors"
	"sync"
	"time"
)

// patience is how long Vault may be away until calls are not tried again at
// once: then many wait, and each would wait for all its tries.
const patience = 2 * time.Second

// health is how Vault was doing when it was last asked.
type health struct {
	mu    sync.Mutex
	since time.Time // away since; zero if it answered
	err   error     // the latest answer that was none
}

// note takes a call into account: nil, or how it failed.
func (h *health) note(at time.Time, f *failure) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case f == nil || !errors.Is(f, ErrAway):
		h.since, h.err = time.Time{}, nil
	default:
		if h.since.IsZero() {
			h.since = at
		}
		h.err = f
	}
}

// down tells whether Vault has been away for a while.
func (h *health) down(now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !h.since.IsZero() && now.Sub(h.since) > patience
}

// away returns why Vault is away; nil if it answered when last asked.
func (h *health) away() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.err
}
