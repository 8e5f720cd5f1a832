package proxy

import (
	"context"
	"errors"
	"time"

	"github.com/sluice-pg/sluice/proxy/credential"
)

const (
	// cutTimeout bounds ending an upstream session for good.
	cutTimeout = 30 * time.Second
	// cancelTimeout bounds cancelling what still runs at the end.
	cancelTimeout = 5 * time.Second
)

// end tells the client why, ends the upstream session for good and puts it
// on record. It runs whatever happened before, with a time of its own.
func (s *session) end(cause error) {
	s.server.untrack(s)
	s.sayGoodbye(cause)
	ctx := context.Background() // every step below has a time of its own
	body := closeRecord{Reason: s.reason(cause), Rows: s.rows.Load(), BytesIn: s.bytesIn.Load(), BytesOut: s.bytesOut.Load()}
	if s.upstream != nil {
		if s.pending != nil && s.pending.busy() {
			if err := s.cancelAtEnd(ctx); err != nil {
				s.log.Debug("cancel at the end", "err", err)
			}
		}
		s.upstream.conn.Close()
	}
	s.tab.giveBack()
	if err := s.recordTab(s.server.now()); err != nil {
		s.log.Error("what was charged to budgets is not recorded", "err", err)
	}
	body.Ended = true
	if s.lease != nil {
		switch err := s.revoke(ctx); {
		case err != nil:
			body.Ended, body.Problem = false, "the credential could not be revoked"
		case !s.lease.EndsBackends && s.upstream != nil:
			body.Ended, body.Problem = false, notVerified
		}
	}
	s.leaveCatalog()
	if err := s.append(ctx, s.event("session.close", "", body)); err != nil {
		s.log.Error("session end not recorded", "err", err)
	}
	if s.observer != nil {
		s.observer.Ended(body.Reason)
	}
}

func (s *session) cancelAtEnd(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, cancelTimeout)
	defer cancel()
	return s.upstream.cancel(ctx)
}

// notVerified is what the trail says of a backend that nobody could look for.
const notVerified = "not verified: the connection was cancelled and closed, but without credential.vault.control_role nobody can see its backend gone"

// notRevoked is what the trail says of a credential that may be alive.
const notRevoked = "not verified to be gone; tried again until it is, if need be by the next start"

// revoke ends the credential and everything that works under it.
func (s *session) revoke(ctx context.Context) error {
	err := endLease(ctx, s.database.credentials, s.lease)
	record := leaseRecord{Lease: s.lease.ID, Role: s.lease.User}
	typ := "credential.revoked"
	if err != nil {
		typ = "credential.not_revoked"
		record.Problem = notRevoked
		s.log.Error("credential not revoked", "lease", s.lease.ID, "err", err)
		s.server.unrevoked.add(unrevokedLease{s.database.credentials, s.lease, s.id, ""})
	}
	return errors.Join(err, s.append(ctx, s.event(typ, "", record)))
}

func endLease(ctx context.Context, issuer Credentials, lease *credential.Lease) error {
	ctx, cancel := context.WithTimeout(ctx, cutTimeout)
	defer cancel()
	return issuer.End(ctx, lease)
}
