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
	firstDelay    = time.Second      // after the next one, then doubling
	longestDelay  = time.Minute      // never longer, so that nobody is locked out for good
	forgetAfter   = 15 * time.Minute // a quiet key starts anew
	maxThrottled  = 10_000           // keys kept; the one quiet longest goes first
	hostBitsIPv6  = 64               // one customer's network counts as one address
	networkPrefix = 128 - hostBitsIPv6
)

// Throttle slows down guessing. It counts failed logins by address and user:
// an attacker elsewhere cannot lock a user out. Its memory is bounded. The
// zero value is ready, and it is safe for concurrent use.
type Throttle struct {
	// Now tells the time; nil means time.Now.
	Now func() time.Time

	mu      sync.Mutex
	entries map[throttleKey]*list.Element // of *throttleEntry
	order   list.List                     // most recent failure in front
}

type throttleKey struct {
	network netip.Prefix
	user    string
}

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
	element, ok := t.entries[keyOf(addr, user)]
	if !ok {
		return nil
	}
	wait := element.Value.(*throttleEntry).until.Sub(t.now())
	if wait <= 0 {
		return nil
	}
	seconds := int64((wait + time.Second - 1) / time.Second)
	return &Failure{
		Code:    codeInvalidAuthorization,
		Message: fmt.Sprintf("sluice: too many failed logins for user %q from this address; try again in %d s", user, seconds),
		Cause:   ErrThrottled,
	}
}

// Failed counts a failed login.
func (t *Throttle) Failed(addr netip.Addr, user string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	entry := t.entry(keyOf(addr, user))
	if now.Sub(entry.last) > forgetAfter {
		entry.failures = 0
	}
	entry.failures++
	entry.last = now
	entry.until = now.Add(delayAfter(entry.failures))
}

// Succeeded forgets the failures of an address and user.
func (t *Throttle) Succeeded(addr netip.Addr, user string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if element, ok := t.entries[keyOf(addr, user)]; ok {
		t.remove(element)
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

func delayAfter(failures int) time.Duration {
	if failures <= freeFailures {
		return 0
	}
	doublings := failures - freeFailures - 1
	if doublings > 10 {
		return longestDelay
	}
	return min(firstDelay<<doublings, longestDelay)
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
