package leases

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/integration/harness"
)

// mostSteps is more than Sluice makes requests in a life with one session.
const mostSteps = 40

// Wherever Sluice dies, the next start takes away what the last one had: roles,
// backends, leases and tokens, also those whose answer never arrived.
func TestKilledAtEachStep(t *testing.T) {
	t.Parallel()
	s, tokens := tappedStage(t, "drain: 2s, startup: 10s")
	steps := 0
	for _, answered := range []bool{false, true} {
		for n := 1; ; n++ {
			if n > mostSteps {
				t.Fatal("Sluice makes more and more requests")
			}
			s.tap.strikeAt(n, answered, func() { _ = syscall.Kill(s.gate.PID(), syscall.SIGKILL) })
			s.gate.Start(t)
			s.live(t)
			if !s.tap.struck() {
				break
			}
			steps++
			if n == 1 && answered {
				tokens++ // nobody knows the token of a login whose answer is lost: it has no lease, and runs out
			}
			s.startsAfresh(t, tokens, fmt.Sprintf("request %d, answered %t", n, answered))
			if t.Failed() {
				return
			}
		}
	}
	if steps < 10 {
		t.Errorf("only %d steps were tried: a login, a lease and its end have more", steps)
	}
	t.Logf("%d places to die", steps)
}

// tappedStage is a stage with a tap, in which Sluice has lived once, and how many
// tokens Vault has without it.
func tappedStage(t *testing.T, limits string) (s *stage, tokens int) {
	t.Helper()
	s = newStage(t, harness.BuildSluice(t), 15)
	s.tap = startTap(t, s.vault.Address)
	s.startGate(t, s.tap.address(), limits)
	s.oneSession(t)
	s.gate.Stop(t)
	return s, len(s.vault.Root().List(t, "auth/token/accessors"))
}

// live is a short life of Sluice: start, one session, and its end.
func (s *stage) live(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		select {
		case <-s.gate.Exited():
			return
		default:
		}
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
		c, err := s.connect(ctx, "dying", "read")
		if err == nil {
			_, err = query(ctx, c, "SELECT 1")
			c.Close(ctx)
		}
		cancel()
		if err == nil {
			s.gate.Signal(t, syscall.SIGTERM)
			<-s.gate.Exited() // well, or killed on the way
			return
		}
	}
	t.Fatalf("no session in %s\n%s", patience, s.gate.Log())
}

// startsAfresh starts Sluice again, and looks at what is left when it has begun,
// and when it has ended well.
func (s *stage) startsAfresh(t *testing.T, tokens int, died string) {
	t.Helper()
	s.tap.strikeAt(0, false, nil)
	s.gate.Start(t)
	s.oneSession(t)
	s.awaitNothingLeft(t)
	s.gate.Stop(t)
	if left := s.vault.Root().List(t, "auth/token/accessors"); len(left) != tokens {
		t.Errorf("%s: %d tokens in Vault, %d before\n%s", died, len(left), tokens, s.gate.Log())
	}
	if left := s.vault.Root().List(t, "sys/leases/lookup/database/creds/sluice-control"); len(left) > 0 {
		t.Errorf("%s: the control lease is left", died)
	}
}

// oneSession works once Sluice is up.
func (s *stage) oneSession(t *testing.T) {
	t.Helper()
	await(t, "a session to work", func() bool {
		c, err := s.connect(t.Context(), "afresh", "read")
		if err != nil {
			return false
		}
		defer c.Close(t.Context())
		_, err = query(t.Context(), c, "SELECT 1")
		return err == nil
	})
}
