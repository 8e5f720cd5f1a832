package credential

import (
	"errors"
	"sync"
	"testing"
	"time"
)

func TestLifeTellsOfChanges(t *testing.T) {
	first := Term{Expires: time.Unix(100, 0)}
	life := NewLife(first)
	term, changed := life.Term()
	if term != first {
		t.Errorf("term %+v", term)
	}
	select {
	case <-changed:
		t.Error("a change before there was one")
	default:
	}
	last := Term{Expires: time.Unix(50, 0), Last: errors.New("the role's longest time")}
	life.Set(last)
	<-changed
	if term, _ := life.Term(); term != last {
		t.Errorf("term %+v", term)
	}
}

func TestLifeUnderConcurrency(t *testing.T) {
	life := NewLife(Term{})
	const changes = 100
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for {
				term, changed := life.Term()
				if term.Last != nil {
					return
				}
				<-changed
			}
		})
	}
	for n := range changes {
		life.Set(Term{Expires: time.Unix(int64(n), 0)})
	}
	life.Set(Term{Last: errors.New("last")})
	all.Wait()
}

func TestBackends(t *testing.T) {
	var none *Backends
	none.Add(7)
	if got := none.PIDs(); got != nil {
		t.Errorf("nil Backends returned %v", got)
	}
	some := &Backends{}
	some.Add(7)
	some.Add(9)
	got := some.PIDs()
	got[0] = 1
	if again := some.PIDs(); len(again) != 2 || again[0] != 7 || again[1] != 9 {
		t.Errorf("PIDs %v", again)
	}
}
