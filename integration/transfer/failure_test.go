package transfer

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/policy/catalog"
	"github.com/sluice-pg/sluice/proxy/transfer"
)

// through logs in by way of a relay.
func through(r *relay, open string, encrypted bool) transfer.Opener {
	return func(ctx context.Context) (*pgconn.PgConn, error) {
		config, err := pgconn.ParseConfig(open)
		if err != nil {
			return nil, err
		}
		config.Host, config.Port, config.Fallbacks = "127.0.0.1", uint16(r.port()), nil
		if !encrypted {
			config.TLSConfig = nil
		}
		return pgconn.ConnectConfig(ctx, config)
	}
}

// sweeps removes what copies left, waiting for backends to notice that nobody is
// there.
func (p pair) sweeps(t testing.TB) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		_, err := transfer.Sweep(t.Context(), p.destination(), ownerRole)
		rows := p.to.Query(t, "restored", "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'sluice\\_stage%'")
		if err == nil && len(rows) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("swept, and left are %v: %v", rows, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// wholeOrNothing checks what a failed copy has published, and that it says so.
func (p pair) wholeOrNothing(t testing.TB, id string, err error) (there bool) {
	t.Helper()
	rows := p.to.Query(t, "restored", "SELECT (SELECT count(*) FROM pg_class WHERE relnamespace = 'shop'::regnamespace AND relkind = 'r'), (SELECT count(*) FROM sluice.lease WHERE copy = '"+id+"')")
	switch tables, leases := rows[0][0], rows[0][1]; {
	case tables == "0" && leases == "0":
	case tables == "2" && leases == "1":
		there = true
	default:
		t.Errorf("there are %s tables and %s leases", tables, leases)
	}
	if there != (err == nil) && !errors.Is(err, transfer.ErrUnknownOutcome) {
		t.Errorf("published: %v, and the error is %v", there, err)
	}
	if there {
		p.same(t, "customer", `"order"`)
	}
	return there
}

// again makes the copy once more, after whatever happened to it.
func (p pair) again(t testing.TB, j transfer.Job) {
	t.Helper()
	p.sweeps(t)
	j.Source, j.Destination = p.source(), p.destination()
	run(t, j)
	p.same(t, "customer", `"order"`)
	p.empty(t)
}

// networkCuts cuts the network to each end after a part of all bytes of a copy.
func networkCuts(t *testing.T, p pair) {
	p.newSource(t, simple)
	for _, side := range []string{"source", "destination"} {
		t.Run(side, func(t *testing.T) {
			j := p.job("customer", "order")
			var r *relay
			if side == "source" {
				r = newRelay(t, p.from.Server)
				j.Source = through(r, p.from.Server.DSN(readerRole, "reads it", "source"), true)
			} else {
				r = newRelay(t, p.to.Server)
				j.Destination = through(r, p.to.Server.DSN(carrierRole, "carries it", "restored"), true)
			}
			r.cutAt(1 << 40)
			run(t, j)
			all := r.total()
			p.empty(t)
			published := 0
			moments := map[string]int{"source": 4, "destination": 10}[side]
			for i := range moments {
				j.Copy = newID()
				r.cutAt(1 + (all-1)*(2*i+1)/(2*moments))
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				_, err := transfer.Run(ctx, j)
				cancel()
				if p.wholeOrNothing(t, j.Copy, err) {
					published++
					p.empty(t)
					continue
				}
				var at *transfer.Error
				if !errors.As(err, &at) || string(at.Side) != side {
					t.Errorf("cut %d: %v does not name the %s", i, err, side)
				}
				p.again(t, j)
			}
			if r.cuts < moments || published > 3 {
				t.Errorf("%d cuts, and %d copies were published all the same", r.cuts, published)
			}
		})
	}
}

// commitCuts cuts the network when COMMIT is sent: before the server has it, and
// after.
func commitCuts(t *testing.T, p pair) {
	p.newSource(t, simple)
	for _, c := range []struct {
		name      string
		passes    bool
		stuck     bool
		published bool
	}{{"before", false, false, false}, {"behind", true, false, true}, {"before, and the server does not notice", false, true, false}} {
		t.Run(c.name, func(t *testing.T) {
			r := newRelay(t, p.to.Server)
			j := p.job("customer", "order")
			j.Destination = through(r, p.to.Server.DSN(carrierRole, "carries it", "restored"), false)
			after := false
			j.AfterPublish = hookThat(func() error { after = true; return nil })
			j.BeforePublish = hookThat(func() error {
				r.mu.Lock()
				defer r.mu.Unlock()
				r.watch, r.stuck = []byte("COMMIT\x00"), c.stuck
				r.met = func() bool {
					if c.passes {
						// It is passed on, and answered to nobody.
						time.AfterFunc(200*time.Millisecond, func() { r.cut(false) })
						r.mu.Lock()
						r.limit = r.moved + 1
						r.mu.Unlock()
					}
					return c.passes
				}
				return nil
			})
			receipt, err := transfer.Run(t.Context(), j)
			if there := p.wholeOrNothing(t, j.Copy, err); there != c.published || there != (receipt != nil) || there != after {
				t.Errorf("published: %v, receipt %v, checked after: %v, %v", there, receipt != nil, after, err)
			}
			published, err := transfer.Outcome(t.Context(), p.destination(), ownerRole, j.Copy)
			if err != nil || published != c.published {
				t.Errorf("the outcome is %v, %v", published, err)
			}
			if !c.published {
				j.BeforePublish = nil
				p.again(t, j)
			}
			p.empty(t)
		})
	}
}

// unnoticed cuts the network while rows are loaded, and the server does not notice:
// what its backends hold is removed all the same.
func unnoticed(t *testing.T, p pair) {
	p.newSource(t, simple)
	r := newRelay(t, p.to.Server)
	j := withSlow(p.job("customer", "order"))
	j.Destination = through(r, p.to.Server.DSN(carrierRole, "carries it", "restored"), true)
	ended := make(chan error, 1)
	go func() {
		_, err := transfer.Run(t.Context(), j)
		ended <- err
	}()
	p.loading(t)
	r.mu.Lock()
	r.stuck = true
	r.mu.Unlock()
	r.cut(false)
	err := <-ended
	var at *transfer.Error
	if !errors.As(err, &at) || at.Side != "destination" || at.Left != "" {
		t.Errorf("%v", err)
	}
	p.wholeOrNothing(t, j.Copy, err)
}

// slow is a query that takes some seconds.
const slow = "SELECT i, repeat('x', 1000) || pg_catalog.pg_sleep(0.005)::text AS filler FROM pg_catalog.generate_series(1, 4000) i"

// withSlow adds it, so that there is time to disturb the copy.
func withSlow(j transfer.Job) transfer.Job {
	j.Items = append(j.Items, transfer.Item{Query: slow, TargetSchema: "shop", TargetName: "slow"})
	return j
}

// loading waits until both ends of the slow table are at work and returns the
// processes.
func (p pair) loading(t testing.TB) (source, destination int) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for time.Now().Before(deadline) {
		from := p.from.Query(t, "postgres", "SELECT pid FROM pg_stat_activity WHERE query LIKE 'COPY%pg_sleep%' AND state = 'active' AND backend_type = 'client backend' AND pid <> pg_backend_pid()")
		to := p.to.Query(t, "postgres", "SELECT pid FROM pg_stat_activity WHERE query LIKE 'COPY%FROM STDIN%' AND query LIKE '%\"slow\"%' AND state = 'active' AND pid <> pg_backend_pid()")
		if len(from) > 0 && len(to) > 0 {
			source, err := strconv.Atoi(from[0][0])
			destination, err2 := strconv.Atoi(to[0][0])
			if err == nil && err2 == nil {
				return source, destination
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the copy does not begin to load")
	return 0, 0
}

// killed kills a backend of either end, one after the other, the soft way and
// the hard way, which restarts the server.
func killed(t *testing.T, p pair) {
	p.newSource(t, simple)
	for _, side := range []string{"source", "destination"} {
		for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
			t.Run(side+" "+signal.String(), func(t *testing.T) {
				j := p.job("customer", "order")
				ended := make(chan error, 1)
				go func() {
					_, err := transfer.Run(t.Context(), withSlow(j))
					ended <- err
				}()
				source, destination := p.loading(t)
				pid := map[string]int{"source": source, "destination": destination}[side]
				if err := syscall.Kill(pid, signal); err != nil {
					t.Fatal(err)
				}
				err := <-ended
				var at *transfer.Error
				if !errors.As(err, &at) || p.from.Server != p.to.Server && string(at.Side) != side {
					t.Errorf("%v does not name the %s", err, side)
				}
				p.awaken(t)
				p.wholeOrNothing(t, j.Copy, err)
				p.again(t, j)
			})
		}
	}
}

// awaken waits until both servers answer.
func (p pair) awaken(t testing.TB) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for _, s := range []interface {
		Query(ctx context.Context, database, sql string) ([][]string, error)
	}{p.from.Server, p.to.Server} {
		for {
			if _, err := s.Query(t.Context(), "postgres", "SELECT 1"); err == nil {
				break
			} else if time.Now().After(deadline) {
				t.Fatal(err)
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
}

// cancelled ends the context: both ends stop at once, and nothing is left.
func cancelled(t *testing.T, p pair) {
	p.newSource(t, simple)
	j := withSlow(p.job("customer", "order"))
	why := errors.New("somebody pressed Ctrl-C")
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := transfer.Run(ctx, j)
		ended <- err
	}()
	source, destination := p.loading(t)
	cancel(why)
	began := time.Now()
	if err := <-ended; !errors.Is(err, why) {
		t.Errorf("%v is not why it ended", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	p.nothingLeft(t)
	for range 100 {
		rows := p.from.Query(t, "postgres", fmt.Sprintf("SELECT count(*) FROM pg_stat_activity WHERE pid = %d", source))
		rows = append(rows, p.to.Query(t, "postgres", fmt.Sprintf("SELECT count(*) FROM pg_stat_activity WHERE pid = %d", destination))...)
		if rows[0][0] == "0" && rows[1][0] == "0" {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Error("the backends go on")
}

// cancelledWhilePublishing ends the context in the hook.
func cancelledWhilePublishing(t *testing.T, p pair) {
	p.newSource(t, simple)
	j := p.job("customer", "order")
	ctx, cancel := context.WithCancel(t.Context())
	j.BeforePublish = hookThat(func() error { cancel(); return nil })
	_, err := transfer.Run(ctx, j)
	if !errors.Is(err, context.Canceled) || p.wholeOrNothing(t, j.Copy, err) {
		t.Errorf("%v", err)
	}
}

// brokenHook ends or breaks the transaction that it must not touch.
func brokenHook(t *testing.T, p pair) {
	p.newSource(t, simple)
	for _, sql := range []string{"COMMIT", "ROLLBACK", "SELECT 1/0"} {
		j := p.job("customer")
		j.BeforePublish = func(ctx context.Context, q catalog.Querier, _ []transfer.Published) error {
			_ = q.Query(ctx, sql, nil)
			return nil
		}
		if err := fails(t, j); sql != "COMMIT" && !strings.Contains(err.Error(), "did not survive") {
			t.Errorf("%s: %v", sql, err)
		}
		p.empty(t)
	}
}
