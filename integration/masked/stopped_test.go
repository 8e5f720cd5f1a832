package masked

import (
	"testing"
	"time"
)

// stopped ends Sluice while it waits for an answer of the catalog that a lock holds
// up. It is the last that the suite does.
func (s *stage) stopped(t *testing.T) {
	owner, l := dial(t, s.direct()), dial(t, s.sluice())
	l.must(t, "SELECT 1 FROM crm.plain")
	unlock := s.lockLook(t)
	defer unlock()
	owner.must(t, "CREATE TABLE moved.noise ()")
	go func() { _ = texts(t.Context(), l, "SELECT 1 FROM moved.nobody") }()
	s.await(t, "a look at the catalog that waits", func() bool {
		return len(s.world.Query(t, "shop", "SELECT 1 FROM pg_stat_activity WHERE application_name = 'sluice/catalog' AND wait_event_type = 'Lock'")) > 0
	})
	began := time.Now()
	s.gate.Stop(t)
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("it took %s to stop", took)
	}
}
