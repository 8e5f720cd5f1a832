package gate

import (
	"fmt"
	"testing"
)

// emptyPolicy allows everyday work only.
const emptyPolicy = "version: 1\n"

// A setting is judged alike whether it is given by SET or at the start of the
// session, there by name or inside options.
func TestSettingsOnEveryRoad(t *testing.T) {
	p := startPlace(t, setup{policy: emptyPolicy})
	c := p.connect(t, "")
	for _, s := range []struct{ name, value string }{
		{"application_name", "caf\xe9"},
		{"app.tenant", "other"},
		{"request.jwt.claims", "{}"},
		{"plpgsql.variable_conflict", "error"},
		{"search_path", "pg_temp, public"},
		{"statement_timeout", "5000"},
		{"DateStyle", "ISO"},
		{"TimeZone", "Europe/Berlin"},
		{"extra_float_digits", "3"},
		{"work_mem", "8MB"},
		{"row_security", "off"},
		{"session_replication_role", "origin"},
		{"lo_compat_privileges", "off"},
		{"temp_tablespaces", "pg_default"},
		{"log_statement", "none"},
		{"track_activities", "off"},
		{"debug_print_plan", "on"},
		{"exit_on_error", "on"},
		{"backslash_quote", "on"},
		{"client_encoding", "LATIN1"},
		{"default_transaction_read_only", "on"},
		{"sluice.reason", "a ticket"},
		{"trace_notify", "on"},
		{"update_process_title", "off"},
		{"quote_all_identifiers", "on"},
		{"bytea_output", "escape"},
		{"lc_messages", "C"},
		{"allow_system_table_mods", "on"},
	} {
		if s.value == "caf\xe9" {
			if err := tryOnce(p, s.name+"='"+s.value+"'"); err != nil {
				t.Errorf("a name in another encoding: %v", err)
			}
			continue
		}
		bySet := code(run(t, c, fmt.Sprintf("SET %s TO '%s'", s.name, s.value))) == "42501"
		byOptions := code(tryOnce(p, fmt.Sprintf(`options='-c %s=%s'`, s.name, escapeOption(s.value)))) == "42501"
		byKey := code(tryOnce(p, fmt.Sprintf("%s='%s'", s.name, s.value))) == "42501"
		if bySet && !(byOptions && byKey) {
			t.Errorf("%s: SET is refused; given at the start it is not (options %v, key %v)", s.name, byOptions, byKey)
		}
	}
}

func escapeOption(value string) string {
	out := ""
	for _, r := range value {
		if r == ' ' {
			out += `\\` // the connection string takes one
		}
		out += string(r)
	}
	return out
}

func tryOnce(p *place, extra string) error {
	c, err := p.try(extra)
	if err == nil {
		c.Conn().Close()
	}
	return err
}
