package budget

import (
	"math"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var began = time.Date(2026, 12, 4, 9, 30, 0, 0, time.UTC)

// free is a record that is on disk at once.
func free(Amounts) error { return nil }

// charge takes a message, going ahead where that is needed.
func charge(t testing.TB, c *Charge, now time.Time, m Message) Outcome {
	t.Helper()
	for range 3 {
		taking := c.Take(now, m)
		if taking.Outcome != Short {
			return taking.Outcome
		}
		if err := c.Extend(now, m, free); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("an account is short for ever")
	return Short
}

func dayOf(rows, bytes, subjects int64) Terms {
	return Terms{Window: 24 * time.Hour, Limits: Amounts{rows, bytes, subjects}}
}

func TestLimits(t *testing.T) {
	var h Hasher
	anna, bert := h.Subject([]byte("anna")), h.Subject([]byte("bert"))
	for name, c := range map[string]struct {
		terms    Terms
		messages []Message
		want     []Outcome
		used     Amounts
	}{
		"rows":      {dayOf(2, 0, 0), []Message{{Rows: 1, Bytes: 9}, {Rows: 1, Bytes: 9}, {Rows: 1}}, []Outcome{Taken, Taken, OverRows}, Amounts{2, 18, 2}},
		"bytes":     {dayOf(0, 20, 0), []Message{{Rows: 1, Bytes: 9}, {Rows: 1, Bytes: 12}, {Rows: 1, Bytes: 11}}, []Outcome{Taken, OverBytes, Taken}, Amounts{2, 20, 2}},
		"one value": {dayOf(100, 1000, 0), []Message{{Rows: 1, Bytes: 1001}}, []Outcome{OverBytes}, Amounts{}},
		"subjects": {
			dayOf(0, 0, 1), []Message{{Rows: 1, Subject: anna}, {Rows: 1, Subject: anna}, {Rows: 1, Subject: bert}, {Rows: 1}},
			[]Outcome{Taken, Taken, OverSubjects, OverSubjects}, Amounts{Rows: 2, Subjects: 1},
		},
		"nobody knows whose": {dayOf(0, 0, 2), []Message{{Rows: 1}, {Rows: 1}, {Rows: 1}}, []Outcome{Taken, Taken, OverSubjects}, Amounts{Rows: 2, Subjects: 2}},
		"nothing limited":    {dayOf(0, 0, 0), []Message{{Rows: 1e9, Bytes: 1e15}}, []Outcome{Taken}, Amounts{1e9, 1e15, 1e9}},
	} {
		t.Run(name, func(t *testing.T) {
			one := NewBook().Charge(Key{"alice", "b", "c"}, c.terms)
			for i, m := range c.messages {
				if got := charge(t, one, began, m); got != c.want[i] {
					t.Errorf("message %d: outcome %d, want %d", i, got, c.want[i])
				}
			}
			if used := one.Used(began); used != c.used {
				t.Errorf("used %+v, want %+v", used, c.used)
			}
		})
	}
}

// What was taken counts for a window and up to a 24th of it longer, and the
// account says when there is room again.
func TestWindowSlides(t *testing.T) {
	c := NewBook().Charge(Key{"alice", "b", "c"}, dayOf(10, 0, 0))
	for hour := range 10 {
		if got := charge(t, c, began.Add(time.Duration(hour)*time.Hour), Message{Rows: 1}); got != Taken {
			t.Fatalf("hour %d: %d", hour, got)
		}
	}
	late := began.Add(10 * time.Hour)
	used := c.Used(late)
	room, _ := c.Room(late, Message{Rows: 1})
	if want := time.Date(2026, 12, 5, 10, 0, 0, 0, time.UTC); used.Rows != 10 || !room.Equal(want) {
		t.Errorf("%d used, room at %s, want %s", used.Rows, room, want)
	}
	if c.Spent(late, true) != OverRows || charge(t, c, room.Add(-1), Message{Rows: 1}) != OverRows {
		t.Error("there is room too early")
	}
	if charge(t, c, room, Message{Rows: 1}) != Taken || charge(t, c, room, Message{Rows: 1}) != OverRows {
		t.Error("there is room for other than one")
	}
	if got := charge(t, c, began, Message{Rows: 1}); got != OverRows {
		t.Errorf("a clock that goes back makes room: %d", got)
	}
	later := room.Add(48 * time.Hour)
	if again, ok := c.Room(later, Message{Rows: 10}); c.Used(later) != (Amounts{}) || !again.IsZero() || !ok {
		t.Errorf("two days later %+v, room at %s", c.Used(later), again)
	}
	if _, ok := c.Room(later, Message{Rows: 11}); ok {
		t.Error("there is room for more than the budget has")
	}
}

// An account counts what the messages of the last 25 slots come to, and never
// more than its limits, whatever the order of times and subjects.
func TestCountsAreRight(t *testing.T) {
	type event struct {
		slot int64
		m    Message
	}
	rapid.Check(t, func(t *rapid.T) {
		limits := Amounts{
			Rows: rapid.Int64Range(0, 30).Draw(t, "rows"), Bytes: rapid.Int64Range(0, 500).Draw(t, "bytes"),
			Subjects: rapid.Int64Range(0, 8).Draw(t, "subjects"),
		}
		terms := Terms{24 * time.Hour, limits}
		c := NewBook().Charge(Key{"a", "b", "c"}, terms)
		now, latest := began, began
		var taken []event
		for range rapid.IntRange(1, 80).Draw(t, "messages") {
			now = now.Add(time.Duration(rapid.Int64Range(-30, 120).Draw(t, "minutes")) * time.Minute)
			if now.After(latest) {
				latest = now
			}
			m := Message{1, rapid.Int64Range(0, 50).Draw(t, "size"), uint64(rapid.IntRange(0, 12).Draw(t, "subject"))}
			taking := c.Take(now, m)
			if taking.Outcome == Short {
				if err := c.Extend(now, m, free); err != nil {
					t.Fatal(err)
				}
				taking = c.Take(now, m)
			}
			slot := latest.UnixNano() / int64(time.Hour)
			if taking.Outcome == Taken {
				taken = append(taken, event{slot, m})
			}
			var want Amounts
			seen := map[uint64]bool{}
			for _, e := range taken {
				if e.slot <= slot-slots {
					continue
				}
				want.Rows, want.Bytes = want.Rows+1, want.Bytes+e.m.Bytes
				if e.m.Subject == 0 {
					want.Subjects++
				} else if !seen[e.m.Subject] {
					seen[e.m.Subject] = true
					want.Subjects++
				}
			}
			if used := c.Used(latest); used != want {
				t.Fatalf("used %+v, want %+v", used, want)
			}
			switch taking.Outcome {
			case Taken:
				if limits.Rows > 0 && want.Rows > limits.Rows || limits.Bytes > 0 && want.Bytes > limits.Bytes || limits.Subjects > 0 && want.Subjects > limits.Subjects {
					t.Fatalf("%+v went over %+v", want, limits)
				}
			case OverRows:
				if limits.Rows == 0 || want.Rows < limits.Rows {
					t.Fatal("refused, and there are rows left")
				}
			case OverBytes:
				if limits.Bytes == 0 || want.Bytes+m.Bytes <= limits.Bytes {
					t.Fatal("refused, and there are bytes left")
				}
			case OverSubjects:
				if limits.Subjects == 0 || want.Subjects < limits.Subjects || seen[m.Subject] {
					t.Fatal("refused, and it is no further subject")
				}
			default:
				t.Fatalf("outcome %d", taking.Outcome)
			}
		}
	})
}

// However sessions interleave, together they are given what there is and no
// more.
func TestSessionsTogether(t *testing.T) {
	const rows, sessions = 5000, 8
	book := NewBook()
	var taken [sessions]int64
	var together sync.WaitGroup
	for i := range sessions {
		together.Go(func() {
			c := book.Charge(Key{"alice", "b", "c"}, dayOf(rows, 0, 0))
			for n := 0; ; n++ {
				now := began.Add(time.Duration(n) * time.Millisecond)
				switch c.Take(now, Message{Rows: 1, Bytes: 10}).Outcome {
				case Taken:
					taken[i]++
				case Short:
					if err := c.Extend(now, Message{Rows: 1, Bytes: 10}, free); err != nil {
						t.Error(err)
					}
				default:
					return
				}
			}
		})
	}
	together.Wait()
	var all int64
	for _, n := range taken {
		all += n
	}
	if all != rows {
		t.Errorf("%d rows were given of %d", all, rows)
	}
}

// Many subjects are estimated, and the estimate follows the window down again.
func TestManySubjects(t *testing.T) {
	h := NewHasher([KeySize]byte{7})
	c := NewBook().Charge(Key{"a", "b", "c"}, dayOf(0, 0, 1<<40))
	see := func(now time.Time, from, to int) {
		for i := from; i < to; i++ {
			if got := charge(t, c, now, Message{Rows: 1, Subject: h.Subject([]byte{byte(i), byte(i >> 8), byte(i >> 16), byte(i >> 24)})}); got != Taken {
				t.Fatal(got)
			}
		}
	}
	near := func(now time.Time, want float64) {
		t.Helper()
		used := c.Used(now)
		if off := math.Abs(float64(used.Subjects)-want) / want; off > 0.06 {
			t.Errorf("%d subjects counted, there are %.0f: off by %.1f %%", used.Subjects, want, 100*off)
		}
	}
	see(began, 0, 6000)
	if used := c.Used(began); used.Subjects != 6000 {
		t.Errorf("%d of 6000 subjects: this many are counted exactly", used.Subjects)
	}
	see(began, 0, 300_000)
	near(began, 300_000)
	later := began.Add(12 * time.Hour)
	see(later, 200_000, 400_000)
	near(later, 400_000)
	near(began.Add(30*time.Hour), 200_000)
	last := began.Add(40 * time.Hour)
	see(last, 0, 5000)
	if used := c.Used(last); used.Subjects != 5000 {
		t.Errorf("%d of 5000 subjects, after the many are over", used.Subjects)
	}
}

// Another window keeps what was taken, and never lets it go early.
func TestWindowBecomesAnother(t *testing.T) {
	book := NewBook()
	key := Key{"a", "b", "c"}
	hours := func(n time.Duration) *Charge {
		return book.Charge(key, Terms{n * time.Hour, Amounts{Rows: 100, Subjects: 100}})
	}
	for i := range 24 {
		now := began.Add(time.Duration(i) * time.Hour)
		charge(t, hours(24), now, Message{Rows: 1, Subject: uint64(i + 1)})
	}
	at := began.Add(23 * time.Hour)
	if used := hours(48).Used(at); used.Rows != 24 || used.Subjects != 24 {
		t.Errorf("in a wider window %+v", used)
	}
	old := hours(48)
	if used := hours(6).Used(at); used.Rows < 7 || used.Rows > 9 || used.Subjects != used.Rows {
		t.Errorf("in a narrow window %+v", used)
	}
	if used := old.Used(at); used.Rows > 9 {
		t.Errorf("what runs by an old policy turns the window back: %+v", used)
	}
}

func TestBookHasBounds(t *testing.T) {
	book := NewBook()
	book.most = 2
	day := dayOf(5, 0, 0)
	a, b, c := book.Charge(Key{"a", "", ""}, day), book.Charge(Key{"b", "", ""}, day), book.Charge(Key{"c", "", ""}, day)
	for _, one := range []*Charge{a, b} {
		if charge(t, one, began, Message{Rows: 1}) != Taken {
			t.Fatal("no room at the beginning")
		}
		one.Recorded(began, Amounts{Rows: 1, Subjects: 1})
	}
	if c.Take(began, Message{Rows: 1}).Outcome != Full || c.Spent(began, true) != Full || c.Extend(began, Message{}, free) != nil {
		t.Error("there is room for a third")
	}
	next := began.Add(49 * time.Hour)
	if charge(t, c, next, Message{Rows: 1}) != Taken || book.Accounts() != 1 {
		t.Errorf("what is over makes no room: %d accounts", book.Accounts())
	}
	if charge(t, a, next, Message{Rows: 1}) != Taken || book.Accounts() != 2 {
		t.Error("a charge does not find its account again")
	}
}

func TestChargeAllocatesNothing(t *testing.T) {
	c := NewBook().Charge(Key{"a", "b", "c"}, dayOf(1<<40, 1<<50, 1<<40))
	h := NewHasher([KeySize]byte{1})
	value := []byte("4711")
	m := Message{Rows: 1, Bytes: 100, Subject: h.Subject(value)}
	charge(t, c, began, m)
	if n := testing.AllocsPerRun(1000, func() {
		m.Subject = h.Subject(value)
		c.Take(began, m)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkTake is what a row costs: taken by itself, and by an allowance.
func BenchmarkTake(b *testing.B) {
	for name, subjects := range map[string]int{"no subject": 0, "100 subjects": 100, "1000000 subjects": 1_000_000} {
		c := func() *Charge { return NewBook().Charge(Key{"a", "b", "c"}, dayOf(1<<40, 1<<50, 1<<40)) }
		b.Run(name, func(b *testing.B) { c := c(); benchmarkTake(b, c, c.Take, subjects) })
		b.Run(name+", allowed", func(b *testing.B) { c := c(); w := c.Allow(); benchmarkTake(b, c, w.Take, subjects) })
	}
}

func benchmarkTake(b *testing.B, c *Charge, take func(time.Time, Message) Taking, subjects int) {
	h, n := NewHasher([KeySize]byte{1}), 0
	var value [4]byte
	b.ReportAllocs()
	for b.Loop() {
		m := Message{Rows: 1, Bytes: 100}
		if n++; subjects > 0 {
			i := n % subjects
			value = [4]byte{byte(i), byte(i >> 8), byte(i >> 16)}
			m.Subject = h.Subject(value[:])
		}
		if take(began, m).Outcome == Short {
			_ = c.Extend(began, m, free) // free never fails
		}
	}
}
