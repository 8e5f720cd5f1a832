package proxy

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/sluice-pg/sluice/audit"
	"github.com/sluice-pg/sluice/proxy/credential"
)

const (
	// revokeAgain is how often credentials are tried again that could not be
	// revoked.
	revokeAgain = 2 * time.Second
	// revokeTimeout bounds one try.
	revokeTimeout = 10 * time.Second
)

// unrevoked are the credentials that could not be revoked when their time
// came, most often because the database was away. They are tried again until
// they are gone.
type unrevoked struct {
	mu     sync.Mutex
	leases []unrevokedLease
	// doubtful are issuers that failed to issue: the role may have come into
	// being all the same, and they know of it.
	doubtful map[Credentials]bool
}

type unrevokedLease struct {
	issuer  Credentials
	lease   *credential.Lease
	session string // whose it was
	purpose string
}

func (u *unrevoked) add(l unrevokedLease) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.leases = append(u.leases, l)
}

// doubt has an issuer end what it could not take back.
func (u *unrevoked) doubt(issuer Credentials) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.doubtful == nil {
		u.doubtful = map[Credentials]bool{}
	}
	u.doubtful[issuer] = true
}

func (u *unrevoked) take() ([]unrevokedLease, map[Credentials]bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	leases, doubtful := u.leases, u.doubtful
	u.leases, u.doubtful = nil, nil
	return leases, doubtful
}

// revokeUnrevoked tries until ctx ends. What is left then is left to the
// issuer, which ends all it holds when it is closed, and to the next start.
func (s *Server) revokeUnrevoked(ctx context.Context) {
	tick := time.NewTicker(revokeAgain)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s.tryUnrevoked(ctx)
	}
}

// tryUnrevoked tries each once. A database that is away, or Vault, is asked once,
// not for each of them.
func (s *Server) tryUnrevoked(ctx context.Context) {
	away := map[Credentials]bool{}
	leases, doubtful := s.unrevoked.take()
	for _, l := range leases {
		if away[l.issuer] {
			s.unrevoked.add(l)
		} else if err := s.tryToRevoke(ctx, l); err != nil {
			away[l.issuer] = Away(err)
			s.unrevoked.add(l)
		}
	}
	for issuer := range doubtful {
		if away[issuer] || s.tryToEndLeft(ctx, issuer) != nil {
			s.unrevoked.doubt(issuer)
		}
	}
}

func (s *Server) tryToEndLeft(ctx context.Context, issuer Credentials) error {
	ctx, cancel := context.WithTimeout(ctx, revokeTimeout)
	defer cancel()
	n, err := issuer.EndLeft(ctx)
	if n > 0 {
		s.log.Info("ended credentials that were issued for nobody", "count", n)
	}
	return err
}

func (s *Server) tryToRevoke(ctx context.Context, l unrevokedLease) error {
	ctx, cancel := context.WithTimeout(ctx, revokeTimeout)
	defer cancel()
	if err := l.issuer.End(ctx, l.lease); err != nil {
		s.log.Debug("credential still not revoked", "lease", l.lease.ID, "err", err)
		return fmt.Errorf("revoke: %w", err)
	}
	s.log.Info("credential revoked at last", "lease", l.lease.ID)
	body := leaseRecord{Lease: l.lease.ID, Role: l.lease.User, Purpose: l.purpose}
	if err := s.recorder.Enqueue(audit.Event{Time: s.now(), Type: "credential.revoked", Session: l.session, Body: body}); err != nil {
		s.log.Error("end of a credential not recorded", "lease", l.lease.ID, "err", err)
	}
	return nil
}
