package vaultsetup

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/integration/vaultserver"
)

// The whole example, on every server version.
func TestExample(t *testing.T) {
	for _, version := range harness.VersionsOr(t, 15, 18) {
		t.Run(fmt.Sprint("PostgreSQL ", version), func(t *testing.T) {
			s := New(t, version)
			sluice := s.sluice(t)
			for name, test := range map[string]func(*testing.T, *Stage, *vaultserver.Client){
				"rights": rights, "names": names, "renewal": renewal,
				"revocation ends sessions": revocationEndsSessions, "revocation of an owner": revocationOfAnOwner,
				"revocation of nobody": revocationOfNobody, "revocation of the undroppable": revocationOfTheUndroppable,
				"control": control, "children": children, "feed": feed,
			} {
				t.Run(name, func(t *testing.T) { test(t, s, sluice) })
			}
			t.Run("nothing is left", func(t *testing.T) {
				sluice.Write(t, "auth/token/revoke-self", nil)
				await(t, "logins of Sluice", func() string {
					return s.super(t, "SELECT string_agg(rolname, ' ') FROM pg_roles WHERE rolname LIKE 'sluice%'")
				})
			})
			s.noPasswordInLog(t)
		})
	}
}

// await waits until there is nothing of what is asked for.
func await(t *testing.T, what string, ask func() string) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		left := ask()
		if left == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("%s are left: %s", what, left)
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// A session works as its group from the first statement, may do what the group
// may, and nothing outside of it.
func rights(t *testing.T, s *Stage, sluice *vaultserver.Client) {
	for role, as := range group {
		c, _ := s.issue(t, sluice, role, "anna")
		conn := s.login(t, c, as)
		if got := must(t, conn, "SELECT current_user || ' ' || session_user"); got != as+" "+c.User {
			t.Errorf("%s: works as %q, want %s", role, got, as)
		}
		if role == "shop-migrate" {
			must(t, conn, "CREATE TABLE public.made (a int); INSERT INTO public.made VALUES (1)")
			if owner := s.super(t, "SELECT tableowner FROM pg_tables WHERE tablename = 'made'"); owner != as {
				t.Errorf("what a migration creates belongs to %q", owner)
			}
		} else {
			if got := must(t, conn, "SELECT count(*) FROM products"); got != "2" {
				t.Errorf("%s: %s products", role, got)
			}
			refused(t, conn, "INSERT INTO products VALUES ('x', 1)", "42501")
			refused(t, conn, "CREATE TABLE public.mine (a int)", "42501")
		}
		// The start-up parameter is what a session goes back to.
		for _, back := range []string{"RESET ROLE", "SET SESSION AUTHORIZATION DEFAULT", "RESET ALL", "DISCARD ALL"} {
			must(t, conn, back)
			if got := must(t, conn, "SELECT current_user"); got != as {
				t.Errorf("%s: after %s it works as %s", role, back, got)
			}
		}
		must(t, conn, "SET ROLE NONE")
		refused(t, conn, "SELECT count(*) FROM products", "42501")
		refused(t, conn, "SET ROLE shop_vault", "42501")
		for _, other := range group {
			if other != as {
				refused(t, conn, "SET ROLE "+other, "42501")
			}
		}
		s.Vault.Revoke(t, c.LeaseID)
		s.gone(t, c, conn)
	}
	// Who reads sees what a migration made.
	c, _ := s.issue(t, sluice, "shop-read", "anna")
	if got := must(t, s.login(t, c, "shop_read"), "SELECT a FROM made"); got != "1" {
		t.Errorf("the new table has %q", got)
	}
}

// A login's name says for what and for whom, whatever the person's name is,
// and is whole.
func names(t *testing.T, s *Stage, sluice *vaultserver.Client) {
	for person, want := range map[string]string{
		"anna":                           "sluice_shop_read_anna_",
		"Anna.Müller@example.net":        "sluice_shop_read_anna-m-ller-example-net_",
		`x"; DROP ROLE shop_read; --'$$`: "sluice_shop_read_x---drop-role-shop-read------_",
		strings.Repeat("long", 40):       "sluice_shop_read_" + strings.Repeat("long", 40)[:33] + "_",
	} {
		c, _ := s.issue(t, sluice, "shop-read", person)
		if !strings.HasPrefix(c.User, want) || len(c.User) != len(want)+8 {
			t.Errorf("%q got the login %s, want %s and 8 random letters", person, c.User, want)
		}
		if got := must(t, s.login(t, c, "shop_read"), "SELECT session_user"); got != c.User || len(got) > 63 {
			t.Errorf("the server knows the login %s as %s", c.User, got)
		}
		s.Vault.Revoke(t, c.LeaseID)
		s.gone(t, c)
	}
	// The longest of each part.
	c, _ := s.issue(t, sluice, "shop-copy-out", strings.Repeat("z", 90))
	if len(c.User) != 63 {
		t.Errorf("%s has %d bytes, want 63", c.User, len(c.User))
	}
}

// The password ends with the lease, and later when the lease is renewed.
func renewal(t *testing.T, s *Stage, sluice *vaultserver.Client) {
	c, _ := s.issue(t, sluice, "shop-read", "anna")
	end := func() time.Time {
		text := s.super(t, "SELECT extract(epoch FROM rolvaliduntil)::bigint FROM pg_roles WHERE rolname = "+literal(c.User))
		var seconds int64
		if _, err := fmt.Sscan(text, &seconds); err != nil {
			t.Fatalf("VALID UNTIL %q: %v", text, err)
		}
		return time.Unix(seconds, 0)
	}
	// Vault gives some seconds on top.
	if left := time.Until(end()); c.Duration != time.Hour || left < 59*time.Minute || left > 61*time.Minute {
		t.Errorf("a lease of %s ends in %s at the server", c.Duration, left)
	}
	answer := sluice.Write(t, "sys/leases/renew", map[string]any{"lease_id": c.LeaseID, "increment": 7200})
	if left := time.Until(end()); answer.LeaseDuration != 2*time.Hour || left < 119*time.Minute || left > 121*time.Minute {
		t.Errorf("a lease renewed for %s ends in %s at the server", answer.LeaseDuration, left)
	}
	// Never past the role's max_ttl.
	answer = sluice.Write(t, "sys/leases/renew", map[string]any{"lease_id": c.LeaseID, "increment": 30 * 24 * 3600})
	if answer.LeaseDuration > 12*time.Hour || answer.LeaseDuration < 11*time.Hour {
		t.Errorf("renewed for %s, and the role's max_ttl is 12h", answer.LeaseDuration)
	}
}
