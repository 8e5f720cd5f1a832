package vault

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-pg/sluice/proxy/credential"
	"github.com/sluice-pg/sluice/proxy/credential/vault/vaulttest"
)

// calls counts the requests to a path.
func calls(s *vaulttest.Server, path string) int {
	n := 0
	for _, c := range s.Calls() {
		if c.Path == path {
			n++
		}
	}
	return n
}

func termOf(lease *credential.Lease) credential.Term {
	term, _ := lease.Life.Term()
	_ = seen(term.Last)
	return term
}

func near(a, b time.Time) bool { return a.Sub(b).Abs() < 3*time.Second }

func TestRenewsAtTwoThirds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFake(vaulttest.Options{TokenTTL: 10 * time.Hour})
		c := begin(t, config(t, s))
		lease := issue(t, issuer(t, c, IssuerConfig{}), "session-1")
		start := time.Now()
		if !near(lease.Expires, start.Add(time.Hour)) || termOf(lease).Last != nil {
			t.Errorf("expires %s from now, %v", time.Until(lease.Expires), termOf(lease).Last)
		}
		time.Sleep(35 * time.Minute)
		if n := calls(s, "sys/leases/renew"); n != 0 {
			t.Errorf("renewed %d times after 35 minutes of an hour", n)
		}
		_, changed := lease.Life.Term()
		time.Sleep(6 * time.Minute)
		if n := calls(s, "sys/leases/renew"); n != 1 {
			t.Errorf("renewed %d times after 41 minutes of an hour", n)
		}
		select {
		case <-changed:
		default:
			t.Error("nobody was told")
		}
		if left := time.Until(termOf(lease).Expires); left < 54*time.Minute {
			t.Errorf("%s are left after the renewal", left)
		}
		time.Sleep(10 * time.Hour)
		if left := time.Until(termOf(lease).Expires); left < 15*time.Minute || termOf(lease).Last != nil {
			t.Errorf("%s are left after ten hours, %v", left, termOf(lease).Last)
		}
		// The child token has an hour, too; the login token has ten.
		if n := calls(s, "auth/token/renew-self"); n < 10 {
			t.Errorf("the child token was renewed %d times in ten hours", n)
		}
	})
}

// The login is renewed just while a credential is on its way.
func TestLoginIsRenewedWhileIssuing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFake(vaulttest.Options{TokenTTL: time.Minute})
		c := begin(t, config(t, s))
		i := issuer(t, c, IssuerConfig{})
		time.Sleep(33 * time.Second)
		s.Set(vaulttest.Fault{Path: "/creds/", Delay: 9 * time.Second})
		lease := issue(t, i, "session-1")
		if calls(s, "auth/token/renew-self") != 1 {
			t.Error("this tests nothing")
		}
		if left := time.Until(termOf(lease).Expires); left < 50*time.Second || left > time.Minute {
			t.Errorf("the lease has %s, and the login a minute since less than nine seconds", left)
		}
	})
}

func TestLongestTimeOfALease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFake(vaulttest.Options{LeaseMax: 90 * time.Minute})
		c := begin(t, config(t, s))
		start := time.Now()
		lease := issue(t, issuer(t, c, IssuerConfig{}), "session-1")
		time.Sleep(45 * time.Minute)
		term := termOf(lease)
		if !near(term.Expires, start.Add(90*time.Minute)) || !errors.Is(term.Last, errLongest) || !strings.HasPrefix(term.Last.Error(), "vault: ") {
			t.Errorf("ends %s from the start: %v", term.Expires.Sub(start), term.Last)
		}
		n := calls(s, "sys/leases/renew")
		time.Sleep(40 * time.Minute)
		if calls(s, "sys/leases/renew") != n {
			t.Error("it is renewed though that gives nothing")
		}
	})
}

// A lease that does not live longer than the token it was issued with ends with
// that.
func TestLongestTimeOfAChild(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFake(vaulttest.Options{ChildMax: 80 * time.Minute})
		c := begin(t, config(t, s))
		start := time.Now()
		lease := issue(t, issuer(t, c, IssuerConfig{}), "session-1")
		time.Sleep(50 * time.Minute)
		if term := termOf(lease); !near(term.Expires, start.Add(80*time.Minute)) || !errors.Is(term.Last, errLongest) {
			t.Errorf("ends %s from the start: %v", term.Expires.Sub(start), term.Last)
		}
	})
}

