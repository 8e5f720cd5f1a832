package credential

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// counting is an issuer that keeps book.
type counting struct {
	mu       sync.Mutex
	slow     time.Duration
	failing  error
	issued   int
	live     map[*Lease]bool
	backends []uint32 // that were ended one by one
}

func (c *counting) Issue(ctx context.Context, r Request) (*Lease, error) {
	time.Sleep(c.slow)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failing != nil {
		return nil, c.failing
	}
	c.issued++
	expires := time.Now().Add(time.Hour)
	l := &Lease{ID: fmt.Sprint(c.issued), User: r.Subject, Role: r.Group, Expires: expires, Life: NewLife(Term{Expires: expires}), Backends: &Backends{}}
	c.live[l] = true
	return l, nil
}

func (c *counting) End(_ context.Context, l *Lease) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failing != nil {
		return c.failing
	}
	delete(c.live, l)
	return nil
}

func (c *counting) EndBackends(_ context.Context, l *Lease, pids []uint32) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failing != nil {
		return c.failing
	}
	if !c.live[l] {
		return nil // its last session has ended it meanwhile, with all backends
	}
	c.backends = append(c.backends, pids...)
	return nil
}

func (c *counting) EndLeft(context.Context) (int, error) { return 0, nil }

func newCounting() (*counting, *Shared) {
	c := &counting{live: map[*Lease]bool{}}
	return c, NewShared(c, nil)
}

func ofAnna() Request {
	return Request{SessionID: "s", Subject: "anna", Database: "shop", Role: "r", Group: "g", Share: Share{For: 10 * time.Minute, Sessions: 3}}
}

func get(t *testing.T, s *Shared, r Request) *Lease {
	t.Helper()
	l, err := s.Issue(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestSharedLeaseEndsWithItsLast(t *testing.T) {
	c, s := newCounting()
	one, two, three := get(t, s, ofAnna()), get(t, s, ofAnna()), get(t, s, ofAnna())
	if c.issued != 1 || one.ID != two.ID || two.ID != three.ID {
		t.Fatalf("%d leases for three sessions", c.issued)
	}
	if four := get(t, s, ofAnna()); four.ID == one.ID || c.issued != 2 {
		t.Error("a fourth session has the lease of three")
	}
	for n, l := range []*Lease{one, two} {
		l.Backends.Add(uint32(100 + n))
		for range 2 { // the second finds nothing to do
			if err := s.End(t.Context(), l); err != nil {
				t.Error(err)
			}
		}
	}
	if len(c.live) != 2 || !slices.Equal(c.backends, []uint32{100, 101}) {
		t.Errorf("%d live, backends %v", len(c.live), c.backends)
	}
	for l := range c.live {
		if pids := l.Backends.PIDs(); l.ID == one.ID && !slices.Equal(pids, []uint32{100, 101}) {
			t.Errorf("the lease as a whole has the backends %v", pids)
		}
	}
	if err := s.End(t.Context(), three); err != nil || len(c.live) != 1 {
		t.Errorf("%v, %d live", err, len(c.live))
	}
}

func TestSharedOnlyAmongTheSame(t *testing.T) {
	c, s := newCounting()
	get(t, s, ofAnna())
	for n, change := range []func(*Request){
		func(r *Request) { r.Subject = "ben" }, func(r *Request) { r.Person = "another anna" }, func(r *Request) { r.Database = "stock" }, func(r *Request) { r.Role = "x" },
		func(r *Request) { r.Group = "x" }, func(r *Request) { r.Share = Share{} },
	} {
		r := ofAnna()
		change(&r)
		if get(t, s, r); c.issued != n+2 {
			t.Errorf("change %d shares", n)
		}
	}
}

func TestSharedForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := newCounting()
		first := get(t, s, ofAnna())
		time.Sleep(10*time.Minute - 1)
		if get(t, s, ofAnna()); c.issued != 1 {
			t.Error("not shared within its time")
		}
		time.Sleep(1)
		if get(t, s, ofAnna()); c.issued != 2 {
			t.Error("shared after its time")
		}
		for l := range c.live {
			l.Life.Set(Term{Expires: time.Now().Add(time.Minute), Last: errors.New("no more")})
		}
		if get(t, s, ofAnna()); c.issued != 3 {
			t.Error("one that will end is shared")
		}
		if err := s.End(t.Context(), first); err != nil || len(c.live) != 3 {
			t.Errorf("%v, %d live", err, len(c.live))
		}
	})
}

// An end that failed is tried again, and counts once.
func TestSharedEndIsTriedAgain(t *testing.T) {
	c, s := newCounting()
	one, two := get(t, s, ofAnna()), get(t, s, ofAnna())
	one.Backends.Add(1)
	c.failing = errors.New("away")
	for range 3 {
		if err := s.End(t.Context(), one); err == nil {
			t.Error("an end that failed is no error")
		}
	}
	c.failing = nil
	if len(c.live) != 1 || get(t, s, ofAnna()).ID != two.ID {
		t.Fatal("the lease does not go on")
	}
	if err := s.End(t.Context(), one); err != nil || len(c.backends) != 1 {
		t.Errorf("%v, backends %v", err, c.backends)
	}
}

// Who waits for a lease that somebody else asked for gets it when that one
// leaves; one that nobody waits for any more is ended.
func TestSharedOutlivesWhoAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := newCounting()
		c.slow = 2 * time.Second
		hasty, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		go func() {
			if _, err := s.Issue(hasty, ofAnna()); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the hasty one: %v", err)
			}
		}()
		synctest.Wait()
		l := get(t, s, ofAnna())
		if c.issued != 1 || s.End(t.Context(), l) != nil || len(c.live) != 0 {
			t.Errorf("%d issued, %d live", c.issued, len(c.live))
		}
		hasty, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := s.Issue(hasty, ofAnna()); err == nil {
			t.Error("a lease before its time")
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if c.issued != 2 || len(c.live) != 0 || len(s.open) != 0 {
			t.Errorf("%d issued, %d live, %d open", c.issued, len(c.live), len(s.open))
		}
		c.failing = errors.New("away")
		if _, err := s.Issue(t.Context(), ofAnna()); !errors.Is(err, c.failing) || len(s.open) != 0 {
			t.Errorf("%v, %d open", err, len(s.open))
		}
	})
}

func TestSharedByMany(t *testing.T) {
	c, s := newCounting()
	var all sync.WaitGroup
	for n := range 200 {
		all.Go(func() {
			l, err := s.Issue(t.Context(), ofAnna())
			if err == nil {
				l.Backends.Add(uint32(n + 1))
				err = s.End(t.Context(), l)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if len(c.live) != 0 || len(s.open) != 0 {
		t.Errorf("%d live, %d open", len(c.live), len(s.open))
	}
}
