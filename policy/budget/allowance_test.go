package budget

import (
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// pair charges the same messages one by one, and with allowances.
type pair struct {
	plain, charge *Charge
	allowance     Allowance
}

func newPair(terms Terms) *pair {
	p := &pair{plain: NewBook().Charge(Key{"a", "b", "c"}, terms), charge: NewBook().Charge(Key{"a", "b", "c"}, terms)}
	p.allowance = p.charge.Allow()
	return p
}

// take says what both ways make of a message, but for the level. They go ahead
// each by itself: one by one, a subject that is known has to be ahead, too.
func (p *pair) take(t interface{ Fatal(...any) }, now time.Time, m Message) (plain, allowed Taking) {
	plain = ahead(t, p.plain, now, m, p.plain.Take)
	allowed = ahead(t, p.charge, now, m, p.allowance.Take)
	plain.Level, allowed.Level = 0, 0
	return plain, allowed
}

func ahead(t interface{ Fatal(...any) }, c *Charge, now time.Time, m Message, take func(time.Time, Message) Taking) Taking {
	taking := take(now, m)
	if taking.Outcome != Short {
		return taking
	}
	if err := c.Extend(now, m, free); err != nil {
		t.Fatal(err)
	}
	return take(now, m)
}

// same says how both ways differ after what is left was returned.
func (p *pair) same(t interface{ Fatalf(string, ...any) }, now time.Time) {
	p.allowance.Return()
	a, b := p.plain.lock(now), p.charge.lock(now)
	defer a.mu.Unlock()
	defer b.mu.Unlock()
	for _, one := range []*account{a, b} {
		if out := one.ahead.plus(one.unrecorded.of(p.charge.terms.Limits)); out.Minus(one.believed) != (Amounts{}) {
			t.Fatalf("%+v may be outstanding, and %+v is on record", out, one.believed)
		}
	}
	if a.taken != b.taken || a.total != b.total || a.unrecorded != b.unrecorded || a.known.count != b.known.count || a.known.levels != b.known.levels {
		t.Fatalf("one by one %+v of %+v, unrecorded %+v, %d subjects; with allowances %+v of %+v, %+v, %d",
			a.total, a.taken, a.unrecorded, a.known.count, b.total, b.taken, b.unrecorded, b.known.count)
	}
}

// A stream that is charged with allowances is told the same about each message as
// one that is charged one by one, and after what is left was returned the accounts
// are the same.
func TestAllowanceIsNoOtherCount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		wide := []int64{0, 40, 600, 5000, 1 << 40}
		limits := Amounts{
			Rows: rapid.SampledFrom(wide).Draw(t, "rows"), Bytes: rapid.SampledFrom([]int64{0, 3000, 200_000, 1 << 40}).Draw(t, "bytes"),
			Subjects: rapid.SampledFrom(wide).Draw(t, "subjects"),
		}
		p := newPair(Terms{24 * time.Hour, limits})
		now := began
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			switch rapid.IntRange(0, 5).Draw(t, "step") {
			case 0:
				now = now.Add(time.Duration(rapid.Int64Range(-30, 120).Draw(t, "minutes")) * time.Minute)
			case 1:
				p.same(t, now)
			case 2:
				window := time.Duration(rapid.IntRange(1, 30).Draw(t, "hours")) * time.Hour
				plain, charge := p.plain.book.Charge(p.plain.key, Terms{window, limits}), p.charge.book.Charge(p.charge.key, Terms{window, limits})
				p.allowance.Return() // as a session does before it turns to another charge
				p.plain, p.charge, p.allowance = plain, charge, charge.Allow()
			default:
				first, of := rapid.Uint64Range(0, 3).Draw(t, "first"), rapid.SampledFrom([]uint64{1, 3, 100}).Draw(t, "of")
				size := rapid.Int64Range(0, 300).Draw(t, "size")
				for i := range rapid.Uint64Range(1, 400).Draw(t, "messages") {
					m := Message{Rows: 1, Bytes: size, Subject: (first + i%of) * 0x9e3779b97f4a7c15}
					if plain, allowed := p.take(t, now, m); plain != allowed {
						t.Fatalf("message %d: one by one %+v, with allowances %+v", i, plain, allowed)
					}
				}
			}
		}
		p.same(t, now)
	})
}

// So it is when there are more subjects than an account keeps, over several slots.
func TestAllowanceAndManySubjects(t *testing.T) {
	p := newPair(dayOf(0, 0, 1<<40))
	h := NewHasher([KeySize]byte{1})
	now := began
	for i := range 120_000 {
		if i%20_000 == 0 {
			now = now.Add(time.Hour)
		}
		n := i % 30_000
		m := Message{Rows: 1, Bytes: 10, Subject: h.Subject([]byte{byte(n), byte(n >> 8), byte(n >> 16)})}
		plain, allowed := p.take(t, now, m)
		if plain != allowed || plain.Outcome != Taken {
			t.Fatalf("message %d: one by one %+v, with allowances %+v", i, plain, allowed)
		}
		if i%9973 == 0 {
			p.same(t, now)
		}
	}
	p.same(t, now)
}

// However sessions interleave, together they are given what there is and no more,
// and who is refused while another holds an allowance was close to the limit.
func TestAllowancesTogether(t *testing.T) {
	const rows, sessions = 50_000, 8
	book := NewBook()
	var taken [sessions]int64
	var together sync.WaitGroup
	for i := range sessions {
		together.Go(func() {
			w := book.Charge(Key{"alice", "b", "c"}, dayOf(rows, 0, 0)).Allow()
			defer w.Return()
			for n := 0; ; n++ {
				now, m := began.Add(time.Duration(n)*time.Millisecond), Message{Rows: 1, Bytes: 10}
				switch w.Take(now, m).Outcome {
				case Taken:
					taken[i]++
				case Short:
					if err := w.charge.Extend(now, m, free); err != nil {
						t.Error(err)
					}
				default:
					return
				}
			}
		})
	}
	together.Wait()
	total := int64(0)
	for _, n := range taken {
		total += n
	}
	used := book.Charge(Key{"alice", "b", "c"}, dayOf(rows, 0, 0)).Used(began)
	if total != rows || used.Rows != rows {
		t.Errorf("%d rows were taken and %d counted, want %d", total, used.Rows, rows)
	}
}

func TestAllowanceAllocatesNothing(t *testing.T) {
	w := NewBook().Charge(Key{"a", "b", "c"}, dayOf(1<<40, 1<<50, 1<<40)).Allow()
	h, n := NewHasher([KeySize]byte{1}), 0
	one := func() {
		n++
		m := Message{Rows: 1, Bytes: 100, Subject: h.Subject([]byte{byte(n)})}
		if w.Take(began, m).Outcome == Short {
			_ = w.charge.Extend(began, m, free) // free never fails
		}
	}
	for range 1000 {
		one()
	}
	if n := testing.AllocsPerRun(1000, one); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
