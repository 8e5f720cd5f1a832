package proxy

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-pg/sluice/proxy/credential"
)

// clockOf follows a lease that ends in so long, in a session that is idle or in
// a transaction.
func clockOf(t *testing.T, life time.Duration, status byte) (*leaseClock, *session) {
	t.Helper()
	s := &session{server: &Server{config: &Config{}}, pending: newPending(status, time.Now())}
	s.server.config.Limits.LeaseGrace = 30 * time.Second
	term := credential.Term{Expires: time.Now().Add(life)}
	s.lease = &credential.Lease{Expires: term.Expires, Life: credential.NewLife(term)}
	c := s.newLeaseClock()
	t.Cleanup(func() { c.timer.Stop() })
	return c, s
}

// run looks whenever it is time, until the lease is over, and returns how long
// that took and what the client was told.
func (c *leaseClock) run(t *testing.T) (took time.Duration, told []string, err error) {
	t.Helper()
	start := time.Now()
	for {
		select {
		case <-c.timer.C:
		case <-c.changed:
		case <-time.After(24 * time.Hour):
			t.Fatal("nothing is ever due")
		}
		err := c.look()
		if n := c.session.unasked.Swap(nil); n != nil {
			told = append(told, n.Message+" "+n.Hint)
		}
		if err != nil {
			return time.Since(start), told, err
		}
	}
}

// sets gives a lease another term after a while.
func sets(s *session, after, life time.Duration, last error) {
	time.AfterFunc(after, func() { s.lease.Life.Set(credential.Term{Expires: time.Now().Add(life), Last: last}) })
}

func TestLeaseEndsBetweenTransactions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := clockOf(t, time.Hour, 'I')
		took, told, err := c.run(t)
		if took != time.Hour-30*time.Second || !errors.Is(err, errLeaseEnded) {
			t.Errorf("after %s, %v", took, err)
		}
		if len(told) != 1 || !strings.Contains(told[0], "ends in 5 minutes") {
			t.Errorf("told %q", told)
		}
	})
}

func TestLeaseEndsInsideATransaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := clockOf(t, time.Hour, 'T')
		if took, _, err := c.run(t); took != time.Hour || !errors.Is(err, errLeaseEnded) {
			t.Errorf("after %s, %v", took, err)
		}
		c, _ = clockOf(t, 2*time.Second, 'I')
		if took, _, err := c.run(t); took != 1750*time.Millisecond || err == nil {
			t.Errorf("a short one: after %s, %v", took, err)
		}
	})
}

// A transaction that ends within the grace takes the session along, and nothing
// begins behind it.
func TestTransactionEndsWithinTheGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := clockOf(t, time.Hour, 'T')
		const ends = time.Hour - 20*time.Second
		time.AfterFunc(ends, func() {
			s.pending.mu.Lock()
			defer s.pending.mu.Unlock()
			s.pending.status = 'I'
		})
		took, _, err := c.run(t)
		if took < ends || took > ends+drainTick || !errors.Is(err, errLeaseEnded) {
			t.Errorf("after %s, %v", took, err)
		}
		if err := s.pending.push(&ticket{typ: 'Q'}); err == nil {
			t.Error("a statement begins behind it")
		}
	})
}

// However long the grace, people are told before it begins.
func TestLongGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, s := clockOf(t, 2*time.Hour, 'I')
		s.server.config.Limits.LeaseGrace = 10 * time.Minute
		c := s.newLeaseClock()
		defer c.timer.Stop()
		took, told, _ := c.run(t)
		if took != 110*time.Minute || len(told) != 1 || !strings.Contains(told[0], "ends in 5 minutes") {
			t.Errorf("after %s, told %q", took, told)
		}
	})
}

func TestLeaseIsRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := clockOf(t, time.Hour, 'I')
		last := errors.New("vault: the lease has reached its longest life")
		for n := range 3 {
			sets(s, time.Duration(n+1)*40*time.Minute, time.Hour, nil)
		}
		sets(s, 160*time.Minute, 20*time.Minute, last)
		took, told, err := c.run(t)
		var ended *leaseEnded
		if took != 180*time.Minute-30*time.Second || !errors.As(err, &ended) || !strings.Contains(ended.goodbye().hint, last.Error()) {
			t.Errorf("after %s, %v", took, err)
		}
		if len(told) != 1 || !strings.Contains(told[0], "ends in 19 minutes") || !strings.Contains(told[0], last.Error()) {
			t.Errorf("told %q", told)
		}
	})
}

// A renewal that comes late is told as well: the client has been told of an end.
func TestLateRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := clockOf(t, time.Hour, 'I')
		sets(s, 57*time.Minute, time.Hour, nil)
		took, told, _ := c.run(t)
		if took != 117*time.Minute-30*time.Second || len(told) != 3 ||
			!strings.Contains(told[0], "ends in 5 minutes") || !strings.Contains(told[1], "renewed") || !strings.Contains(told[2], "ends in 5 minutes") {
			t.Errorf("after %s, told %q", took, told)
		}
	})
}

// What is taken away is gone at once, whatever runs.
func TestLeaseIsRevokedElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := clockOf(t, time.Hour, 'T')
		sets(s, time.Minute, 0, errors.New("vault: the lease was revoked"))
		if took, _, err := c.run(t); took != time.Minute || !errors.Is(err, errLeaseEnded) {
			t.Errorf("after %s, %v", took, err)
		}
	})
}
