package vault

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"sync"
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
)

// startWatches begins to look for leases that are ended by somebody else.
func (c *Client) startWatches() {
	lookups := newTask(nil)
	denied := false
	lookups.run = func(ctx context.Context) {
		denied = c.lookUp(ctx, denied)
		c.watches.set(lookups, c.now().Add(lookupPoll))
	}
	c.watches.set(lookups, c.now().Add(lookupPoll))
	if c.config.Auth.TokenFile != "" {
		file := newTask(nil)
		file.run = func(ctx context.Context) { c.watchFile(ctx, file) }
		c.watches.set(file, c.now().Add(filePoll))
	}
}

// watchIssuer asks the database for the roles of its live leases.
func (c *Client) watchIssuer(i *Issuer) {
	roles := newTask(nil)
	failed := false
	roles.run = func(ctx context.Context) {
		err := c.watchRoles(ctx, i)
		if err != nil && !failed && ctx.Err() == nil {
			c.log.Warn("cannot look whether the roles of leases are still there", "database", i.config.Database, "err", wrap("control", err))
		}
		failed = err != nil
		c.watches.set(roles, c.now().Add(rolesPoll))
	}
	c.watches.set(roles, c.now().Add(rolesPoll))
}

// watchRoles notices leases whose role was dropped, or may not log in any more:
// that is what Vault's revocation statements do. A role is missed only if it
// was seen before.
func (c *Client) watchRoles(ctx context.Context, i *Issuer) error {
	live := c.heldNow(func(h *held) bool { return h.issuer == i && h.live() && !h.inner })
	if len(live) == 0 {
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
	due := c.lookupsDue()
	problems := make([]error, len(due))
	slots := make(chan struct{}, workers)
	var group sync.WaitGroup
	for n, h := range due {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			problems[n] = c.lookUpLease(ctx, h)
		})
	}
	group.Wait()
	err := errors.Join(problems...)
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
