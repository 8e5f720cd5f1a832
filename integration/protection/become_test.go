package protection

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/policy/protection"
)

// circles is how many random sets of roles are tried.
const circles = 12

// Whom a role is said to be able to become, by SET ROLE and by granting itself
// what it may, is whom it can: everything that GRANT allows is tried.
func TestWhomRolesCanBecome(t *testing.T) {
	t.Parallel()
	for _, version := range harness.VersionsOr(t, 15, 18) {
		t.Run(strconv.Itoa(version), func(t *testing.T) {
			t.Parallel()
			c := root(t, newServer(t, version), database)
			first := *seed
			if first == 0 {
				first = uint64(time.Now().UnixNano()) % 1_000_000_000
			}
			t.Logf("PostgreSQL %d: %d sets of roles from -seed %d", version, circles, first)
			after := 0
			for i := range uint64(circles) {
				after += becomeEachOther(t, c, version, first+i)
			}
			if after == 0 {
				t.Error("no role granted itself another")
			}
		})
	}
}

// becomeEachOther tries one set of roles and returns how many are reached only
// by a grant.
func becomeEachOther(t *testing.T, c connection, version int, seed uint64) (after int) {
	t.Helper()
	w := &world{Rand: rand.New(rand.NewPCG(seed, 9)), version: version, columns: map[string][]string{}}
	w.makeRoles()
	for range 4 {
		if a, b := w.IntN(roles), w.IntN(roles); a < b {
			w.add("GRANT r%d TO r%d%s", a, b, w.options())
		}
	}
	w.add("CREATE SCHEMA w; GRANT USAGE ON SCHEMA w TO PUBLIC; CREATE TABLE w.t (a int)")
	for i := range roles {
		w.add("GRANT SELECT ON w.t TO r%d", i)
	}
	c.must(t, strings.Join(w.make, ";"))
	said := map[key]protection.Effort{}
	s := load(t, c)
	readers, _ := s.Readers(relation(t, s, "w.t"))
	for _, r := range readers {
		if r.Path.Way == protection.ByGrant {
			said[key{role: r.Role, as: r.As}] = r.Effort
		}
	}
	for i := range roles {
		role := fmt.Sprintf("r%d", i)
		can := grantItself(t, c, role)
		if someSuper(t, c, can) {
			continue // as a superuser it could become everybody, but reads everything already
		}
		circle := hasMember(t, c, role)
		for j := range roles {
			as := fmt.Sprintf("r%d", j)
			effort, is := said[key{role: role, as: as}]
			if as == role {
				continue
			}
			if !is && can[as] || is && !can[as] && !circle {
				t.Errorf("PostgreSQL %d, -seed %d: %s is said to become %s: %v; it can: %v", version, seed, role, as, is, can[as])
			}
			if is && effort == protection.AfterChange {
				after++
			}
		}
	}
	c.must(t, strings.Join(w.unmake(), ";"))
	return after
}

// someSuper reports whether a superuser is among roles.
func someSuper(t *testing.T, c connection, list map[string]bool) bool {
	t.Helper()
	return yes(t, c, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolsuper AND rolname = ANY ('{"+strings.Join(slices.Collect(maps.Keys(list)), ",")+"}'))")
}

// hasMember reports whether a role has members. It cannot grant itself those,
// because that would be a circle, without taking the membership away first.
func hasMember(t *testing.T, c connection, role string) bool {
	t.Helper()
	return yes(t, c, fmt.Sprintf("SELECT EXISTS (SELECT FROM pg_auth_members WHERE roleid = '%s'::regrole)", role))
}

func yes(t *testing.T, c connection, sql string) bool {
	t.Helper()
	answer, err := c.one(t, sql)
	if err != nil {
		t.Fatal(err)
	}
	return answer == "t"
}

// grantItself has a role try to grant itself every other, as all that it can
// become so far, until nothing changes; it says whom it could become in the end.
func grantItself(t *testing.T, c connection, role string) map[string]bool {
	t.Helper()
	c.must(t, "BEGIN; SET SESSION AUTHORIZATION "+role)
	tries := func(sql string) bool {
		c.must(t, "SAVEPOINT s")
		if c.try(t, sql) == nil {
			return true
		}
		c.must(t, "ROLLBACK TO SAVEPOINT s")
		return false
	}
	can := map[string]bool{role: true}
	granted := map[string]bool{}
	for before := -1; before < len(can)+len(granted); {
		before = len(can) + len(granted)
		for i := range roles {
			as := fmt.Sprintf("r%d", i)
			if !tries("SET ROLE " + as) {
				continue
			}
			can[as] = true
			for j := range roles {
				if other := fmt.Sprintf("r%d", j); !can[other] && !granted[other] && tries("GRANT "+other+" TO "+role) {
					granted[other] = true
				}
			}
			c.must(t, "RESET ROLE")
		}
	}
	c.must(t, "ROLLBACK; RESET SESSION AUTHORIZATION")
	return can
}
