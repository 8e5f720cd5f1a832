package vault

import (
	"errors"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/proxy/credential/vault/vaulttest"
)

// setControlEnd gives the control connection's login another end, its last.
func (b *backendStage) setControlEnd(in time.Duration) {
	b.client.mu.Lock()
	defer b.client.mu.Unlock()
	h := b.issuer.control.lease
	h.lease.until, h.lease.last = time.Now().Add(in), errLongest
	b.client.publish(h)
}

// While Vault is away the control connection needs another login and gets none.
// Sessions are ended with the one it has, also when its time is over, and none
// waits for what the one before has found out.
func TestControlLoginWhileVaultIsAway(t *testing.T) {
	for name, left := range map[string]time.Duration{"near its end": time.Minute, "over": -time.Second} {
		t.Run(name, func(t *testing.T) {
			b := newStage(t, vaulttest.Options{})
			const path = "database/creds/" + vaulttest.ControlRole
			first := issue(t, b.issuer, "session-1")
			second := issue(t, b.issuer, "session-2")
			one, two := work(t, first), work(t, second)
			b.setControlEnd(left)
			before := calls(b.fake, path)
			b.fake.Set(vaulttest.Sealed())
			if err := errors.Join(b.issuer.End(t.Context(), first), b.issuer.End(t.Context(), second)); !errors.Is(seen(err), ErrAway) {
				t.Errorf("ended: %v", err)
			}
			if alive(t, one) || alive(t, two) {
				t.Error("a backend is alive")
			}
			if n := calls(b.fake, path) - before; n == 0 || n > tries {
				t.Errorf("Vault was asked %d times for another login", n)
			}
			b.fake.Set()
			if n, err := b.issuer.EndLeft(t.Context()); n != 2 || seen(err) != nil {
				t.Errorf("EndLeft: %d, %v", n, err)
			}
			b.over(t)
		})
	}
}
