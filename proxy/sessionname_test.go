package proxy

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestApplicationName(t *testing.T) {
	for _, c := range []struct{ application, user, want string }{
		{"psql", "anna", "psql [sluice anna abcdefghij]"},
		{"", "anna", "[sluice anna abcdefghij]"},
		{strings.Repeat("long", 20), "anna", "longlonglonglonglonglonglonglonglonglo [sluice anna abcdefghij]"},
		{"x", strings.Repeat("ü", 40), "x [sluice " + strings.Repeat("ü", 10) + " abcdefghij]"},
		{strings.Repeat("é", 40), "u", strings.Repeat("é", 20) + " [sluice u abcdefghij]"},
	} {
		got := applicationName(c.application, c.user, "abcdefghijklmnop")
		if got != c.want || len(got) > maxApplicationName || !utf8.ValidString(got) {
			t.Errorf("%q, %q: %q with %d bytes, want %q", c.application, c.user, got, len(got), c.want)
		}
	}
}

// What else the client set is left alone, and so is what the session holds.
func TestNamedParams(t *testing.T) {
	params := []param{{"DateStyle", "ISO"}, {"Application_Name", "psql"}, {"sluice.reason", "T-1"}}
	s := &session{id: "abcdefghijklmnop", startup: &startup{params: params, application: "psql"}, database: &database{}}
	if got := s.namedParams(); got[1].value != "psql" {
		t.Errorf("without Vault: %v", got)
	}
	s.database.config.Credential.Vault = &VaultCredential{}
	s.identity.User = "anna"
	got := s.namedParams()
	if len(got) != 3 || got[1].value != "psql [sluice anna abcdefghij]" || got[0] != params[0] || got[2] != params[2] {
		t.Errorf("%v", got)
	}
	if params[1].value != "psql" {
		t.Error("the session's own parameters were changed")
	}
	s.startup = &startup{}
	if got := s.namedParams(); len(got) != 1 || got[0] != (param{"application_name", "[sluice anna abcdefghij]"}) {
		t.Errorf("%v", got)
	}
}
