package destination

import (
	"strings"
	"testing"
)

// Names that cannot be, or that would put something else into the SQL, are
// refused; others are quoted.
func TestSetupNames(t *testing.T) {
	for says, o := range map[string]SetupOptions{
		"keeps for itself":               {Owner: "pg_owner"},
		"cannot be the name of a role":   {Probe: strings.Repeat("x", 64)},
		"is named twice":                 {Carrier: "same", Reactor: "same"},
		"with $ or @":                    {Owner: "a$sluice$ b"},
		"cannot be the name of a datab":  {Database: "a\nb"},
		`"postgres" is a name that`:      {Owner: "postgres"},
		`"a?b" cannot be the name of a `: {Owner: "a\x00b"},
	} {
		if _, err := SetupSQL(o); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%+v: %v, want %q", o, err, says)
		}
		if _, err := TeardownSQL(o); err == nil {
			t.Errorf("%+v: the teardown takes it", o)
		}
	}
	sql, err := SetupSQL(SetupOptions{Owner: `o"x`, Probe: `p'x`, Carrier: `c\x`})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"o""x"`, `'o"x'`, `'p''x'`, `"p'x"`, ` E'c\\x'`, `"sluice_reactor"`} {
		if !strings.Contains(sql, want) {
			t.Errorf("%s is not there", want)
		}
	}
	if strings.Contains(sql, "@") {
		t.Error("a name was not filled in")
	}
}
