package vault

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-pg/sluice/proxy/credential"
	"github.com/sluice-pg/sluice/proxy/credential/vault/vaulttest"
)

// wholeLife runs everything that a process does with Vault. It gives up at the first
// thing that fails.
func wholeLife(ctx context.Context, c *Client, i *Issuer) error {
	if err := c.Begin(ctx); err != nil {
		return err
	}
	var leases []*credential.Lease
	for n := range 2 {
		lease, err := i.Issue(ctx, request(fmt.Sprint("session-", n)))
		if err != nil {
			return err
		}
		leases = append(leases, lease)
	}
	if err := i.End(ctx, leases[0]); err != nil {
		return err
	}
	return c.Close(ctx)
}

// clean checks that a fake has no lease and no child token, and no login beyond
// some.
func clean(t *testing.T, s *vaulttest.Server, logins int) {
	t.Helper()
	if left := s.Leases(); len(left) > 0 {
		t.Errorf("leases %q are left", left)
	}
	for _, display := range s.Tokens() {
		if strings.HasPrefix(display, "token-") {
			t.Errorf("child token %s is left", display)
		}
		logins--
	}
	if logins < 0 {
		t.Errorf("%d login tokens too many are left", -logins)
	}
}

// The process is killed at every question it asks Vault: before Vault has done
// what was asked, or when it has and the answer is lost. The next start finds
// everything. A login whose own answer was lost is the one thing that nobody
// can know of; nothing was leased with it, and it ends by itself.
func TestKilledAtEveryStep(t *testing.T) {
	for _, lose := range []bool{false, true} {
		for step, done := 1, false; !done; step++ {
			t.Run(fmt.Sprintf("lose=%t/step=%d", lose, step), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					done = killedAt(t, step, lose)
				})
			})
			if step > 60 {
				t.Fatal("the run does not come to its end")
			}
		}
	}
}

func killedAt(t *testing.T, step int, lose bool) (done bool) {
	s := newFake(vaulttest.Options{})
	cfg := config(t, s)
	lostLogin := 0
	s.Decide(func(call vaulttest.Call) vaulttest.Fault {
		switch {
		case call.Number < step:
			return vaulttest.Fault{}
		case call.Number == step && lose:
			if strings.HasSuffix(call.Path, "/login") {
				lostLogin = 1
			}
			return vaulttest.Fault{Lose: true}
		}
		return vaulttest.Fault{Cut: true}
	})
	c := open(t, cfg)
	i := issuer(t, c, IssuerConfig{})
	err := wholeLife(short(t, time.Minute), c, i)
	_ = seen(err)
	crash(c)
	if err == nil {
		nothing(t, s)
		return true
	}
	s.Decide(nil)
	again := open(t, cfg)
	issuer(t, again, IssuerConfig{})
	if err := seen(again.Begin(t.Context())); err != nil {
		t.Fatal(err)
	}
	clean(t, s, 1+lostLogin)
	closed(t, again)
	clean(t, s, lostLogin)
	third := begin(t, cfg)
	if left := third.heldNow(func(*held) bool { return true }); len(left) != 0 || len(third.journal.list()) != 1 {
		t.Errorf("%d leases are left in the journal", len(left))
	}
	closed(t, third)
	return false
}

// One question fails, whichever it is, and the process goes on: what was not
// done is done later.
func TestOneFailureAtEveryStep(t *testing.T) {
	for _, fault := range []vaulttest.Fault{{Lose: true}, {Cut: true}, {Status: 500}, vaulttest.Sealed()} {
		for step := 1; step <= 14; step++ {
			t.Run(fmt.Sprintf("%+v/step=%d", fault, step), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newFake(vaulttest.Options{})
					lostLogin := 0
					s.Decide(func(call vaulttest.Call) vaulttest.Fault {
						if call.Number != step {
							return vaulttest.Fault{}
						}
						if fault.Lose && strings.HasSuffix(call.Path, "/login") {
							lostLogin = 1
						}
						return fault
					})
					c := open(t, config(t, s))
					i := issuer(t, c, IssuerConfig{})
					err := wholeLife(t.Context(), c, i)
					_ = seen(err)
					if err != nil {
						if _, err := i.EndLeft(t.Context()); seen(err) != nil && !strings.Contains(err.Error(), "closed") {
							t.Error(err)
						}
						_ = seen(c.Close(t.Context()))
					}
					// A Close that failed leaves the rest to the next start.
					next := begin(t, c.config)
					closed(t, next)
					clean(t, s, lostLogin)
				})
			})
		}
	}
}

// The same on a real server: a session works when the process is killed, and
// the server does not know. After the next start there is neither backend nor
// role.
func TestKilledAtEveryStepWithBackends(t *testing.T) {
	for step, done := 1, false; !done; step++ {
		t.Run(fmt.Sprint("step=", step), func(t *testing.T) {
			done = killedWithBackends(t, step)
		})
		if step > 40 {
			t.Fatal("the run does not come to its end")
		}
	}
}

func killedWithBackends(t *testing.T, step int) (done bool) {
	made := newRoles(t)
	s := newFake(vaulttest.Options{Database: made})
	cfg := config(t, s)
	s.Decide(func(call vaulttest.Call) vaulttest.Fault {
		switch {
		case call.Number < step:
			return vaulttest.Fault{}
		case call.Number == step:
			return vaulttest.Fault{Lose: true}
		}
		return vaulttest.Fault{Cut: true}
	})
	c := open(t, cfg)
	i := issuer(t, c, withControl(t))
	err := func() error {
		limit := 700 * time.Millisecond // then the rest of the tries is as good as done
		if step > 12 {
			limit = 20 * time.Second
		}
		ctx := short(t, limit)
		lease, err := i.Issue(ctx, request("session-1"))
		if err != nil {
			return err
		}
		work(t, lease)
		if err := i.End(ctx, lease); err != nil {
			return err
		}
		return c.Close(ctx)
	}()
	_ = seen(err)
	crash(c)
	s.Decide(nil)
	again := open(t, cfg)
	issuer(t, again, withControl(t))
	if err := seen(again.Begin(t.Context())); err != nil {
		t.Fatal(err)
	}
	closed(t, again)
	if left := s.Leases(); len(left) > 0 {
		t.Errorf("leases %q are left", left)
	}
	if left := rolesLeft(t); left != "" {
		t.Errorf("roles %s are left", left)
	}
	results, queryErr := superuser(t).Exec(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE usename LIKE 'v-%' OR usename IS NULL AND usesysid IS NOT NULL").ReadAll()
	if queryErr != nil {
		t.Fatal(queryErr)
	}
	if n := string(results[0].Rows[0][0]); n != "0" {
		t.Errorf("%s backends are left", n)
	}
	return err == nil
}
