package vault

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"time"
)

const (
	// rolesPoll is how often a database is asked whether the roles of live
	// leases are still there. One query asks for all of them.
	rolesPoll = 2 * time.Second
	// lookupPoll is how often Vault is asked for leases whose turn it is, and
	// maxLookups how many at once. So 200 leases are looked at within four
	// seconds, and more take longer, but Vault never has more of it to do.
	lookupPoll = time.Second
	maxLookups = 50
	// lookupEach is how old the answer for a lease may become when nothing else
	// watches it, lookupSeldom when the database is asked as well: then only a
	// lease that Vault has forgotten without dropping its role is noticed by it.
	lookupEach   = 3 * time.Second
	lookupSeldom = 30 * time.Second
	// awayPoll is how often a Vault that is away is looked for.
	awayPoll = 2 * time.Second
	// leftPoll is how often it is tried to end what could not be ended, whether
	// or not somebody calls EndLeft.
	leftPoll = 30 * time.Second
)

// startWatches begins to look for leases that are ended by somebody else.
func (c *Client) startWatches() {
	denied := false
	c.every(lookupPoll, func(ctx context.Context) { denied = c.lookUp(ctx, denied) })
	c.every(awayPoll, c.lookForVault)
	c.every(leftPoll, c.endLeft)
	if c.config.Auth.TokenFile != "" {
		c.every(filePoll, c.watchFile)
	}
}

// every runs something again and again, with a pause between two runs.
func (c *Client) every(pause time.Duration, run func(context.Context)) {
	t := newTask(nil)
	t.run = func(ctx context.Context) {
		run(ctx)
		c.watches.set(t, c.now().Add(pause))
	}
	c.watches.set(t, c.now().Add(pause))
}

// lookForVault asks a Vault that was away whether it is back, when nobody else
// has a question: else a proxy that says it is not ready would get no sessions,
// and never find out.
func (c *Client) lookForVault(ctx context.Context) {
	if c.health.away() == nil || c.current() == nil {
		return
	}
	_, _ = c.asLogin(ctx, question{doing: "look the login token up", read: true, path: "auth/token/lookup-self"})
}

// endLeft tries again what could not be ended, unless Vault is away.
func (c *Client) endLeft(ctx context.Context) {
	left := c.heldNow(func(h *held) bool { return h.ending })
	if len(left) == 0 || c.current() == nil || c.health.away() != nil {
		return
	}
	if err := c.endAll(ctx, left); err != nil && ctx.Err() == nil {
		c.log.Debug("leases still not ended", "err", wrap("end what is left", err))
	}
}

// watchIssuer asks the database for the roles of its live leases.
func (c *Client) watchIssuer(i *Issuer) {
	failed := false
	c.every(rolesPoll, func(ctx context.Context) {
		err := c.watchRoles(ctx, i)
		if err != nil && !failed && ctx.Err() == nil {
			c.log.Warn("cannot look whether the roles of leases are still there", "database", i.config.Database, "err", wrap("control", err))
		}
		failed = err != nil
	})
}

// watchRoles notices leases whose role was dropped, or may not log in any more:
// that is what Vault's revocation statements do. A role is missed only if it
// was seen before.
func (c *Client) watchRoles(ctx context.Context, i *Issuer) error {
	live := c.heldNow(func(h *held) bool { return h.issuer == i && h.live() && !h.inner })
	if len(live) == 0 {
		i.control.letGo() // with a session, the question below does so
		return nil
	}
	names := make([]string, len(live))
	for n, h := range live {
		names[n] = h.user
	}
	found, err := i.control.roles(ctx, names)
	if err != nil {
		return err
	}
	byName := map[string]serverRole{}
	for _, role := range found {
		byName[role.name] = role
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, h := range live {
		role, ok := byName[h.user]
		switch {
		case ok && role.logsIn:
			h.oid, h.seen = role.oid, true
		case ok, h.seen:
			c.revokedOutside(h, errRevoked)
		}
	}
	return nil
}

// live tells whether somebody uses the lease. The caller holds Client.mu.
func (h *held) live() bool { return h.life != nil && !h.ending && h.revoked == nil }

// lookUp asks Vault for the leases whose turn it is. It returns whether Vault
// denied that; then it asks no more, since the answer would be the same.
func (c *Client) lookUp(ctx context.Context, denied bool) bool {
	if denied {
		return true
	}
	err := each(c.lookupsDue(), func(h *held) error { return c.lookUpLease(ctx, h) })
	if errors.Is(err, ErrDenied) && c.Healthy() == nil {
		c.log.Warn("Vault does not let leases be looked up; one that is revoked there is noticed by the control connection "+
			"or at its renewal. Allow update on sys/leases/lookup", "err", wrap("look leases up", err))
		return true
	}
	return false
}

// lookupsDue takes the leases that were not looked at for the longest time.
func (c *Client) lookupsDue() []*held {
	now := c.now()
	due := c.heldNow(func(h *held) bool {
		each := lookupEach
		if h.seen {
			each = lookupSeldom
		}
		return h.live() && h.id != "" && now.Sub(h.checked) >= each
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	sort.Slice(due, func(a, b int) bool { return due[a].checked.Before(due[b].checked) })
	due = due[:min(len(due), maxLookups)]
	for _, h := range due {
		h.checked = now
	}
	return due
}

func (c *Client) lookUpLease(ctx context.Context, h *held) error {
	got, err := c.asLogin(ctx, question{doing: "look a lease up", path: "sys/leases/lookup", body: map[string]any{"lease_id": h.id}})
	if err == nil && got.Secret == nil {
		err = fmt.Errorf("look a lease up: Vault says nothing about it")
	}
	// A lease whose revocation is under way is there, with no time left.
	gone := errors.Is(err, errGone) || err == nil && seconds(got.Data["ttl"]) == 0
	if !gone {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.revokedOutside(h, errRevoked)
	return nil
}
