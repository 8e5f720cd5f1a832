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
	asked time.Time // when the call was sent that counts
	since time.Time // away since; zero if it answered
	err   error     // the latest answer that was none
}

// note takes a call into account: nil, or how it failed. One that has waited in
// vain for long says nothing if another, sent later, is answered by now.
func (h *health) note(at time.Time, f *failure) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if at.Before(h.asked) {
		return
	}
	h.asked = at
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
