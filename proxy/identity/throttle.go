package identity

import (
	"container/list"
	"fmt"
	"net/netip"
	"sync"
	"time"
)

const (
	freeFailures  = 3                // answered at once: people mistype
	freeNames     = 20               // people behind one address who may mistype
	firstDelay    = time.Second      // after the next one, then doubling
	longestDelay  = time.Minute      // never longer, so that nobody is locked out for good
	forgetAfter   = 15 * time.Minute // a quiet key starts anew
	maxThrottled  = 10_000           // keys kept; the one quiet longest goes first
	hostBitsIPv6  = 64               // one customer's network counts as one address
	networkPrefix = 128 - hostBitsIPv6
)

// Throttle slows down guessing. It counts failed logins by address and user:
// an attacker elsewhere cannot lock a user out. It also counts for how many
// users an address has failed, so that one guess for each of many is not free.
// Its memory is bounded. The zero value is ready, and it is safe for concurrent
// use.
type Throttle struct {
	// Now tells the time; nil means time.Now.
	Now func() time.Time

	mu      sync.Mutex
	entries map[throttleKey]*list.Element // of *throttleEntry
	order   list.List                     // most recent failure in front
}

// throttleKey is an address and a user; without one it is the address itself,
// whose failures are the users for whom a login failed.
type throttleKey struct {
	network netip.Prefix
	user    string
}

func (k throttleKey) anybody() throttleKey { return throttleKey{network: k.network} }

type throttleEntry struct {
	key      throttleKey
	failures int
	last     time.Time
	until    time.Time
}

// Check returns nil when a login may be tried now, and otherwise a [*Failure]
// (SQLSTATE 28000) that says how long to wait.
func (t *Throttle) Check(addr netip.Addr, user string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := keyOf(addr, user)
	whose := fmt.Sprintf(" for user %q", user)
	wait := t.wait(key)
	if longer := t.wait(key.anybody()); longer > wait {
		wait, whose = longer, ""
	}
	if wait <= 0 {
		return nil
	}
	seconds := int64((wait + time.Second - 1) / time.Second)
	return &Failure{
		Code:    codeInvalidAuthorization,
		Message: fmt.Sprintf("sluice: too many failed logins%s from this address; try again in %d s", whose, seconds),
		Cause:   ErrThrottled,
	}
}

func (t *Throttle) wait(key throttleKey) time.Duration {
	element, ok := t.entries[key]
	if !ok {
		return 0
	}
	return element.Value.(*throttleEntry).until.Sub(t.now())
}

// Failed counts a failed login.
func (t *Throttle) Failed(addr netip.Addr, user string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := keyOf(addr, user)
	if t.entry(key).count(t.now(), freeFailures) == 1 {
		t.entry(key.anybody()).count(t.now(), freeNames)
	}
}

// count adds a failure, of which so many are free, and returns how many there are.
func (e *throttleEntry) count(now time.Time, free int) int {
	if now.Sub(e.last) > forgetAfter {
		e.failures = 0
	}
	e.failures++
	e.last = now
	e.until = now.Add(delayAfter(e.failures - free))
	return e.failures
}

// Succeeded forgets the failures of an address and user.
func (t *Throttle) Succeeded(addr netip.Addr, user string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := keyOf(addr, user)
	element, ok := t.entries[key]
	if !ok {
		return
	}
	t.remove(element)
	if element, ok = t.entries[key.anybody()]; ok {
		all := element.Value.(*throttleEntry)
		if all.failures--; all.failures <= 0 {
			t.remove(element)
		}
	}
}

// entry returns the entry of a key, moved to the front, made if need be.
func (t *Throttle) entry(key throttleKey) *throttleEntry {
	if element, ok := t.entries[key]; ok {
		t.order.MoveToFront(element)
		return element.Value.(*throttleEntry)
	}
	if t.entries == nil {
		t.entries = make(map[throttleKey]*list.Element)
	}
	if len(t.entries) >= maxThrottled {
		t.remove(t.order.Back())
	}
	entry := &throttleEntry{key: key}
	t.entries[key] = t.order.PushFront(entry)
	return entry
}

func (t *Throttle) remove(element *list.Element) {
	delete(t.entries, element.Value.(*throttleEntry).key)
	t.order.Remove(element)
}

func (t *Throttle) now() time.Time {
	if t.Now != nil {
		return t.Now()
	}
	return time.Now()
}

// delayAfter is the wait after so many failures beyond those that are free.
func delayAfter(failures int) time.Duration {
	switch {
	case failures <= 0:
		return 0
	case failures > 10:
		return longestDelay
	}
	return min(firstDelay<<(failures-1), longestDelay)
}

// keyOf counts an IPv4 address by itself and IPv6 by its network. The user
// name is cut, since anything can be sent as one.
func keyOf(addr netip.Addr, user string) throttleKey {
	addr = addr.Unmap().WithZone("")
	bits := addr.BitLen()
	if addr.Is6() {
		bits = networkPrefix
	}
	network := netip.PrefixFrom(addr, bits).Masked()
	if len(user) > maxNameLength {
		user = user[:maxNameLength]
	}
	return throttleKey{network: network, user: user}
}
