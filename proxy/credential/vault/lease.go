package vault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sluice-pg/sluice/proxy/credential"
)

var (
	// errRevoked says that a lease was ended by somebody else.
	errRevoked = errors.New("it was revoked in Vault")
	// errEnded says that its time was over.
	errEnded = errors.New("it has come to its end in Vault")
)

// held is a lease that has to be ended some time: one that a session uses, one
// that could not be ended when its time came, or one of an earlier run.
type held struct {
	issuer   *Issuer // nil if its database is not configured any more
	login    *login  // whose child it is; nil for one of an earlier run
	inner    bool    // it is the control connection's
	database string
	role     string // of Vault
	session  string
	token    credential.Secret // of the child
	accessor string            // of the child token; empty for a lease of the login token itself
	id       string            // of the lease; empty if it never became known
	user     string            // of the database
	life     *credential.Life
	backends *credential.Backends
	turn     chan struct{} // who ends it holds it
	renew    *task

	// These are guarded by Client.mu.
	oid          string // of the user; empty until somebody has looked
	seen         bool   // in pg_roles
	given        bool   // somebody may have logged in with it
	lease, child span
	revoked      error
	ending       bool
	published    credential.Term
	failures     int
	denials      int
	checked      time.Time // when Vault was last asked for it
}

// term is the end of the lease as known now: that of the lease, of the token it
// was issued with, or of the token above.
func (h *held) term(now time.Time) credential.Term {
	if h.revoked != nil {
		at := now
		if !h.published.Expires.IsZero() && h.published.Expires.Before(now) {
			at = h.published.Expires
		}
		return credential.Term{Expires: at, Last: wrap("lease", h.revoked)}
	}
	spans := []span{h.lease, h.child}
	if h.login != nil {
		spans = append(spans, h.login.span)
	}
	until, last := earliest(spans...)
	return credential.Term{Expires: until, Last: wrap("lease", last)}
}

// publish tells who uses the lease about its term; of one that nobody uses yet
// follow does. The caller holds c.mu.
func (c *Client) publish(h *held) {
	if h.life == nil {
		return
	}
	term := h.term(c.now())
	if term.Expires.Equal(h.published.Expires) && (term.Last == nil) == (h.published.Last == nil) {
		return
	}
	h.published = term
	h.life.Set(term)
}

// revokedOutside notes that a lease is not in force any more. The caller holds
// c.mu.
func (c *Client) revokedOutside(h *held, why error) {
	if h.revoked != nil || h.ending {
		return
	}
	c.renewals.drop(h.renew)
	if c.now().Before(h.published.Expires) {
		h.revoked = why
		c.log.Warn("a lease was ended in Vault", "lease", h.id, "database", h.database, "err", why)
	} else {
		h.revoked = errEnded
		c.log.Info("a lease has come to its end", "lease", h.id, "database", h.database)
	}
	c.publish(h)
}

// renewLease renews a lease, and the child token with it when that is due.
func (c *Client) renewLease(ctx context.Context, h *held) {
	got, err := c.asLogin(ctx, question{
		doing: "renew a lease", path: "sys/leases/renew",
		body: map[string]any{"lease_id": h.id, "increment": wholeSeconds(h.lease.granted)},
	})
	if err == nil && (got.Secret == nil || got.LeaseDuration <= 0) {
		err = fmt.Errorf("renew a lease: Vault did not say for how long: %w", errFixed)
	}
	if err == nil {
		c.mu.Lock()
		h.lease.extend(got.sent, time.Duration(got.LeaseDuration)*time.Second)
		dueChild := h.accessor != "" && h.child.last == nil && c.now().After(h.child.until.Add(-h.child.granted/2))
		c.mu.Unlock()
		if dueChild {
			err = c.renewChild(ctx, h)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.afterRenewal(h, err)
}

// renewChild lets a child token renew itself. It returns an error only if trying
// again may help. That Vault has revoked the token is noticed by its lease.
func (c *Client) renewChild(ctx context.Context, h *held) error {
	got, err := c.ask(ctx, question{
		doing: "renew a child token", token: h.token, path: "auth/token/renew-self",
		body: map[string]any{"increment": wholeSeconds(h.child.granted)},
	})
	if err == nil && (got.Secret == nil || got.Auth == nil) {
		err = fmt.Errorf("renew a child token: Vault did not say for how long: %w", errFixed)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err == nil:
		h.child.extend(got.sent, time.Duration(got.Auth.LeaseDuration)*time.Second)
	case errors.Is(err, errGone), !passes(err):
		h.child.last = err
	default:
		return err
	}
	return nil
}

// afterRenewal decides how a lease goes on. The caller holds c.mu.
func (c *Client) afterRenewal(h *held, err error) {
	if h.ending || h.revoked != nil {
		return
	}
	if errors.Is(err, ErrDenied) {
		h.denials++
	} else {
		h.denials = 0
	}
	switch {
	case err == nil:
		h.failures = 0
	case errors.Is(err, errGone):
		c.revokedOutside(h, errRevoked)
		return
	case passes(err) || h.denials == 1:
		// A denial may be the login token's, and another is on its way.
		h.failures++
		c.renewals.set(h.renew, c.now().Add(again(h.failures)))
		c.publish(h) // the lease may be renewed, and its child token not
		return
	default:
		h.lease.last = err
	}
	if h.lease.last == nil {
		c.renewals.set(h.renew, h.due())
	}
	c.publish(h)
}

// due is when lease or child token have to be renewed, whichever comes first.
func (h *held) due() time.Time {
	at := h.lease.due()
	if child := h.child.due(); h.child.last == nil && !h.child.until.IsZero() && child.Before(at) {
		return child
	}
	return at
}

// heldNow lists what passes a test. The test runs under c.mu.
func (c *Client) heldNow(wanted func(*held) bool) []*held {
	c.mu.Lock()
	defer c.mu.Unlock()
	var found []*held
	for h := range c.held {
		if wanted(h) {
			found = append(found, h)
		}
	}
	return found
}

func (c *Client) issuersNow() []*Issuer {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []*Issuer
	for _, i := range c.issuers {
		all = append(all, i)
	}
	return all
}

// endAll ends several at once and goes on when one cannot be ended.
func (c *Client) endAll(ctx context.Context, all []*held) error {
	return each(all, func(h *held) error { return c.end(ctx, h) })
}
