package vault

import (
	"testing"
	"time"
)

// What was asked last counts, in whichever order the answers come.
func TestHealthIsOfTheLastCall(t *testing.T) {
	start := time.Unix(0, 0)
	lost := &failure{kinds: []error{ErrAway}}
	var h health
	h.note(start.Add(2*time.Second), nil)
	h.note(start, lost)
	if err := h.away(); err != nil {
		t.Errorf("an older call has failed: %v", err)
	}
	h.note(start.Add(3*time.Second), lost)
	h.note(start.Add(time.Second), nil)
	if h.away() == nil {
		t.Error("an older call was answered, and the newest failure is forgotten")
	}
	h.note(start.Add(4*time.Second), nil)
	if err := h.away(); err != nil || h.down(start.Add(time.Minute)) {
		t.Errorf("the newest call was answered: %v", err)
	}
}
