package credential

import (
	"sync"
	"time"
)

// Term is the end of a credential as far as it is known now.
type Term struct {
	// Expires is when the credential stops to be valid. Where it comes from a
	// duration it keeps the reading of the monotonic clock, so that somebody
	// who sets the clock changes nothing.
	Expires time.Time
	// Last says why it will not be renewed beyond Expires; nil while it may be.
	Last error
}

// Life is the term of a lease that changes while the lease is in use: it is
// renewed, it comes to its last renewal, it is revoked from outside. It is safe
// for concurrent use.
type Life struct {
	mu      sync.Mutex
	term    Term
	changed chan struct{}
}

// NewLife begins with a term.
func NewLife(term Term) *Life {
	return &Life{term: term, changed: make(chan struct{})}
}

// Term returns the term of now, and a channel that is closed when another one
// takes its place.
func (l *Life) Term() (Term, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.term, l.changed
}

// Set replaces the term and tells everybody who waits.
func (l *Life) Set(term Term) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.term = term
	close(l.changed)
	l.changed = make(chan struct{})
}

// Backends are the server processes that logged in with a lease. Who logs in
// adds them, so that the issuer can end just these where a user name is shared
// with others, and can find them when the role has been dropped. A nil Backends
// takes them and forgets them. It is safe for concurrent use.
type Backends struct {
	mu   sync.Mutex
	pids []uint32
	// of is what these are a part of; nil for all of a lease's.
	of *Backends
}

// Add notes the process id of a backend, from BackendKeyData.
func (b *Backends) Add(pid uint32) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pids = append(b.pids, pid)
	b.of.Add(pid)
}

// part returns an empty part of b, which b has as well.
func (b *Backends) part() *Backends { return &Backends{of: b} }

// PIDs returns what was added.
func (b *Backends) PIDs() []uint32 {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]uint32(nil), b.pids...)
}
