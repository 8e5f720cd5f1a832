package telemetry

import (
	"testing"
	"time"
)

// A flood of statements leaves room for those that failed, and none is made
// without end.
func TestRation(t *testing.T) {
	r := &ration{perSecond: 3}
	now := time.Unix(1000, 0)
	count := func(notable bool) (n int) {
		for range 100 {
			if r.take(now, notable) {
				n++
			}
		}
		return n
	}
	if plain, notable := count(false), count(true); plain != 3 || notable > 3 || notable == 0 {
		t.Errorf("%d, and %d that failed", plain, notable)
	}
	if r.leftOut.Load() == 0 {
		t.Error("nothing was left out")
	}
	now = now.Add(time.Second)
	if n := count(false); n != 3 {
		t.Errorf("%d in the next second", n)
	}
	if r = nil; !r.take(now, false) {
		t.Error("no ration bounds something")
	}
}
