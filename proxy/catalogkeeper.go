package proxy

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/catalog"
	"github.com/sluice-pg/sluice/proxy/credential"
)

const (
	// catalogAge is how long what was read of a catalog is believed without
	// looking whether it has changed: changes that come by Sluice are seen at
	// once, others within this time. It is longer where looking takes long.
	catalogAge = 5 * time.Second
	// catalogPoll is how often a catalog that is in use is looked at, less often
	// where that would take more than a part in catalogShare of the time.
	catalogPoll  = 2 * time.Second
	catalogShare = 20
	// catalogIdle is how long after its last use a catalog is still looked at.
	catalogIdle = time.Minute
	// catalogPatience is how long a statement waits for a catalog to be read.
	catalogPatience = 20 * time.Second
	// catalogRest is how long nobody tries again after a failure.
	catalogRest = time.Second
)

// catalogKeeper keeps what is known of one database's catalog. It reads the
// catalog when somebody first needs it, and again when it has changed. Whoever
// needs it while it is being read waits; many wait for one reading.
type catalogKeeper struct {
	side *side
	now  func() time.Time
	// look returns the catalog: what was read before if it is still so, or
	// else what is read now.
	look func(have *policy.Book) (*policy.Book, error)

	// believed is what was read last for as long as it can be believed, else
	// nil.
	believed atomic.Pointer[policy.Book]
	// used is set when somebody needs it.
	used atomic.Bool
	// flight is what sessions have changed and others cannot see yet.
	flight inFlight
	// code is what its code does.
	code followed
	// cost is how long it took to look whether it had changed, the last time,
	// in nanoseconds.
	cost atomic.Int64

	mu sync.Mutex
	// current is what was read last, nil for nothing.
	current *policy.Book
	// doubt ends believing it; nil before anything was believed.
	doubt *time.Timer
	// checked is when current was last known to be right; zero if it is known
	// to be out of date.
	checked time.Time
	// usedAt is when used was last found set.
	usedAt time.Time
	// changes counts what made the catalog out of date.
	changes uint64
	// reading is closed when the reading under way has ended; nil if none is.
	reading chan struct{}
	// failed is how the last reading ended, failedAt when.
	failed   error
	failedAt time.Time
}

func newCatalogKeeper(s *Server, d Database, t *target, c Credentials) *catalogKeeper {
	k := &catalogKeeper{side: newSide(s, d, t, c, forCatalog), now: time.Now}
	k.look = k.readSide
	return k
}

// good returns what was read if it can be believed, else nil. It takes no lock,
// asks nobody and looks at no clock: every statement comes here.
func (k *catalogKeeper) good() *policy.Book {
	if !k.used.Load() {
		k.used.Store(true)
	}
	return k.believed.Load()
}

// believe has what was read believed for a while from when the reading began.
// The lock is held.
func (k *catalogKeeper) believe(book *policy.Book, began time.Time) {
	age := max(catalogAge, 2*catalogShare*time.Duration(k.cost.Load()))
	k.checked = began
	left := age - k.now().Sub(began)
	if left <= 0 {
		return
	}
	if k.doubt != nil {
		k.doubt.Stop()
	}
	var doubt *time.Timer
	doubt = time.AfterFunc(left, func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.doubt == doubt {
			k.believed.Store(nil)
		}
	})
	k.doubt = doubt
	k.believed.Store(book)
}

// changed says that the catalog is not what was read any more.
func (k *catalogKeeper) changed() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.changes++
	k.believed.Store(nil)
	k.checked = time.Time{}
	k.flight.shown.Add(1) // now nobody takes what was believed for what is shown
}

// doubted has the catalog looked at again, because somebody met a name that it
// does not have. It returns false if it was looked at a moment ago.
func (k *catalogKeeper) doubted() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.now().Sub(k.checked) < catalogRest {
		return false
	}
	k.believed.Store(nil)
	return true
}

