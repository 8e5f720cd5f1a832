package identity

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var (
	home = netip.MustParseAddr("192.0.2.1")
	away = netip.MustParseAddr("198.51.100.1")
)

type testClock struct{ time.Time }

func (c *testClock) now() time.Time { return c.Time }

func newThrottle() (*Throttle, *testClock) {
	clock := &testClock{time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}
	return &Throttle{Now: clock.now}, clock
}

func TestThrottleBacksOff(t *testing.T) {
	throttle, clock := newThrottle()
	want := []time.Duration{0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60}
	for i, seconds := range want {
		if err := throttle.Check(home, "alice"); err != nil {
			t.Fatalf("failure %d: %v", i, err)
		}
		throttle.Failed(home, "alice")
		err := throttle.Check(home, "alice")
		if seconds == 0 {
			if err != nil {
				t.Fatalf("after %d failures: %v", i+1, err)
			}
			continue
		}
		var failure *Failure
		if !errors.As(err, &failure) || !errors.Is(err, ErrThrottled) || failure.Code != "28000" ||
			!strings.Contains(failure.Message, fmt.Sprintf("in %d s", seconds)) {
			t.Fatalf("after %d failures: %v, want %d s", i+1, err, seconds)
		}
		clock.Time = clock.Add(seconds * time.Second)
	}
	if throttle.Check(away, "alice") != nil || throttle.Check(home, "bob") != nil {
		t.Error("somebody else is held back")
	}
}

func TestThrottleForgets(t *testing.T) {
	throttle, clock := newThrottle()
	fail := func(n int) {
		for range n {
			throttle.Failed(home, "alice")
		}
	}
	fail(5)
	throttle.Succeeded(home, "alice")
	if err := throttle.Check(home, "alice"); err != nil || len(throttle.entries) != 0 || throttle.order.Len() != 0 {
		t.Errorf("after a success: %v", err)
	}
	fail(20)
	clock.Time = clock.Add(forgetAfter + time.Second)
	fail(1)
	if err := throttle.Check(home, "alice"); err != nil {
		t.Errorf("after a quiet time: %v", err)
	}
	throttle.Succeeded(away, "nobody")
}

func TestThrottleKeys(t *testing.T) {
	throttle, _ := newThrottle()
	for i := range 5 {
		throttle.Failed(netip.MustParseAddr(fmt.Sprintf("2001:db8::%d", i+1)), "alice")
	}
	if throttle.Check(netip.MustParseAddr("2001:db8::99%eth0"), "alice") == nil {
		t.Error("another address of the network is free")
	}
	if throttle.Check(netip.MustParseAddr("2001:db8:0:1::1"), "alice") != nil {
		t.Error("another network is held back")
	}
	for range 5 {
		throttle.Failed(home, "alice")
		throttle.Failed(netip.Addr{}, strings.Repeat("x", 1<<20))
	}
	if throttle.Check(netip.MustParseAddr("::ffff:192.0.2.1"), "alice") == nil {
		t.Error("the IPv6 form of an address is another address")
	}
	for key := range throttle.entries {
		if len(key.user) > maxNameLength {
			t.Error("a long name is kept whole")
		}
	}
}

// One guess for each of many names is guessing as well: a password that many
// people have, or which names there are.
func TestThrottleCountsNames(t *testing.T) {
	throttle, clock := newThrottle()
	for i := range freeNames {
		if err := throttle.Check(home, fmt.Sprint("user", i)); err != nil {
			t.Fatalf("name %d: %v", i, err)
		}
		throttle.Failed(home, fmt.Sprint("user", i))
		throttle.Failed(home, "user0") // the same name again is no other name
		throttle.Succeeded(home, "user0")
	}
	if err := throttle.Check(home, "alice"); err != nil {
		t.Fatalf("after %d names: %v", freeNames-1, err)
	}
	throttle.Failed(home, "another")
	for i, seconds := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		throttle.Failed(home, fmt.Sprint("more", i))
		err := throttle.Check(home, "alice")
		if err == nil || !errors.Is(err, ErrThrottled) || !strings.Contains(err.Error(), fmt.Sprintf("failed logins from this address; try again in %d s", seconds)) {
			t.Fatalf("after %d names more: %v", i+1, err)
		}
		if throttle.Check(away, "alice") != nil {
			t.Error("another address is held back")
		}
		clock.Time = clock.Add(seconds * time.Second)
		if err := throttle.Check(home, "alice"); err != nil {
			t.Errorf("%d s later: %v", seconds, err)
		}
	}
	throttle.Failed(home, "last")
	clock.Time = clock.Add(forgetAfter + time.Second)
	throttle.Failed(home, "first")
	if err := throttle.Check(home, "alice"); err != nil {
		t.Errorf("after a quiet time: %v", err)
	}
}

func TestThrottleIsBounded(t *testing.T) {
	throttle, _ := newThrottle()
	for i := range maxThrottled + 500 {
		throttle.Failed(home, fmt.Sprintf("user%d", i))
	}
	if len(throttle.entries) != maxThrottled || throttle.order.Len() != maxThrottled {
		t.Errorf("%d entries, %d in order", len(throttle.entries), throttle.order.Len())
	}
}

// Whatever happens, nobody waits longer than a minute after the last failure,
// and nobody waits who did not fail more often than is free.
func TestThrottleProperties(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		throttle, clock := newThrottle()
		failures := make(map[string]int)
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			user := rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "user")
			switch rapid.IntRange(0, 3).Draw(rt, "step") {
			case 0, 1:
				throttle.Failed(home, user)
				failures[user]++
			case 2:
				throttle.Succeeded(home, user)
				failures[user] = 0
			case 3:
				clock.Time = clock.Add(time.Duration(rapid.IntRange(0, 2000).Draw(rt, "seconds")) * time.Second)
			}
			if failures[user] <= freeFailures && throttle.Check(home, user) != nil {
				rt.Fatalf("%s waits after %d failures", user, failures[user])
			}
		}
		clock.Time = clock.Add(longestDelay)
		if throttle.Check(home, "a") != nil || throttle.Check(home, "b") != nil {
			rt.Fatal("somebody waits for more than a minute")
		}
	})
}

func TestThrottleConcurrently(t *testing.T) {
	throttle := &Throttle{}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for i := range 200 {
				user := fmt.Sprintf("u%d", i%5)
				_ = throttle.Check(home, user)
				throttle.Failed(home, user)
				if i%7 == 0 {
					throttle.Succeeded(home, user)
				}
			}
		})
	}
	group.Wait()
}
