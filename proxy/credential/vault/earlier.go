package vault

import (
	"context"
	"errors"
	"time"

	"github.com/sluice-pg/sluice/proxy/credential"
)

// inherit takes over what the journal shows as alive.
func (c *Client) inherit() {
	for _, e := range c.journal.list() {
		if e.Op == opLogin {
			c.earlier = append(c.earlier, e.Accessor)
			continue
		}
		c.held[&held{
			database: e.Database, role: e.Role, session: e.Session, accessor: e.Accessor,
			id: e.Lease, user: e.User, oid: e.OID, given: e.Lease != "", ending: true,
			backends: &credential.Backends{}, turn: make(chan struct{}, 1), renew: newTask(func(context.Context) {}),
		}] = true
	}
}

// endEarlier ends what earlier runs left: leases first, each of which Vault is
// waited for, then their login tokens. The caller holds beginning.
func (c *Client) endEarlier(ctx context.Context) error {
	left := c.heldNow(func(h *held) bool { return h.login == nil })
	for _, h := range left {
		if h.issuer == nil && h.given {
			c.log.Warn("an earlier run left a lease for a database that is not configured any more; it is revoked, "+
				"but nobody looks for its backends", "database", h.database, "lease", h.id, "role", h.user)
		}
	}
	if err := c.endInTime(ctx, left); err != nil {
		if errors.Is(err, ErrDenied) || errors.Is(err, ErrAway) && !c.answers(ctx) {
			return err
		}
		c.log.Error("what an earlier run left cannot all be ended; tried again later", "err", wrap("end what an earlier run left", err))
	}
	for len(c.earlier) > 0 {
		if err := c.revokeLogin(ctx, false, c.earlier[0]); err != nil {
			return err
		}
		c.earlier = c.earlier[1:]
	}
	if n := len(left) - len(c.heldNow(func(h *held) bool { return h.login == nil })); n > 0 {
		c.log.Warn("ended leases that an earlier run left behind", "count", n)
	}
	return nil
}

// earlierTimeout bounds ending what earlier runs left before sessions may begin.
const earlierTimeout = 8 * time.Second

func (c *Client) endInTime(ctx context.Context, all []*held) error {
	ctx, cancel := context.WithTimeout(ctx, earlierTimeout)
	defer cancel()
	return c.endAll(ctx, all)
}

// answers tells whether Vault is there: a revocation takes as long as the database
// whose role is to be dropped.
func (c *Client) answers(ctx context.Context) bool {
	_, err := c.asLogin(ctx, question{doing: "look the login token up", read: true, path: "auth/token/lookup-self"})
	return err == nil
}