// latest returns the catalog as it is at this moment, however short ago it was
// looked at. What others believe stays.
func (k *catalogKeeper) latest(ctx context.Context) (*policy.Book, error) {
	ctx, done := context.WithTimeout(ctx, catalogPatience)
	defer done()
	k.mu.Lock()
	before := k.reading
	k.mu.Unlock()
	if err := waits(ctx, before); err != nil {
		return nil, err
	}
	k.mu.Lock()
	now := k.read() // or somebody else's, begun since
	k.mu.Unlock()
	if err := waits(ctx, now); err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.current, k.failed
}

// waits waits until a reading has ended; nil is none.
func waits(ctx context.Context, reading chan struct{}) error {
	if reading == nil {
		return nil
	}
	select {
	case <-reading:
		return nil
	case <-ctx.Done():
		return errCatalogLate
	}
}

// fresh returns the catalog as it is now, or was a moment ago.
func (k *catalogKeeper) fresh(ctx context.Context) (*policy.Book, error) {
	ctx, done := context.WithTimeout(ctx, catalogPatience)
	defer done()
	for {
		if s := k.good(); s != nil {
			return s, nil
		}
		k.mu.Lock()
		if k.failed != nil && k.now().Sub(k.failedAt) < catalogRest {
			err := k.failed
			k.mu.Unlock()
			return nil, err
		}
		wait := k.read()
		k.mu.Unlock()
		if err := waits(ctx, wait); err != nil {
			return nil, err
		}
	}
}

var errCatalogLate = errors.New("the database's catalog is still being read")

// read has the catalog looked at, unless that is under way, and returns what
// is closed when it is done. The lock is held. It does not depend on who asks:
// one that is too late serves the next.
func (k *catalogKeeper) read() chan struct{} {
	if k.reading != nil {
		return k.reading
	}
	done, changes, began, have := make(chan struct{}), k.changes, k.now(), k.current
	k.reading = done
	go func() {
		book, err := k.look(have)
		k.mu.Lock()
		defer k.mu.Unlock()
		defer close(done) // whoever waited finds what is believed now
		k.reading, k.failed, k.failedAt = nil, err, k.now()
		if err != nil {
			return
		}
		k.current = book
		if k.changes == changes {
			k.believe(book, began)
		}
	}()
	return done
}

// readSide is look over the side connection. What was read before is still so if
// it has the same fingerprint.
func (k *catalogKeeper) readSide(have *policy.Book) (*policy.Book, error) {
	return ask(context.Background(), k.side, func(ctx context.Context, conn *pgconn.PgConn) (*policy.Book, error) {
		q := catalogQuerier{conn}
		if have != nil {
			began := k.now()
			changed, err := have.Changed(ctx, q)
			k.cost.Store(int64(k.now().Sub(began)))
			if err != nil || !changed {
				return have, err
			}
		}
		read, err := catalog.Load(ctx, q)
		if err != nil {
			k.side.server.log.Warn("catalog not read", "database", k.side.name, "err", err)
			return nil, err
		}
		read.ReadWith(k.side.server.analyzer)
		return policy.NewBook(read), nil
	})
}

// check looks whether the catalog has changed, if it is in use and it is time.
func (k *catalogKeeper) check() {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	if k.used.Swap(false) {
		k.usedAt = now
	}
	cost := time.Duration(k.cost.Load())
	if k.usedAt.IsZero() || now.Sub(k.usedAt) > catalogIdle || now.Sub(k.checked) < catalogShare*cost {
		return
	}
	k.read()
}

// watchCatalogs looks at the catalogs that are in use until the server stops.
func (s *Server) watchCatalogs(ctx context.Context) {
	tick := time.NewTicker(catalogPoll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if !s.policy.Load().NeedsCatalog() {
			continue
		}
		for _, d := range s.databases {
			d.catalog.check()
		}
	}
}

// catalogQuerier asks over a side connection.
type catalogQuerier struct{ conn *pgconn.PgConn }

// Query implements catalog.Querier.
func (q catalogQuerier) Query(ctx context.Context, sql string, row func(values [][]byte) error) error {
	failed := credential.EachRow(ctx, q.conn, sql, row)
	var refused *pgconn.PgError
	if errors.As(failed, &refused) {
		return sideError{refused.Message + " (" + refused.Code + ")", failed}
	}
	return failed
}