func TestLeaseRevokedInVault(t *testing.T) {
	for name, revoke := range map[string]func(s *vaulttest.Server){
		"revoked":   func(s *vaulttest.Server) { _ = s.RevokeLease(s.Leases()[0]) },
		"forgotten": func(s *vaulttest.Server) { s.ForgetLease(s.Leases()[0]) },
		"with its login": func(s *vaulttest.Server) {
			for accessor, display := range s.Tokens() {
				if display == "approle" {
					_ = s.RevokeToken(accessor)
				}
			}
		},
		"with its child token": func(s *vaulttest.Server) {
			for accessor, display := range s.Tokens() {
				if strings.HasPrefix(display, "token-alice") {
					_ = s.RevokeToken(accessor)
				}
			}
		},
		"by a clock that jumps": func(s *vaulttest.Server) { s.Jump(2 * time.Hour) },
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newFake(vaulttest.Options{})
				c := begin(t, config(t, s))
				i := issuer(t, c, IssuerConfig{})
				lease := issue(t, i, "session-1")
				time.Sleep(time.Minute)
				_, changed := lease.Life.Term()
				at := time.Now()
				revoke(s)
				<-changed
				if took := time.Since(at); took > 5*time.Second {
					t.Errorf("noticed after %s", took)
				}
				if term := termOf(lease); term.Last == nil || term.Expires.After(time.Now()) {
					t.Errorf("term %+v", term)
				}
				end(t, i, lease)
				// The next session is served, if need be with a new login.
				end(t, i, issue(t, i, "session-2"))
				closed(t, c)
				nothing(t, s)
			})
		})
	}
}

// Two hundred leases without a control connection are all looked at in time,
// and Vault is not asked more than is said.
func TestManyLeasesAreWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFake(vaulttest.Options{LeaseTTL: 6 * time.Minute})
		c := begin(t, config(t, s))
		i := issuer(t, c, IssuerConfig{})
		byID := map[string]*credential.Lease{}
		for n := range 200 {
			lease := issue(t, i, fmt.Sprint("session-", n))
			byID[lease.ID] = lease
		}
		before := runtime.NumGoroutine()
		time.Sleep(time.Minute)
		asked := calls(s, "sys/leases/lookup")
		time.Sleep(10 * time.Second)
		if n := calls(s, "sys/leases/lookup") - asked; n > 10*maxLookups+maxLookups || n < 9*maxLookups {
			t.Errorf("%d lookups in ten seconds", n)
		}
		at, gone := time.Now(), byID[s.Leases()[17]]
		if err := s.RevokeLease(gone.ID); err != nil {
			t.Fatal(err)
		}
		_, changed := gone.Life.Term()
		<-changed
		if took := time.Since(at); took > 5*time.Second {
			t.Errorf("noticed after %s", took)
		}
		time.Sleep(10 * time.Minute)
		if after := runtime.NumGoroutine(); after > before+2*workers {
			t.Errorf("%d goroutines for 200 leases, %d before they were looked after", after, before)
		}
		for _, lease := range byID {
			if lease != gone && (termOf(lease).Last != nil || time.Until(termOf(lease).Expires) < time.Minute) {
				t.Fatalf("a lease was not renewed: %+v", termOf(lease))
			}
		}
	})
}

func TestLoginIsRenewedAndReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFake(vaulttest.Options{TokenTTL: time.Hour, TokenMax: 3 * time.Hour})
		c := begin(t, config(t, s))
		i := issuer(t, c, IssuerConfig{})
		start := time.Now()
		old := issue(t, i, "session-1")
		time.Sleep(time.Hour)
		// Once for the login, once for the child.
		if n := calls(s, "auth/token/renew-self"); n != 2 || calls(s, "auth/approle/login") != 1 {
			t.Errorf("%d renewals, %d logins after an hour", n, calls(s, "auth/approle/login"))
		}
		if err := c.Healthy(); err != nil || c.TokenLeft() < 15*time.Minute {
			t.Errorf("%v, %s left", err, c.TokenLeft())
		}
		time.Sleep(110 * time.Minute)
		if n := calls(s, "auth/approle/login"); n != 2 {
			t.Errorf("%d logins after most of three hours", n)
		}
		// The old lease ends with the token above it; a new one does not.
		if term := termOf(old); !near(term.Expires, start.Add(3*time.Hour)) || !errors.Is(term.Last, errLongest) {
			t.Errorf("the old lease ends %s from the start: %v", term.Expires.Sub(start), term.Last)
		}
		fresh := issue(t, i, "session-2")
		if term := termOf(fresh); term.Last != nil || term.Expires.Before(start.Add(3*time.Hour+10*time.Minute)) {
			t.Errorf("the new lease ends %s from the start: %v", term.Expires.Sub(start), term.Last)
		}
		logins := func() (n int) {
			for _, display := range s.Tokens() {
				if display == "approle" {
					n++
				}
			}
			return n
		}
		if logins() != 2 {
			t.Errorf("%d login tokens while a lease is left of each", logins())
		}
		end(t, i, old)
		time.Sleep(time.Second)
		if logins() != 1 {
			t.Errorf("%d login tokens after the last lease of the old one ended", logins())
		}
		closed(t, c)
		nothing(t, s)
	})
}

