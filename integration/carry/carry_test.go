package carry

import (
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/integration/harness"
)

func TestCarry(t *testing.T) {
	s := newStage(t, 15, 15)
	t.Run("psql", s.byPsql)
	t.Run("shell", s.byShell)
	t.Run("check", s.check)
	t.Run("queries", s.queries)
	t.Run("roads", s.roads)
	t.Run("refusals", s.refusals)
}

// byPsql copies a table as an engineer does who sits at psql.
func (s *stage) byPsql(t *testing.T) {
	r := s.psql(t, "COPY crm.people TO 'sluice://analytics/crm.people'")
	s.mustBe(t, r, 0, "COPY 2000", "2000 rows", "it expires")
	s.holds(t, "SELECT count(*), count(token), count(*) FILTER (WHERE email LIKE '%@m.invalid'), count(DISTINCT email) FROM crm.people", "2000|0|2000|2000")
	s.holds(t, "SELECT relowner::regrole, relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = 'crm.people'::regclass", "sluice_owner|t|t")
	s.holds(t, "SELECT string_agg(attname, ',' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'crm.people'::regclass AND attnum > 0 AND has_column_privilege('anna', attrelid, attnum, 'SELECT')", "id,email,token,country")
	s.holds(t, "SELECT string_agg(conname, ',' ORDER BY conname) FROM pg_constraint WHERE conrelid = 'crm.people'::regclass", "people_email_check,people_email_key,people_pkey")
	s.holds(t, "SELECT has_table_privilege('public', 'crm.people', 'SELECT')", "f")
	s.holds(t, "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'sluice\\_%'", "0")
	again := s.psql(t, "COPY crm.people TO 'sluice://analytics/crm.people'")
	s.mustBe(t, again, 1, "exists at the destination")
	s.mustBe(t, s.psql(t, "COPY crm.people TO 'sluice://analytics/crm.people?existing=swap'"), 0, "COPY 2000")
}

// byShell copies a whole schema as one set.
func (s *stage) byShell(t *testing.T) {
	r := s.sluice(t, "copy", "--from", "shop", "--to", "analytics", "--schema", "crm", "--existing", "swap", "--reason", "quarterly report")
	s.mustBe(t, r, 0, "crm.orders: 5000 rows", "crm.people: 2000 rows", "it expires")
	s.holds(t, "SELECT count(*) FROM crm.orders o JOIN crm.people p ON p.id = o.person", "5000")
	s.holds(t, "SELECT conname FROM pg_constraint WHERE conrelid = 'crm.orders'::regclass AND contype = 'f'", "orders_person_fkey")
	list := s.operator(t, "copies", "--trail", "trail")
	s.mustBe(t, list, 0, "analytics", "crm.orders", "crm.orders +1  analytics", "  live\n")
}

func (s *stage) check(t *testing.T) {
	r := s.operator(t, "destination", "check", "--config", "sluice.yaml", "analytics")
	s.mustBe(t, r, 0, "analytics keeps to its floor")
}

func (s *stage) mustBe(t *testing.T, r harness.Result, exit int, words ...string) {
	t.Helper()
	text := r.Stdout + r.Stderr
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("%q is not in\n%s", w, text)
		}
	}
	if r.Exit != exit {
		t.Fatalf("%s\n%s", r, s.gate.Log())
	}
}

func (s *stage) holds(t *testing.T, sql, want string) {
	t.Helper()
	if got := s.at(t, sql); got != want {
		t.Errorf("%s\n  gives %s\n  want  %s", sql, got, want)
	}
}
