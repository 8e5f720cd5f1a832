package budget

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// written is a record of the trail about one account: what is outstanding, or
// what was taken.
type written struct {
	at          time.Time
	outstanding bool
	amounts     Amounts
	past        Past
}

// remembered is a book after a start, from the records before it.
func remembered(t *rapid.T, trail []written, key Key, terms Terms, now time.Time) *Charge {
	book := NewBook()
	r := NewRecovery(book, map[string]time.Duration{key.Budget: terms.Window}, now)
	for _, w := range trail {
		if w.outstanding {
			r.Outstanding(key, w.at, w.amounts)
		} else {
			r.Taken(key, w.past)
		}
	}
	if err := r.End(); err != nil {
		t.Fatal(err)
	}
	return book.Charge(key, terms)
}

// Whenever a process is killed, what its clients were given counts after the
// next start: never less, and of each of rows and bytes at most a step more.
func TestNothingIsForgotten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := Key{"alice", "b", "c"}
		terms := dayOf(rapid.Int64Range(100, 5000).Draw(t, "rows"), rapid.Int64Range(1000, 1<<20).Draw(t, "bytes"), rapid.Int64Range(10, 300).Draw(t, "subjects"))
		c := NewBook().Charge(key, terms)
		var trail []written
		var open Past // what a session has taken and not put on record
		now := began
		record := func() {
			open.At = now
			trail = append(trail, written{past: open})
			taken := open.Taken
			taken.Subjects += open.Fresh
			c.Recorded(now, taken)
			open = Past{}
		}
		for range rapid.IntRange(1, 60).Draw(t, "messages") {
			now = now.Add(time.Duration(rapid.Int64Range(0, 50).Draw(t, "minutes")) * time.Minute)
			m := Message{1, rapid.Int64Range(1, 5000).Draw(t, "size"), uint64(rapid.IntRange(0, 100).Draw(t, "subject"))}
			taking := c.Take(now, m)
			if taking.Outcome == Short {
				err := c.Extend(now, m, func(outstanding Amounts) error {
					if rapid.IntRange(0, 9).Draw(t, "the trail fails") == 0 {
						return errors.New("no trail")
					}
					trail = append(trail, written{at: now, outstanding: true, amounts: outstanding})
					return nil
				})
				if taking = c.Take(now, m); err != nil && taking.Outcome == Taken {
					t.Fatal("taken without a record")
				}
			}
			if taking.Outcome == Taken {
				open.Taken = open.Taken.plus(Amounts{m.Rows, m.Bytes, taking.Anonymous})
				open.Level = max(open.Level, taking.Level)
				if taking.Fresh {
					open.Subjects = append(open.Subjects, m.Subject)
					open.Fresh++
				}
			}
			if rapid.Bool().Draw(t, "the statement ends") {
				record()
			}
		}
		before := c.Used(now)
		after := remembered(t, trail, key, terms, now).Used(now)
		s := step(terms.Limits, Message{})
		if after.Rows < before.Rows || after.Bytes < before.Bytes || after.Subjects < before.Subjects {
			t.Fatalf("%+v were given, %+v are remembered", before, after)
		}
		if after.Rows > before.Rows+s.Rows || after.Bytes > before.Bytes+max(s.Bytes, 5000)*2 {
			t.Fatalf("%+v were given, %+v are remembered, a step is %+v", before, after, s)
		}
		record()
		err := c.book.Outstanding(func(_ Key, left Amounts) error {
			trail = append(trail, written{at: now, outstanding: true, amounts: left})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if after = remembered(t, trail, key, terms, now).Used(now); after != before {
			t.Fatalf("after a clean end %+v, before it %+v", after, before)
		}
	})
}
