package masked

import (
	"context"
	"slices"
	"testing"
)

// behindAnother: rows of another statement have come before that which waits.
var behindAnother = way{"behind another", func(ctx context.Context, l *line, sql string) error { return texts(ctx, l, "SELECT 1; "+sql) }}

// changedInFlight changes something in a transaction of Sluice's that is open while
// others are judged by what was there before, and has them wait for its locks. When
// it ends they run with what is there then, and are shown no canary.
func (s *stage) changedInFlight(t *testing.T) {
	defer s.under(t, makers)()
	owner := dial(t, s.sluice())
	for i := range changes {
		c := &changes[i]
		t.Run(c.name, func(t *testing.T) {
			waited := 0
			for _, r := range []reader{
				{begins: path, reads: slices.Concat(c.rows, c.other), by: []way{ways[0], ways[1], ways[3], behindAnother}},
				{begins: path, reads: slices.Concat(c.copied, c.other), by: copies[:1]},
			} {
				l, y := r.dial(t, s), &tally{ended: map[string]int{}}
				for _, sql := range r.reads {
					for _, by := range r.by {
						if s.waitsFor(t, owner, c, func() { r.once(t.Context(), t, l, y, by, sql) }) {
							waited++
						}
					}
				}
				if y.ended[""] < len(r.reads)*len(r.by) {
					t.Errorf("not even before the changes all could be read: %v", y.ended)
				}
			}
			if waited == 0 && !c.traceless {
				t.Error("nothing waited for the change")
			}
		})
	}
}

// waitsFor has something read before a change, while it is in flight, and after it,
// and reports whether it waited for a lock.
func (s *stage) waitsFor(t *testing.T, owner *line, c *change, read func()) (waited bool) {
	t.Helper()
	read()
	owner.must(t, "BEGIN")
	owner.changes(t, c, c.do)
	done := make(chan struct{})
	go func() {
		defer close(done)
		read()
	}()
	s.await(t, "a lock or an answer", func() bool {
		select {
		case <-done:
			return true
		default:
			waited = len(s.world.Query(t, "shop", "SELECT 1 FROM pg_locks WHERE NOT granted")) > 0
			return waited
		}
	})
	owner.must(t, "COMMIT")
	<-done
	read()
	owner.changes(t, c, c.undo)
	return waited
}
