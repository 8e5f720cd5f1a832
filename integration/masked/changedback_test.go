package masked

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// changedBack changes something, has a short COPY of it run, and changes it back
// before the catalog can be looked at, which a lock holds up. That what is there is
// what was judged says nothing then of what was sent.
func (s *stage) changedBack(t *testing.T) {
	defer s.under(t, makers)()
	l, beside := dial(t, s.sluice()), dial(t, s.direct())
	l.must(t, path)
	for i := range changes {
		c := &changes[i]
		if c.breaks || c.traceless {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			for _, sql := range c.copied {
				s.changesBack(t, c, l, beside, sql)
			}
		})
	}
}

func (s *stage) changesBack(t *testing.T, c *change, l, beside *line, sql string) {
	t.Helper()
	r, by, y := reader{}, copies[0], &tally{ended: map[string]int{}}
	r.once(t.Context(), t, l, y, by, sql)
	unlock := s.lockLook(t)
	defer unlock()
	beside.changes(t, c, c.do)
	since := beside.must(t, "SELECT clock_timestamp()")
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.once(t.Context(), t, l, y, by, sql)
	}()
	s.await(t, "the COPY to be over", func() bool { return s.copyIsOver(t, since) })
	beside.changes(t, c, c.undo)
	unlock()
	<-done
	if y.ended[""] == 0 {
		t.Errorf("%s: %s cannot be read before it is changed: %v", by.name, sql, y.ended)
	}
}

// lockLook keeps everybody from looking whether the catalog has changed, but not
// from using it: it locks a table of the system that nothing else here needs.
func (s *stage) lockLook(t *testing.T) (unlock func()) {
	t.Helper()
	c, err := pgconn.Connect(t.Context(), s.world.Server.SuperuserDSN("shop"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Exec(t.Context(), "BEGIN; LOCK TABLE pg_catalog.pg_publication IN ACCESS EXCLUSIVE MODE").ReadAll(); err != nil {
		t.Fatal(err)
	}
	return func() { _ = c.Close(context.Background()) } // which a second time does nothing
}

// copyIsOver reports whether the server has come to the end of a COPY.
func (s *stage) copyIsOver(t *testing.T, since string) bool {
	t.Helper()
	return len(s.world.Query(t, "shop", "SELECT 1 FROM pg_stat_activity WHERE state = 'idle' AND query LIKE 'COPY%' AND state_change > '"+since+"'")) > 0
}
