package masked

import (
	"context"
	"slices"
	"testing"
	"time"
)

// alters is what has the catalog read again for whoever comes next.
var alters = way{"alters", func(ctx context.Context, l *line, _ string) error {
	return texts(ctx, l, "CREATE TABLE IF NOT EXISTS moved.noise ()", "DROP TABLE IF EXISTS moved.noise")
}}

// catalogLost has the connection that reads the catalog ended again and again,
// while clients read and somebody alters, so that it is needed: what comes is
// masked, or refused because nobody knows what the names mean.
func (s *stage) catalogLost(t *testing.T) {
	defer s.under(t, makers)()
	killed := 0
	y := s.crowd(t, []reader{
		{reads: []string{addresses, "SELECT a, b FROM moved.seen"}, by: ways},
		{reads: []string{addresses, "crm.people"}, by: copies},
		{begins: "SET search_path = crm", reads: []string{"SELECT upper(email), country FROM people"}, by: slices.Concat(ways, copies)},
		{reads: []string{""}, by: []way{alters}},
	}, func() {
		during(1300*time.Millisecond, func(at int) {
			killed += len(s.world.Query(t, "shop", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sluice/catalog'"))
			time.Sleep(time.Duration(at%7) * 15 * time.Millisecond)
		})
	})
	t.Logf("the connection was ended %d times; statements ended %v", killed, y.ended)
	if killed < 2 || y.ended[""] < 20 {
		t.Error("that is too little to show anything")
	}
	l := dial(t, s.sluice())
	s.await(t, "the catalog to be read again", func() bool { return texts(t.Context(), l, addresses) == nil })
}
