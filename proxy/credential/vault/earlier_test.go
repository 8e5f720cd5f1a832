package vault

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-pg/sluice/proxy/credential/vault/vaulttest"
)

// Vault hangs when it is to revoke what an earlier run left at a database that does
// not answer. That keeps nobody from the other databases.
func TestBeginWhileADatabaseHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFake(vaulttest.Options{})
		configured := config(t, s)
		before := begin(t, configured)
		issue(t, issuer(t, before, IssuerConfig{}), "session-1")
		crash(before)
		s.Set(vaulttest.Fault{Path: "sys/leases/revoke", Delay: time.Hour})
		c := open(t, configured)
		shop, other := issuer(t, c, IssuerConfig{}), issuer(t, c, IssuerConfig{Database: "other"})
		if err := seen(c.Begin(short(t, 15*time.Second))); err != nil {
			t.Fatal(err)
		}
		issue(t, other, "session-2")
		s.Set()
		if n, err := shop.EndLeft(t.Context()); n != 1 || seen(err) != nil {
			t.Errorf("EndLeft: %d, %v", n, err)
		}
		closed(t, c)
		nothing(t, s)
	})
}
