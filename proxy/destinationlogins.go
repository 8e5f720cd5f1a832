package proxy

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/sluice-pg/sluice/proxy/credential"
	"github.com/sluice-pg/sluice/proxy/watch"
)

// Issue implements Credentials: the login is known as the proxy's own.
func (d *destination) Issue(ctx context.Context, r credential.Request) (*credential.Lease, error) {
	d.mu.Lock()
	d.issues++
	this := d.issues
	made := make(chan struct{})
	d.issuing[this], d.made[this] = d.server.now(), made
	d.mu.Unlock()
	lease, err := d.credentials.Issue(ctx, r)
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.issuing, this)
	delete(d.made, this)
	close(made)
	if err == nil {
		d.ours[lease.User] = true
	} else if d.left.IsZero() {
		d.left = d.server.now()
	}
	return lease, err
}

// End implements Credentials. A login that could not be ended stays the proxy's own:
// it tries again.
func (d *destination) End(ctx context.Context, lease *credential.Lease) error {
	err := d.credentials.End(ctx, lease)
	if err == nil {
		d.mu.Lock()
		delete(d.ours, lease.User)
		d.ended[lease.User] = d.server.now()
		d.mu.Unlock()
	}
	return err
}

// endedAge is for how long a login that was ended is still known as the proxy's own:
// who read the catalogs before that has seen it, and judges it now.
const endedAge = time.Minute

// wereOurs are the logins that were the proxy's own a moment ago. The lock is held.
func (d *destination) wereOurs() map[string]time.Time {
	for name, at := range d.ended {
		if d.server.now().Sub(at) > endedAge {
			delete(d.ended, name)
		}
	}
	return d.ended
}

// settle waits for the names of logins that are being made at this moment; the error
// says why nobody could wait any more. Whoever has read the roles of the place does so
// before he judges its readers: the login of another copy is there before its name is
// known, and would be a stranger.
func (d *destination) settle(ctx context.Context) error {
	for _, at := range d.beside() {
		for _, made := range at.beingMade() {
			select {
			case <-made:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
	return nil
}

func (d *destination) beingMade() []chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Collect(maps.Values(d.made))
}

// EndLeft implements Credentials.
func (d *destination) EndLeft(ctx context.Context) (int, error) {
	began := d.server.now()
	n, err := d.credentials.EndLeft(ctx)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil && !d.left.After(began) {
		d.left = time.Time{}
	}
	return n, err
}

// found notes which server answered there last.
func (d *destination) found(system string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if system != "" {
		d.system = system
	}
}

// beside are the destinations whose logins are there too, itself among them: roles are
// those of a server, whichever of its databases is a destination.
func (d *destination) beside() []*destination {
	all, system := []*destination{d}, d.foundSystem()
	if system == "" {
		return all
	}
	for _, other := range d.server.destinations {
		if other != d && other.foundSystem() == system {
			all = append(all, other)
		}
	}
	return all
}

func (d *destination) foundSystem() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.system
}

func (d *destination) isOurs(role string) bool {
	return slices.ContainsFunc(d.beside(), func(at *destination) bool { return at.has(role) })
}

// has reports whether a login was issued through this destination, and is there or was
// a moment ago.
func (d *destination) has(role string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, was := d.wereOurs()[role]
	return was || d.ours[role]
}

// logins are those of all destinations on that server; own is the one that the watch
// asks with.
func (d *destination) logins(own string) watch.Logins {
	l := watch.Logins{Live: map[string]bool{}, Own: own}
	for _, at := range d.beside() {
		at.addLogins(&l)
	}
	return l
}

func (d *destination) addLogins(l *watch.Logins) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name := range d.ours {
		l.Live[name] = true
	}
	for name := range d.wereOurs() {
		l.Live[name] = true
	}
	l.Left = earlier(l.Left, d.left)
	l.Pending = earlier(l.Pending, d.left)
	for _, began := range d.issuing {
		l.Pending = earlier(l.Pending, began)
	}
}

// earlier is the earlier of two times; zero is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