func TestVaultIsAwayForAWhile(t *testing.T) {
	for name, fault := range map[string]vaulttest.Fault{
		"sealed": vaulttest.Sealed(), "standby": vaulttest.Standby(), "unreachable": {Cut: true}, "too many": vaulttest.TooMany(1),
		"slow": {Delay: time.Hour}, "no Vault behind the balancer": {Status: 502},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newFake(vaulttest.Options{TokenTTL: 2 * time.Hour})
				c := begin(t, config(t, s))
				i := issuer(t, c, IssuerConfig{})
				lease := issue(t, i, "session-1")
				time.Sleep(30 * time.Minute)
				s.Set(fault)
				time.Sleep(20 * time.Minute) // across the renewal
				if err := seen(c.Healthy()); !errors.Is(err, ErrAway) || !strings.Contains(err.Error(), "left") {
					t.Errorf("healthy: %v", err)
				}
				if term := termOf(lease); term.Last != nil || time.Until(term.Expires) > 11*time.Minute {
					t.Errorf("while Vault is away: %s, %v", time.Until(term.Expires), term.Last)
				}
				at := time.Now()
				_, err := i.Issue(short(t, time.Minute), request("session-2"))
				if seen(err) == nil || !errors.Is(err, ErrAway) || errors.Is(err, ErrDenied) || !strings.HasPrefix(err.Error(), "vault: ") {
					t.Errorf("issued: %v", err)
				}
				if took := time.Since(at); took > 25*time.Second {
					t.Errorf("the error took %s", took)
				}
				if err := seen(i.End(short(t, time.Minute), lease)); !errors.Is(err, ErrAway) {
					t.Errorf("ended: %v", err)
				}
				s.Set()
				if n, err := i.EndLeft(t.Context()); n != 1 || seen(err) != nil {
					t.Errorf("EndLeft: %d, %v", n, err)
				}
				if err := c.Healthy(); err != nil {
					t.Errorf("healthy again: %v", err)
				}
				closed(t, c)
				nothing(t, s)
			})
		})
	}
}

// Nobody has a question, and the client finds out all the same that Vault is
// back.
func TestHealthyWithoutSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFake(vaulttest.Options{})
		c := begin(t, config(t, s))
		i := issuer(t, c, IssuerConfig{})
		s.Set(vaulttest.Sealed())
		if _, err := i.Issue(t.Context(), request("session-1")); seen(err) == nil {
			t.Error("issued by a sealed Vault")
		}
		time.Sleep(time.Minute)
		if c.Healthy() == nil {
			t.Error("a sealed Vault is healthy")
		}
		s.Set()
		time.Sleep(2 * awayPoll)
		if err := seen(c.Healthy()); err != nil {
			t.Error(err)
		}
		// A Vault that is well is not asked for nothing.
		n := len(s.Calls())
		time.Sleep(10 * time.Minute)
		if len(s.Calls()) != n {
			t.Errorf("%d questions in ten minutes without sessions", len(s.Calls())-n)
		}
	})
}

// A lease goes on when Vault is back before its end.
func TestRenewedWhenVaultIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFake(vaulttest.Options{})
		c := begin(t, config(t, s))
		lease := issue(t, issuer(t, c, IssuerConfig{}), "session-1")
		time.Sleep(30 * time.Minute)
		s.Set(vaulttest.Sealed())
		time.Sleep(28 * time.Minute)
		s.Set()
		time.Sleep(40 * time.Second)
		if left := time.Until(termOf(lease).Expires); left < 55*time.Minute || c.Healthy() != nil {
			t.Errorf("%s left, healthy: %v", left, c.Healthy())
		}
	})
}

