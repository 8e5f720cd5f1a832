package vault

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-pg/sluice/proxy/credential/vault/vaulttest"
)

// A proxy that is told to stop while Vault answers nothing stops in time, and the
// next start ends what is left.
func TestCloseWhileVaultHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const sessions = 100
		s := newFake(vaulttest.Options{})
		configured := config(t, s)
		c := begin(t, configured)
		i := issuer(t, c, IssuerConfig{})
		for n := range sessions {
			issue(t, i, fmt.Sprintf("session-%d", n))
		}
		s.Set(vaulttest.Fault{Delay: time.Hour})
		start := time.Now()
		if err := seen(c.Close(t.Context())); err == nil {
			t.Error("nothing is said of what is left")
		}
		if took := time.Since(start); took > closeTimeout+2*undoTimeout {
			t.Errorf("it took %s", took)
		}
		s.Set()
		again := open(t, configured)
		if left := len(again.journal.list()); left != sessions+1 {
			t.Errorf("the journal has %d of %d", left, sessions+1)
		}
		issuer(t, again, IssuerConfig{})
		if err := seen(again.Begin(t.Context())); err != nil {
			t.Fatal(err)
		}
		closed(t, again)
		nothing(t, s)
	})
}

// An older login that could not be revoked when its last lease ended is revoked at
// the end, and not left to the next start.
func TestCloseRevokesOlderLogins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFake(vaulttest.Options{TokenTTL: time.Minute, TokenMax: 2 * time.Minute})
		c := begin(t, config(t, s))
		i := issuer(t, c, IssuerConfig{})
		lease, old := issue(t, i, "session-1"), c.current()
		for c.current() == old {
			time.Sleep(time.Second)
		}
		revoked := 0
		s.Decide(func(call vaulttest.Call) vaulttest.Fault {
			if call.Path == "auth/token/revoke-accessor" {
				revoked++
			}
			if revoked > 1 { // the first is the lease's own token
				return vaulttest.Sealed()
			}
			return vaulttest.Fault{}
		})
		end(t, i, lease)
		time.Sleep(100 * time.Millisecond)
		s.Decide(nil)
		closed(t, c)
		if left := c.journal.list(); len(left) != 0 {
			t.Errorf("the journal has %+v", left)
		}
		nothing(t, s)
	})
}
