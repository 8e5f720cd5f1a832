package vault

import (
	"context"
	"errors"
	"fmt"

	"github.com/sluice-pg/sluice/proxy/credential"
)

// End ends a lease: with a control role every backend that logged in with it is
// gone, nobody can log in with it any more, and Vault has dropped its role. It
// may be called again and does nothing then.
//
// On an error the lease stays in the journal, and the next End, EndLeft, Close
// or start goes on. Backends are terminated though Vault is away.
func (i *Issuer) End(ctx context.Context, lease *credential.Lease) error {
	if lease == nil {
		return wrap("end a credential", errors.New("no lease is given"))
	}
	if i.Weak() {
		return wrap("end a credential", i.endShared(ctx, lease))
	}
	found := i.client.heldNow(func(h *held) bool { return h.issuer == i && h.id == lease.ID })
	for _, h := range found {
		if err := i.client.end(ctx, h); err != nil {
			return wrap("end a credential", err)
		}
	}
	return nil
}

// end takes a lease through its last states. Only one call at a time works on a
// lease.
func (c *Client) end(ctx context.Context, h *held) error {
	select {
	case h.turn <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("lease %s: %w", h.name(), ctx.Err())
	}
	defer func() { <-h.turn }()
	c.mu.Lock()
	alive := c.held[h]
	h.ending = true
	c.mu.Unlock()
	if !alive {
		return nil
	}
	c.renewals.drop(h.renew)
	if err := c.cutAndRevoke(ctx, h); err != nil {
		return fmt.Errorf("lease %s: %w", h.name(), err)
	}
	if err := c.journalEnd(h); err != nil {
		return fmt.Errorf("lease %s has ended, but that is not on disk: %w", h.name(), err)
	}
	c.mu.Lock()
	delete(c.held, h)
	c.mu.Unlock()
	if h.login != nil {
		c.release(h.login, 1)
	}
	return nil
}

// journalEnd puts the end on disk. A lease of the login token that never became
// known is not in the journal; it ends with that token.
func (c *Client) journalEnd(h *held) error {
	end := record{Op: opEnd, Accessor: h.accessor}
	if h.accessor == "" {
		end.Lease = h.id
	}
	if end.key() == "" {
		return nil
	}
	return c.journal.append(end)
}

// name is what people can look for in Vault.
func (h *held) name() string {
	switch {
	case h.id == "" && h.accessor == "":
		return "of the control connection"
	case h.id == "":
		return "of the token with accessor " + h.accessor
	}
	return h.id
}

// cutAndRevoke goes on with the second when the first fails: whichever can be
// reached is done.
func (c *Client) cutAndRevoke(ctx context.Context, h *held) error {
	cut := c.cut(ctx, h)
	revoke := c.revoke(ctx, h)
	if cut == nil && revoke == nil {
		// A login that was under way shows up late.
		cut = c.cut(ctx, h)
	}
	return errors.Join(cut, revoke)
}

// cut terminates the backends of a lease and sees them gone.
func (c *Client) cut(ctx context.Context, h *held) error {
	c.mu.Lock()
	issuer, given, oid := h.issuer, h.given, h.oid
	c.mu.Unlock()
	if !given || issuer == nil || issuer.control == nil {
		return nil
	}
	return issuer.control.terminate(ctx, backendsOf{user: h.user, oid: oid, pids: h.backends.PIDs()})
}

// revoke takes the lease back first, and waits for it, because Vault revokes
// what belongs to a token some time later. Then the token, with what else may
// have been leased with it.
func (c *Client) revoke(ctx context.Context, h *held) error {
	var lease error
	if h.id != "" {
		_, lease = c.asLogin(ctx, question{
			doing: "revoke a lease", path: "sys/leases/revoke", body: map[string]any{"lease_id": h.id, "sync": true},
		})
		if errors.Is(lease, errGone) {
			lease = nil
		}
		if errors.Is(lease, ErrAway) {
			return lease
		}
	}
	if h.accessor == "" {
		return lease
	}
	return errors.Join(lease, c.revokeAccessor(ctx, "revoke a child token", h.accessor))
}