// A lease is renewed, but the token it was issued with is not, because Vault is
// not well. That is tried again with pauses, not at once and for ever.
func TestChildIsNotRenewedForAWhile(t *testing.T) {
	for name, fault := range map[string]vaulttest.Fault{"error": {Status: 500}, "too many": vaulttest.TooMany(1)} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const path = "auth/token/renew-self"
				s := newFake(vaulttest.Options{TokenTTL: 10 * time.Hour})
				c := begin(t, config(t, s))
				lease := issue(t, issuer(t, c, IssuerConfig{}), "session-1")
				start := time.Now()
				time.Sleep(30 * time.Minute)
				fault.Path, fault.Delay = path, 10*time.Millisecond
				s.Set(fault)
				time.Sleep(20 * time.Minute) // across the renewal
				children, leases := calls(s, path), calls(s, "sys/leases/renew")
				if children < 10 || leases < 10 {
					t.Errorf("tried %d times, with %d renewals of the lease", children, leases)
				}
				// The first try is up to fourteen minutes ago. After six of them no
				// pause is shorter than fifteen seconds.
				if most := 6 + 14*60/15; leases > most || children > tries*most {
					t.Errorf("%d renewals of the child token and %d of the lease", children, leases)
				}
				if term := termOf(lease); term.Last != nil || !near(term.Expires, start.Add(time.Hour)) {
					t.Errorf("ends %s from the start: %v", term.Expires.Sub(start), term.Last)
				}
				s.Set()
				time.Sleep(40 * time.Second)
				if left := time.Until(termOf(lease).Expires); left < 55*time.Minute {
					t.Errorf("%s are left when Vault is well again", left)
				}
			})
		})
	}
}

// The login token ends while Vault is away. When Vault is back there is a new
// login, and the leases of the old one have ended.
func TestLoginEndsWhileVaultIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFake(vaulttest.Options{LeaseTTL: 5 * time.Hour})
		c := begin(t, config(t, s))
		i := issuer(t, c, IssuerConfig{})
		start := time.Now()
		lease := issue(t, i, "session-1")
		s.Set(vaulttest.Sealed())
		time.Sleep(2 * time.Hour)
		if term := termOf(lease); !near(term.Expires, start.Add(time.Hour)) {
			t.Errorf("the lease ends %s from the start, and the login after an hour", term.Expires.Sub(start))
		}
		if c.Healthy() == nil || c.TokenLeft() != 0 {
			t.Errorf("healthy, %s left", c.TokenLeft())
		}
		s.Set()
		time.Sleep(time.Minute)
		if err := seen(c.Healthy()); err != nil {
			t.Error(err)
		}
		end(t, i, lease)
		end(t, i, issue(t, i, "session-2"))
		closed(t, c)
		nothing(t, s)
	})
}

// A renewal that is denied for good has a reason, and the lease keeps its end.
func TestRenewalIsDenied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFake(vaulttest.Options{TokenTTL: 9 * time.Hour})
		c := begin(t, config(t, s))
		start := time.Now()
		lease := issue(t, issuer(t, c, IssuerConfig{}), "session-1")
		s.Deny("sys/leases/renew", true)
		time.Sleep(50 * time.Minute)
		if term := termOf(lease); !errors.Is(term.Last, ErrDenied) || !near(term.Expires, start.Add(time.Hour)) {
			t.Errorf("term %s from the start: %v", term.Expires.Sub(start), term.Last)
		}
		if n := calls(s, "sys/leases/renew"); n != 2 {
			t.Errorf("asked %d times", n)
		}
	})
}

// Where leases may not be looked up, that is said once and not asked again.
func TestLookupsAreDenied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFake(vaulttest.Options{})
		c := begin(t, config(t, s))
		issue(t, issuer(t, c, IssuerConfig{}), "session-1")
		s.Deny("sys/leases/lookup", true)
		time.Sleep(20 * time.Second)
		if n := calls(s, "sys/leases/lookup"); n != 1 {
			t.Errorf("asked %d times", n)
		}
	})
}
