package protection

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/policy/protection"
)

// plans is how many relations are planned, made and compared.
const plans = 60

// A relation that is planned has the readers that it has once it is made with
// whatever default privileges there are, which is seen before COMMIT.
func TestPlannedIsAsMade(t *testing.T) {
	t.Parallel()
	for _, version := range harness.VersionsOr(t, 15, 18) {
		t.Run(strconv.Itoa(version), func(t *testing.T) {
			t.Parallel()
			server := newServer(t, version)
			c := root(t, server, database)
			first := *seed
			if first == 0 {
				first = uint64(time.Now().UnixNano()) % 1_000_000_000
			}
			t.Logf("PostgreSQL %d: %d plans from -seed %d", version, plans, first)
			byDefault := 0
			for i := range uint64(plans) {
				w := &world{Rand: rand.New(rand.NewPCG(first+i, 8)), version: version, columns: map[string][]string{}}
				byDefault += planAndMake(t, c, w, first+i)
			}
			if byDefault == 0 {
				t.Error("no default privilege mattered")
			}
		})
	}
}

// planAndMake compares one relation; it returns how many ways come from
// default privileges.
func planAndMake(t *testing.T, c connection, w *world, seed uint64) int {
	t.Helper()
	w.makeRoles()
	if w.chance(70) {
		w.add("CREATE SCHEMA w")
		w.add("GRANT USAGE, CREATE ON SCHEMA w TO PUBLIC")
	}
	for range w.IntN(6) {
		in := ""
		if w.chance(40) && strings.Contains(strings.Join(w.make, ";"), "CREATE SCHEMA w") {
			in = " IN SCHEMA w"
		}
		action, to := "GRANT SELECT ON TABLES TO ", w.grantee()
		switch {
		case w.chance(30):
			action = "REVOKE ALL ON TABLES FROM "
			to = w.role()
		case in == "" && w.chance(30):
			action = "GRANT USAGE ON SCHEMAS TO "
		}
		w.add("ALTER DEFAULT PRIVILEGES FOR ROLE %s%s %s%s", w.role(), in, action, to)
	}
	c.must(t, "BEGIN;"+strings.Join(w.make, ";"))
	plan, made := w.plan()
	s := load(t, c)
	planned, err := s.Planned(plan)
	if err != nil {
		t.Fatal(err)
	}
	c.must(t, strings.Join(made, ";"))
	after := load(t, c)
	want, got := listing(after, relation(t, after, "w.n")), listing(s, planned)
	c.must(t, "ROLLBACK")
	if want != got {
		t.Errorf("-seed %d: %s\n%s\nis planned as\n%s\nand made as\n%s", seed, strings.Join(w.make, ";"), strings.Join(made, ";"), got, want)
	}
	bare := plan
	bare.WithoutDefaults = !plan.WithoutDefaults
	other, err := s.Planned(bare)
	if err != nil {
		t.Fatal(err)
	}
	if listing(s, other) != got {
		return 1
	}
	return 0
}

// plan is a random plan, with the statements that carry it out.
func (w *world) plan() (protection.Plan, []string) {
	p := protection.Plan{Schema: "w", Name: "n", Owner: w.role(), Columns: []string{"a", "b"}, WithoutDefaults: w.chance(40), RowSecurity: w.chance(40), ForceRow: w.chance(40)}
	made := []string{"GRANT CREATE ON DATABASE " + database + " TO " + p.Owner, "SET LOCAL ROLE " + p.Owner, "CREATE SCHEMA IF NOT EXISTS w", "CREATE TABLE w.n (a int, b int)"}
	if p.WithoutDefaults {
		made = append(made, `DO $$ DECLARE r record; BEGIN FOR r IN SELECT x.grantee, pg_get_userbyid(x.grantee) AS name FROM pg_class c, aclexplode(c.relacl) x WHERE c.oid = 'w.n'::regclass LOOP
			EXECUTE 'REVOKE ALL ON w.n FROM ' || CASE WHEN r.grantee = 0 THEN 'PUBLIC' ELSE r.name::text END; END LOOP; END $$`, "GRANT ALL ON w.n TO "+p.Owner)
	}
	for range w.IntN(3) {
		g := protection.Grant{Role: w.grantee(), Passes: false}
		if w.chance(50) {
			g.Columns = []string{"b"}
			made = append(made, "GRANT SELECT (b) ON w.n TO "+g.Role)
		} else {
			made = append(made, "GRANT SELECT ON w.n TO "+g.Role)
		}
		p.Grants = append(p.Grants, g)
	}
	if p.RowSecurity {
		made = append(made, "ALTER TABLE w.n ENABLE ROW LEVEL SECURITY")
	}
	if p.ForceRow {
		made = append(made, "ALTER TABLE w.n FORCE ROW LEVEL SECURITY")
	}
	for i := range w.IntN(3) {
		one := protection.PlannedPolicy{Name: fmt.Sprintf("q%d", i), Permissive: w.chance(70), Roles: []string{w.grantee()}, Using: "(a = 1)"}
		kind := "RESTRICTIVE"
		if one.Permissive {
			kind = "PERMISSIVE"
		}
		made = append(made, fmt.Sprintf("CREATE POLICY %s ON w.n AS %s TO %s USING %s", one.Name, kind, one.Roles[0], one.Using))
		p.Policies = append(p.Policies, one)
	}
	return p, append(made, "RESET ROLE")
}

// listing is all that is said about who reads a relation.
func listing(s *protection.Server, r *protection.Relation) string {
	var b strings.Builder
	readers, unknown := s.Readers(r)
	for i := range readers {
		fmt.Fprintf(&b, "%s %t %t\n", readers[i].String(), readers[i].Whole, readers[i].Latent)
	}
	for _, u := range unknown {
		fmt.Fprintln(&b, u.Text)
	}
	return b.String()
}
