package proxy

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/proxy/wire"
)

// A cancel request ends a copy from the moment its message came, and no later one.
func TestCancelCountsFromTheMessage(t *testing.T) {
	near, far := net.Pipe()
	t.Cleanup(func() { near.Close(); far.Close() })
	s := &session{client: wire.NewConn(near, wire.Client)}
	waits := func() error {
		ctx, end := s.whileWaiting(t.Context())
		defer end()
		return context.Cause(ctx)
	}
	s.cancels.Add(1) // of what ran before
	s.cancelsBefore = s.cancels.Load()
	if err := waits(); err != nil {
		t.Errorf("a copy ended by a cancel request for what came before: %v", err)
	}
	s.cancels.Add(1) // while it was judged
	for range 2 {    // while it was planned, and to be made
		if err := waits(); !errors.Is(err, errCarryCanceled) {
			t.Errorf("a copy did not end by a cancel request that came while it was judged: %v", err)
		}
	}
	s.cancelsBefore = s.cancels.Load()
	if err := waits(); err != nil {
		t.Errorf("the next copy ended by it: %v", err)
	}
}

// A cancel request ends what is being judged only if the server has nothing to cancel
// that went to it before.
func TestCancelOfWhatIsJudged(t *testing.T) {
	s := &session{pending: newPending('I', time.Now())}
	s.countCancel()
	if !s.canceled() {
		t.Error("what is judged goes on although it was cancelled and the server has nothing to do")
	}
	s.cancelsBefore = s.cancels.Load()
	if err := s.pending.push(&ticket{typ: 'Q'}); err != nil {
		t.Fatal(err)
	}
	s.countCancel()
	if s.canceled() {
		t.Error("what is judged was cancelled in place of what the server works on")
	}
	if r := refuseCanceled("x"); r.sqlstate != "57014" || r.message != "canceling statement due to user request" {
		t.Errorf("refused with %s %q", r.sqlstate, r.message)
	}
}
