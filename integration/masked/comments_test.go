package masked

import (
	"testing"
	"time"
)

// age is how long a class that was given beside Sluice may go unseen.
const age = 5 * time.Second

// comments gives a column its class by a comment while statements that read it
// are on their way: over Sluice it counts for what comes next, beside it once the
// catalog has been looked at again.
func (s *stage) comments(t *testing.T) {
	const sql = "SELECT id, address, country FROM moved.commented ORDER BY id"
	defer s.under(t, makers)()
	owner, beside, watcher := dial(t, s.sluice()), dial(t, s.direct()), dial(t, s.sluice())
	waiters := s.waiters(t)
	isClass := func(class string) string { return "COMMENT ON COLUMN moved.commented.address IS 'class:" + class + "'" }
	masks := func() bool {
		watcher.speak(t, said(sql))
		return canaryIn(watcher.heard.take()) == ""
	}
	for _, way := range []struct {
		name  string
		label func(t *testing.T)
	}{
		{"over Sluice", func(t *testing.T) { owner.must(t, isClass("contact.email")) }},
		{"beside Sluice", func(t *testing.T) {
			beside.must(t, isClass("contact.email"))
			began := time.Now()
			s.await(t, "the class to count", masks)
			if took := time.Since(began); took > age+time.Second {
				t.Errorf("the class counts after %s", took)
			}
		}},
	} {
		t.Run(way.name, func(t *testing.T) {
			owner.must(t, isClass("none"))
			shown := 0
			for _, o := range waiters.interrupted(t, sql, func() { way.label(t) }) {
				o.hidden(t)
				if o.before != "" {
					shown++
				}
			}
			if shown == 0 {
				t.Error("no canary came before there was a class")
			}
		})
	}
	for _, o := range waiters.interrupted(t, sql, func() { owner.must(t, isClass("none")) }) {
		if o.before != "" {
			t.Errorf("%s\n  what comes before the class is taken away brings %s", o.pause, o.before)
		}
		o.clear(t)
	}
}
