package leases

import (
	"strings"
	"testing"
	"time"
)

// failure is something that happens to Vault, and how it comes back.
type failure struct {
	name   string
	happen func(*stage, testing.TB)
	back   func(*stage, testing.TB)
}

var failures = []failure{
	{"sealed", func(s *stage, t testing.TB) { s.vault.Seal(t) }, func(s *stage, t testing.TB) { s.vault.Unseal(t) }},
	{"killed", func(s *stage, t testing.TB) { s.vault.Kill(t) }, (*stage).restarts},
	{"restarted", func(s *stage, t testing.TB) { s.vault.Restart(t) }, func(s *stage, t testing.TB) { s.vault.Unseal(t) }},
}

func (s *stage) restarts(t testing.TB) {
	s.vault.Restart(t)
	s.vault.Unseal(t)
}

// away is how long Vault stays away: longer than Sluice tries a request again.
const away = 300 * time.Millisecond

// Wherever Vault is sealed, killed or restarted, Sluice goes on by itself when it
// is back, and its sessions leave nothing: before a request and behind it, when
// Vault has done what was asked and nobody has heard.
func TestVaultFailsAtEachStep(t *testing.T) {
	t.Parallel()
	s, tokens := tappedStage(t, "drain: 2s, startup: 20s")
	steps := 0
	// Each request meets each failure, in one of the rounds.
	for round, answered := range []bool{false, true, false} {
		for n := 1; ; n++ {
			if n > mostSteps {
				t.Fatal("Sluice makes more and more requests")
			}
			f := failures[(n+round)%len(failures)]
			if !s.survives(t, f, n, answered) {
				break
			}
			steps++
			if n == 1 && answered {
				tokens++ // nobody knows the token of a login whose answer is lost: it has no lease, and runs out
			}
			if left := s.vault.Root().List(t, "auth/token/accessors"); len(left) != tokens {
				t.Errorf("%s at request %d, answered %t: %d tokens in Vault, %d before", f.name, n, answered, len(left), tokens)
			}
			if t.Failed() {
				return
			}
		}
	}
	if steps < 15 {
		t.Errorf("only %d steps were tried: a login, a lease and its end have more", steps)
	}
	t.Logf("%d places for Vault to fail", steps)
}

// survives is a life of Sluice in which Vault fails at the nth request. It reports
// whether there was one.
func (s *stage) survives(t *testing.T, f failure, n int, answered bool) bool {
	t.Helper()
	defer func() {
		if t.Failed() {
			t.Logf("%s at request %d, answered %t\n%s", f.name, n, answered, s.gate.Log())
		}
	}()
	back := make(chan struct{})
	s.tap.strikeAt(n, answered, func() {
		f.happen(s, t)
		go func() {
			defer close(back)
			time.Sleep(away)
			f.back(s, t)
		}()
	})
	s.gate.Start(t)
	s.oneSession(t)
	s.endsWell(t, back)
	if !s.tap.struck() {
		return false
	}
	<-back
	s.awaitNothingLeft(t)
	return true
}

// endsWell ends Sluice. If Vault fails meanwhile, or takes longer to come back than
// Sluice waits for it, Sluice says what it could not end, and leaves it to its next start.
func (s *stage) endsWell(t *testing.T, back <-chan struct{}) {
	t.Helper()
	before := s.tap.struck()
	well := s.gate.StopUnless(t, func() bool {
		return s.tap.struck() && saysVaultFailed(s.gate.Log())
	})
	if before && well || !s.tap.struck() {
		return
	}
	<-back
	s.gate.Start(t)
	s.oneSession(t)
	s.gate.Stop(t)
}

// saysVaultFailed reports whether a program has ended with a word about Vault that
// could not be asked.
func saysVaultFailed(log string) bool {
	_, last, _ := strings.Cut(log[max(0, strings.LastIndex(log, "sluice: listening on")):], "sluice: vault: close: ")
	return strings.Contains(last, "Vault is away") || strings.Contains(last, "Vault is sealed")
}
