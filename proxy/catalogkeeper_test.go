package proxy

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/catalog"
)

func newTestKeeper(look func(have *policy.Book) (*policy.Book, error)) *catalogKeeper {
	return &catalogKeeper{now: time.Now, look: look}
}

func emptyBook() *policy.Book { return policy.NewBook(catalog.NewSnapshot(nil, nil)) }

// Many who need a catalog at once wait for one reading of it, and what was read
// is believed for as long as it is young.
func TestKeeperReadsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reads atomic.Int64
		k := newTestKeeper(func(have *policy.Book) (*policy.Book, error) {
			reads.Add(1)
			time.Sleep(time.Second)
			if have != nil {
				return have, nil
			}
			return emptyBook(), nil
		})
		var all sync.WaitGroup
		books := make([]*policy.Book, 50)
		for i := range books {
			all.Go(func() {
				var err error
				if books[i], err = k.fresh(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		for _, b := range books {
			if b == nil || b != books[0] {
				t.Fatal("they were given different catalogs")
			}
		}
		if n := reads.Load(); n != 1 {
			t.Errorf("read %d times, want once", n)
		}
		time.Sleep(catalogAge)
		if k.good() != nil {
			t.Error("believed although it is old")
		}
		if b, err := k.fresh(t.Context()); b != books[0] || err != nil || reads.Load() != 2 {
			t.Errorf("looked again: %v after %d readings", err, reads.Load())
		}
	})
}

// A change that comes while the catalog is being read is not in what is read.
func TestKeeperSeesAChangeWhileItReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var k *catalogKeeper
		var reads atomic.Int64
		k = newTestKeeper(func(*policy.Book) (*policy.Book, error) {
			if reads.Add(1) == 1 {
				k.changed()
			}
			return emptyBook(), nil
		})
		if _, err := k.fresh(t.Context()); err != nil || reads.Load() != 2 {
			t.Errorf("%v after %d readings, want 2", err, reads.Load())
		}
		k.changed()
		if k.good() != nil {
			t.Error("believed although it has changed")
		}
	})
}

// A reading that fails is not repeated by everybody who comes, and what was read
// before is not believed instead.
func TestKeeperRestsAfterAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := errors.New("it is away")
		var reads atomic.Int64
		k := newTestKeeper(func(*policy.Book) (*policy.Book, error) {
			if n := reads.Add(1); n == 2 {
				return nil, away
			}
			return emptyBook(), nil
		})
		if _, err := k.fresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		k.changed()
		for range 10 {
			if _, err := k.fresh(t.Context()); !errors.Is(err, away) {
				t.Fatalf("got %v, want the failure", err)
			}
		}
		if n := reads.Load(); n != 2 {
			t.Errorf("read %d times, want 2", n)
		}
		time.Sleep(catalogRest)
		if _, err := k.fresh(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// Who waits for a catalog that takes too long is told so, and the reading goes
// on for the next.
func TestKeeperPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newTestKeeper(func(have *policy.Book) (*policy.Book, error) {
			if have != nil {
				return have, nil
			}
			time.Sleep(catalogPatience + time.Second)
			return emptyBook(), nil
		})
		if _, err := k.fresh(t.Context()); !errors.Is(err, errCatalogLate) {
			t.Errorf("got %v, want %v", err, errCatalogLate)
		}
		begun := time.Now()
		if _, err := k.fresh(t.Context()); err != nil || time.Since(begun) > 2*time.Second {
			t.Errorf("%v after %s", err, time.Since(begun))
		}
	})
}

// A catalog that nobody uses is not looked at.
func TestKeeperLetsAloneWhatNobodyUses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reads atomic.Int64
		k := newTestKeeper(func(*policy.Book) (*policy.Book, error) { reads.Add(1); return emptyBook(), nil })
		k.check()
		synctest.Wait()
		if reads.Load() != 0 {
			t.Error("read though nobody has used it")
		}
		if _, err := k.fresh(context.Background()); err != nil {
			t.Fatal(err)
		}
		k.check()
		synctest.Wait()
		if reads.Load() != 2 {
			t.Errorf("looked at %d times, want 2", reads.Load())
		}
		time.Sleep(catalogIdle + time.Second)
		k.check()
		synctest.Wait()
		if reads.Load() != 2 {
			t.Error("looked at long after its last use")
		}
	})
}

// A name that the catalog does not have makes it be looked at again, but not by
// everybody who comes.
func TestKeeperIsDoubted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reads atomic.Int64
		k := newTestKeeper(func(*policy.Book) (*policy.Book, error) { reads.Add(1); return emptyBook(), nil })
		if _, err := k.fresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if k.doubted() {
			t.Error("doubted at once")
		}
		time.Sleep(catalogRest)
		if !k.doubted() || k.good() != nil {
			t.Error("believed although it was doubted")
		}
		if _, err := k.fresh(t.Context()); err != nil || reads.Load() != 2 || k.doubted() {
			t.Errorf("%v after %d readings", err, reads.Load())
		}
	})
}

// Whoever needs the catalog of this moment is not content with what is believed,
// nor with a reading that began before, and many of them wait for one.
func TestKeeperLatest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reads atomic.Int64
		k := newTestKeeper(func(*policy.Book) (*policy.Book, error) {
			time.Sleep(time.Second)
			reads.Add(1)
			return emptyBook(), nil
		})
		first, err := k.fresh(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if now, err := k.latest(t.Context()); err != nil || now == first || reads.Load() != 2 {
			t.Errorf("%v after %d readings, and not another catalog", err, reads.Load())
		}
		k.check() // a reading begins
		synctest.Wait()
		if reads.Load() != 2 {
			t.Fatalf("%d readings, want one under way", reads.Load())
		}
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if _, err := k.latest(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := reads.Load(); n != 4 {
			t.Errorf("read %d times, want 4: twice before, the one under way, and one for all", n)
		}
		if k.good() == nil {
			t.Error("what was read is not believed")
		}
	})
}
