package gate

import (
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/audit"
	"github.com/sluice-pg/sluice/audit/verify"
	"github.com/sluice-pg/sluice/proxy"
)

// jumpingClock is a clock that somebody sets: what the time of day is jumps, the
// monotonic reading goes on, as with the kernel's clocks.
type jumpingClock struct{ by atomic.Int64 } // seconds

// timeLayout is how package time keeps a time.Time with a monotonic reading:
// one bit that says so, 33 bits of seconds, 30 bits of nanoseconds.
type timeLayout struct {
	wall uint64
	ext  int64
	loc  *time.Location
}

func (c *jumpingClock) now() time.Time {
	t := time.Now()
	(*timeLayout)(unsafe.Pointer(&t)).wall += uint64(c.by.Load()) << 30
	return t
}

// The clock of this test does what it says, with this version of Go.
func TestJumpingClock(t *testing.T) {
	var c jumpingClock
	before := c.now()
	c.by.Store(-86400)
	after := c.now()
	if since := after.Sub(before); since < 0 || since > time.Minute {
		t.Errorf("the monotonic reading went by %s", since)
	}
	if day := before.Round(0).Sub(after.Round(0)); day < 23*time.Hour || day > 25*time.Hour {
		t.Errorf("the time of day went back by %s", day)
	}
}

// Who sets the clock by a day, either way, ends no session, lengthens no lease
// and breaks no trail.
func TestClockJumps(t *testing.T) {
	for name, by := range map[string]int64{"a day ahead": 86400, "a day back": -86400} {
		t.Run(name, func(t *testing.T) {
			var clock jumpingClock
			p := startPlace(t, setup{
				ttl: 6 * time.Second, now: clock.now,
				change: func(c *proxy.Config) { c.Limits.Idle = time.Minute },
			})
			before := p.connect(t, "")
			mustRun(t, before, "SELECT 1")
			began := time.Now()
			clock.by.Store(by)
			mustRun(t, before, "SELECT 2")
			mustRun(t, before, "BEGIN; SELECT 3; COMMIT")
			open := []*pgconn.PgConn{before}
			if by > 0 {
				// The database holds a lease against its own time of day. One
				// from a day back has ended there before it begins.
				open = append(open, p.connect(t, ""))
			}
			for _, c := range open {
				if err := waitClosed(c); code(err) != "57P01" || !strings.Contains(err.Error(), "credential") {
					t.Errorf("the end of the lease: %v", err)
				}
			}
			if took := time.Since(began); took > 25*time.Second {
				t.Errorf("leases of 6 s ended after %s", took)
			}
			clock.by.Store(0)
			mustRun(t, p.connect(t, ""), "SELECT 5")
			p.end(t)()
			key, err := audit.LoadOrCreateKey(filepath.Join(p.dir, "trail.key"))
			if err != nil {
				t.Fatal(err)
			}
			report, err := verify.Dir(filepath.Join(p.dir, "trail"), key.Verifier(), verify.Options{})
			if err != nil || !report.OK || len(report.Notes) == 0 {
				t.Errorf("the trail, which has to tell of the jump: %v %+v", err, report)
			}
		})
	}
}
