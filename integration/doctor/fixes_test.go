package doctor

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/proxy/doctor"
)

// sqlLine is a line of a fix that is for psql.
var sqlLine = regexp.MustCompile(`^(ALTER|CREATE|GRANT|REVOKE|REASSIGN|DROP) .*;$`)

// applied runs the SQL of a check's fix, as superuser, and tells whether
// there was any.
func (s *stage) applied(t *testing.T, c doctor.Check) bool {
	t.Helper()
	ran := false
	for line := range strings.Lines(c.Fix) {
		if line = strings.TrimSpace(line); sqlLine.MatchString(line) {
			s.world.Exec(t, "shop", line)
			ran = true
		}
	}
	return ran
}

// findings are the checks of a report that are not in order, by name.
func findings(r *doctor.Report, name string) []doctor.Check {
	return slices.DeleteFunc(slices.Clone(r.Checks), func(c doctor.Check) bool {
		return c.State == doctor.OK || c.Name != name
	})
}

// testFixes types what the doctor says, and asks it again.
func testFixes(t *testing.T, s *stage) {
	for _, one := range slices.Concat(issuers(), groups(), admissions()[:1]) {
		if one.name == "the issuer is a superuser" || one.name == "the group does not exist" {
			continue // the configuration is to be changed too
		}
		one.spoil(t, s)
		s.fixOnce(t, one.name)
		one.mend(t, s)
	}
	s.fixBackstops(t)
}

func (s *stage) fixOnce(t *testing.T, name string) {
	t.Helper()
	fixed := []string{}
	for _, c := range s.examine(t).Checks {
		if c.State == doctor.OK || slices.Contains(elsewhere, c.Name) || c.Name == "hba" && c.State != doctor.Unknown {
			continue
		}
		if !s.applied(t, c) {
			t.Errorf("%s: %s has no SQL in its fix: %s", name, c.Name, c.Fix)
		}
		fixed = append(fixed, c.Name)
	}
	if len(fixed) == 0 {
		t.Errorf("%s: nothing was found", name)
	}
	again := s.examine(t)
	for _, check := range fixed {
		for _, c := range findings(again, check) {
			if c.Name != "hba" || c.State == doctor.Unknown {
				t.Errorf("%s: what the doctor says does not mend it: %s: %s", name, check, c.Evidence)
			}
		}
	}
}

// fixBackstops takes away what PostgreSQL grants to everybody.
func (s *stage) fixBackstops(t *testing.T) {
	t.Helper()
	before := s.examine(t)
	for _, name := range []string{"public.create", "public.functions"} {
		found := findings(before, name)
		if name == "public.functions" && len(found) == 0 {
			t.Error("a new server grants functions that run SQL text to everybody, and the doctor does not see it")
		}
		if name == "public.create" && (len(found) > 0) != (s.world.Version < 15) {
			t.Errorf("PostgreSQL %d, and public.create says %v", s.world.Version, found)
		}
		for _, c := range found {
			s.applied(t, c)
		}
	}
	after := s.examine(t)
	for _, name := range []string{"public.create", "public.functions"} {
		for _, c := range findings(after, name) {
			t.Errorf("what the doctor says does not mend %s: %s", name, c.Evidence)
		}
	}
}
