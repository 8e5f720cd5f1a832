package doctor

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

var cve = regexp.MustCompile(`^CVE-20\d\d-\d{4,}$`)

// The table can be read, and is what its head promises.
func TestKnownHoles(t *testing.T) {
	known := knownHoles()
	seen := map[string]bool{}
	for _, h := range known.list {
		if !cve.MatchString(h.id) || seen[h.id] {
			t.Errorf("%s is no CVE, or there twice", h.id)
		}
		seen[h.id] = true
		for i, v := range h.fixed {
			if v.minor < 1 || i > 0 && h.fixed[i-1].major >= v.major {
				t.Errorf("%s: fixed in %v", h.id, h.fixed)
			}
		}
	}
	for major := oldest; major <= 18; major++ {
		if known.ends[major].IsZero() {
			t.Errorf("the table does not say how long PostgreSQL %d is cared for", major)
		}
	}
	if len(known.list) < 10 || known.asOf.After(time.Now()) {
		t.Errorf("%d holes as of %s", len(known.list), known.asOf)
	}
}

func TestVersions(t *testing.T) {
	known, err := parseHoles(`# a table
as-of 2026-11-27
end 14 2026-11-12
hole CVE-1 older 15.20 14.25 16.16
  bad
hole CVE-2 only 16.18
  worse
`)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		v                       version
		version, holes, support State
		words                   string
	}{
		{version{12, 22}, Problem, Problem, OK, "No fixed version exists"},
		{version{13, 23}, OK, Problem, OK, "No fixed version exists"},
		{version{14, 24}, OK, Problem, Problem, "Install PostgreSQL 14.25"},
		{version{14, 25}, OK, OK, Problem, "as of 2026-11-27"},
		{version{15, 18}, OK, Problem, OK, "Install PostgreSQL 15.20"},
		{version{15, 20}, OK, OK, OK, ""},
		{version{16, 15}, OK, Problem, OK, "Install PostgreSQL 16.18"},
		{version{16, 17}, OK, Problem, OK, "CVE-2: worse"},
		{version{17, 1}, OK, OK, OK, ""},
		{version{19, 0}, Warning, OK, OK, "refuses syntax that came later"},
	} {
		f := &findings{}
		judgeVersion(f, c.v, known, now)
		states := map[string]State{"database.support": OK}
		text := ""
		for _, check := range f.checks {
			states[check.Name] = check.State
			text += check.Evidence + "\n" + check.Fix + "\n"
		}
		if states["database.version"] != c.version || states["database.holes"] != c.holes || states["database.support"] != c.support {
			t.Errorf("%s: %v", c.v, states)
		}
		if !strings.Contains(text, c.words) {
			t.Errorf("%s: %q is not in:\n%s", c.v, c.words, text)
		}
	}
}

func TestParseHolesRefuses(t *testing.T) {
	for _, text := range []string{
		"", "as-of soon\n", "as-of 2026-11-27\nhole CVE-1 older 15.20\n", "as-of 2026-11-27\nhole CVE-1 sometimes 15.20\n  bad\n",
		"as-of 2026-11-27\nhole CVE-1 older 15\n  bad\n", "as-of 2026-11-27\nhole CVE-1 older x.1\n  bad\n", "as-of 2026-11-27\nend x 2026-11-27\n",
		"as-of 2026-11-27\nhole CVE-1 older 1.x\n  bad\n", "as-of 2026-11-27\nsomething\n",
	} {
		if _, err := parseHoles(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

// Today's table says of the servers in this suite what is true of them.
func TestTodaysServers(t *testing.T) {
	for v, fix := range map[version]string{
		{13, 23}: "0.0", {14, 23}: "14.25", {15, 18}: "15.20", {16, 14}: "16.16", {17, 10}: "17.12", {18, 4}: "18.7",
		{15, 20}: "0.0", {18, 7}: "0.0",
	} {
		open, fixed := knownHoles().openIn(v)
		if fixed.String() != fix {
			t.Errorf("PostgreSQL %s is made whole by %s, not %s (%d holes)", v, fixed, fix, len(open))
		}
	}
}
