package credential

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Share says how far a lease may be shared by sessions of one person with one
// database and role. The zero value shares nothing.
type Share struct {
	// For is how long after it was issued a lease is given to further sessions.
	For time.Duration
	// Sessions is how many may have it at once.
	Sessions int
}

// Issuer issues and ends leases of one session each.
type Issuer interface {
	Issue(context.Context, Request) (*Lease, error)
	End(context.Context, *Lease) error
	EndLeft(context.Context) (ended int, err error)
}

// BackendEnder ends some backends of a lease that goes on, and sees them gone.
type BackendEnder interface {
	EndBackends(ctx context.Context, lease *Lease, pids []uint32) error
}

// Shared lets sessions share the leases of an issuer, where their requests say
// so. A lease ends with its last session. It is safe for concurrent use.
type Shared struct {
	issuer Issuer
	now    func() time.Time

	mu sync.Mutex
	// open are leases that are given to further sessions.
	open map[sharedBy]*sharing
}

// sharedBy is what sessions have in common that share a lease. The group is the
// role that the session works as.
type sharedBy struct{ subject, person, database, role, group string }

// sharing is one lease with how many have it.
type sharing struct {
	by    sharedBy
	share Share
	users int
	// ready is closed once lease and since are set, or err.
	ready chan struct{}
	lease *Lease
	since time.Time
	err   error
}

// part is what one session has of a lease. It is in the session's own copy of the
// lease, so that nobody ends it twice.
type part struct {
	of *sharing
	// over is true once the session was counted out, done once that is all
	// there is to do for it.
	over, done bool
}

// NewShared shares the leases of an issuer. Now tells the time; nil means
// time.Now.
func NewShared(issuer Issuer, now func() time.Time) *Shared {
	if now == nil {
		now = time.Now
	}
	return &Shared{issuer: issuer, now: now, open: map[sharedBy]*sharing{}}
}

// Issue returns a lease that others have too, or a new one.
func (s *Shared) Issue(ctx context.Context, request Request) (*Lease, error) {
	if request.Share.Sessions < 2 || request.Share.For <= 0 {
		return s.issuer.Issue(ctx, request)
	}
	one, first := s.join(request)
	if first {
		// Others wait for it, so it does not end with who came first.
		go s.fetch(context.WithoutCancel(ctx), one, request)
	}
	select {
	case <-one.ready:
	case <-ctx.Done():
		s.leave(one)
		return nil, fmt.Errorf("credential: waiting for a lease that is being issued: %w", ctx.Err())
	}
	if one.err != nil {
		return nil, one.err
	}
	own := *one.lease
	own.part, own.Backends = &part{of: one}, one.lease.Backends.part()
	return &own, nil
}

// join counts a session in with a lease, and reports whether it is the first.
func (s *Shared) join(request Request) (one *sharing, first bool) {
	by := sharedBy{request.Subject, request.Person, request.Database, request.Role, request.Group}
	s.mu.Lock()
	defer s.mu.Unlock()
	if one := s.open[by]; one != nil && one.takes(request.Share, s.now()) {
		one.users++
		return one, false
	}
	one = &sharing{by: by, ready: make(chan struct{}), share: request.Share, users: 1}
	s.open[by] = one
	return one, true
}

// takes reports whether a further session may have the lease; the narrower of two
// requests decides. One that is about to end, or will not be renewed, is of no
// use to somebody new.
func (one *sharing) takes(share Share, now time.Time) bool {
	if one.users == 0 || one.users >= min(one.share.Sessions, share.Sessions) {
		return false
	}
	if one.lease == nil {
		return true // it is being issued
	}
	if now.Sub(one.since) >= min(one.share.For, share.For) {
		return false
	}
	if one.lease.Life == nil {
		return one.lease.Expires.Sub(now) > one.lease.Expires.Sub(one.since)/2
	}
	term, _ := one.lease.Life.Term()
	return term.Last == nil
}

// fetch has a lease issued for all who have joined. If they are all gone by then,
// it ends at once.
func (s *Shared) fetch(ctx context.Context, one *sharing, request Request) {
	ctx, cancel := context.WithTimeout(ctx, issueTimeout)
	defer cancel()
	lease, err := s.issuer.Issue(ctx, request)
	s.mu.Lock()
	one.lease, one.err, one.since = lease, err, s.now()
	if err != nil || one.users == 0 {
		s.closeLocked(one)
	}
	abandoned := err == nil && one.users == 0
	close(one.ready)
	s.mu.Unlock()
	if abandoned {
		s.endAbandoned(one)
	}
}

// leave takes back a session that did not wait for its lease.
func (s *Shared) leave(one *sharing) {
	s.mu.Lock()
	one.users--
	abandoned := one.users == 0 && one.lease != nil
	if one.users == 0 {
		s.closeLocked(one)
	}
	s.mu.Unlock()
	if abandoned {
		s.endAbandoned(one)
	}
}

// endAbandoned ends a lease that nobody has. What cannot be ended the issuer
// knows of, for EndLeft.
func (s *Shared) endAbandoned(one *sharing) {
	ctx, cancel := context.WithTimeout(context.Background(), issueTimeout)
	defer cancel()
	_ = s.issuer.End(ctx, one.lease)
}

// issueTimeout bounds issuing a lease that several wait for, and ending one that
// nobody waited for.
const issueTimeout = 20 * time.Second

func (s *Shared) closeLocked(one *sharing) {
	if s.open[one.by] == one {
		delete(s.open, one.by)
	}
}

// End ends a session's part in a lease, and the lease with its last session. While
// others have the lease only the session's own backends are ended. It may be
// called again.
func (s *Shared) End(ctx context.Context, lease *Lease) error {
	if lease == nil || lease.part == nil {
		return s.issuer.End(ctx, lease)
	}
	others, done := s.countOut(lease.part)
	if done {
		return nil
	}
	if err := s.endPart(ctx, lease, others); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	lease.part.done = true
	return nil
}

func (s *Shared) endPart(ctx context.Context, lease *Lease, others bool) error {
	whole, pids := lease.part.of.lease, lease.Backends.PIDs()
	if !others {
		return s.issuer.End(ctx, whole)
	}
	if ender, ok := s.issuer.(BackendEnder); ok && len(pids) > 0 {
		return ender.EndBackends(ctx, whole, pids)
	}
	return nil
}

// countOut counts a session out, once, and reports whether others have its lease.
// The last closes it to new ones.
func (s *Shared) countOut(p *part) (others, done bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !p.over {
		p.over = true
		p.of.users--
	}
	if p.of.users == 0 {
		s.closeLocked(p.of)
	}
	return p.of.users > 0, p.done
}

// EndLeft ends what the issuer knows of and nobody has.
func (s *Shared) EndLeft(ctx context.Context) (ended int, err error) { return s.issuer.EndLeft(ctx) }
