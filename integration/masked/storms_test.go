package masked

import (
	"slices"
	"testing"
	"time"
)

// readersOfChanges read what changes by roads on which the server is asked what
// comes; the last reads what nobody changes.
func readersOfChanges() []reader {
	rows, copied := reader{begins: path, by: ways}, reader{begins: path, by: copies}
	for _, c := range changes {
		rows.reads = append(rows.reads, c.rows...)
		if !c.traceless {
			copied.reads = append(copied.reads, c.copied...)
		}
	}
	return []reader{rows, copied, {by: append(slices.Concat(ways, copies), unharmed), reads: []string{addresses}}}
}

// storms are many changes in short order, on a connection to the server or in a
// session of Sluice, while others read: nobody is shown a canary or loses a
// session.
func (s *stage) storms(t *testing.T) {
	defer s.under(t, makers)()
	for _, storm := range []struct {
		name string
		at   *line
	}{
		{"beside Sluice", dial(t, s.direct())},
		{"over Sluice", dial(t, s.sluice())},
	} {
		t.Run(storm.name, func(t *testing.T) {
			changed := 0
			y := s.crowd(t, readersOfChanges(), func() {
				during(time.Second, func(at int) {
					c := &changes[at%len(changes)]
					for _, texts := range [][]string{c.do, c.undo} {
						storm.at.changes(t, c, texts)
						changed++
						time.Sleep(time.Duration(at%3) * 10 * time.Millisecond)
					}
				})
			})
			t.Logf("%d changes; statements ended %v", changed, y.ended)
			if changed < 4 || y.ended[""] < 10 {
				t.Error("that is too little to show anything")
			}
		})
	}
}
