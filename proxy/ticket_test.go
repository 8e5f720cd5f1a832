package proxy

import (
	"testing"
	"time"
)

// send puts a ticket of the given type into the queue, as fromClient does.
func (p *pending) send(t *testing.T, typ byte) *ticket {
	t.Helper()
	tk := p.tickets.next(typ)
	if err := p.push(tk); err != nil {
		t.Fatal(err)
	}
	return tk
}

// A ticket comes back once the next answer has come, and not before: whoever
// handles the answer to it still looks at it.
func TestTicketsComeBack(t *testing.T) {
	p := newPending('I', time.Time{})
	first := p.send(t, 'S')
	first.begin(work{decision: "abc", rows: 7})
	p.pop(true)
	if first.work == nil || first.work.rows != 7 {
		t.Fatal("an answered ticket is empty while its answer is handled")
	}
	second := p.send(t, 'S')
	if second == first {
		t.Fatal("a ticket came back while its answer was handled")
	}
	p.pop(true)
	p.tickets.refill()
	again := p.tickets.next('E')
	if again != first {
		t.Fatal("the first ticket has not come back")
	}
	if again.work != nil || again.typ != 'E' || again.sequence != 0 {
		t.Errorf("a ticket came back full: %+v", again)
	}
	again.begin(work{decision: "def"})
	if w := again.work; w.rows != 0 || w.decision != "def" || w.tag != "" {
		t.Errorf("work came back full: %+v", w)
	}
}

// What something else may still refer to does not come back, nor does what
// failed.
func TestTicketsThatStayAway(t *testing.T) {
	for name, spoil := range map[string]func(*ticket) bool{
		"failed":      func(*ticket) bool { return false },
		"told":        func(tk *ticket) bool { tk.done = func(bool) {}; return true },
		"timed":       func(tk *ticket) bool { tk.clock = time.NewTimer(time.Hour); return true },
		"refused":     func(tk *ticket) bool { tk.refusal = &refusal{}; return true },
		"takes COPY":  func(tk *ticket) bool { tk.copyStarts = true; return true },
		"of a probe ": func(tk *ticket) bool { tk.probe = true; return true },
	} {
		p := newPending('I', time.Time{})
		spoilt := p.send(t, 'S')
		ok := spoil(spoilt)
		p.pop(ok)
		for range 3 * usualQueue {
			if p.send(t, 'S') == spoilt {
				t.Errorf("%s: the ticket came back", name)
			}
			p.pop(true)
		}
	}
}

// However many are under way, each is another.
func TestTicketsAreDistinct(t *testing.T) {
	p := newPending('I', time.Time{})
	for n := range 5 * usualQueue {
		under := map[*ticket]bool{}
		for range n {
			tk := p.send(t, 'D')
			if under[tk] {
				t.Fatalf("with %d under way, one is there twice", n)
			}
			under[tk] = true
		}
		for range n {
			p.pop(true)
		}
	}
	if len(p.tickets.free) > usualQueue || len(p.tickets.back) > usualQueue {
		t.Errorf("%d and %d tickets are kept", len(p.tickets.free), len(p.tickets.back))
	}
}
