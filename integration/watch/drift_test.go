package watch

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/audit/ledger"
	"github.com/sluice-pg/sluice/integration/harness"
)

// mutation is one change by which a place could protect copies less. $table stands for
// the table of its own copy, if it has one, $copy for the id of that.
type mutation struct {
	name string
	// before is done before the copies are looked at, sql is the change.
	before, sql string
	// seen is a part of the evidence, in the copy's drift or in the place's change.
	seen string
	// harm is true if somebody can read more by it, so that the verdict changes.
	harm bool
	// from is the first version that can do it.
	from int
}

// onCopies are changes of what is stored with a copy: each has a copy of its own.
var onCopies = []mutation{
	{name: "GRANT on table", sql: "GRANT SELECT ON $table TO grp", seen: "grp=r"},
	{name: "GRANT column", sql: "GRANT SELECT (email) ON $table TO grp", seen: "column right"},
	{name: "GRANT to PUBLIC", sql: "GRANT SELECT ON $table TO PUBLIC", seen: ",=r/", harm: true},
	{name: "DISABLE RLS", sql: "ALTER TABLE $table DISABLE ROW LEVEL SECURITY", seen: "no row security"},
	{name: "NO FORCE RLS", sql: "ALTER TABLE $table NO FORCE ROW LEVEL SECURITY", seen: "not forced"},
	{name: "policy widened", sql: `ALTER POLICY "sluice_lease_$copy" ON $table USING (true)`, seen: "policy sluice_lease"},
	{name: "new permissive policy", sql: "CREATE POLICY everybody ON $table USING (true)", seen: "policy everybody"},
	{name: "owner changed", sql: "ALTER TABLE $table OWNER TO eve", seen: "owner eve", harm: true},
	{name: "view over it", sql: "CREATE VIEW crm.v AS SELECT * FROM $table", seen: "view crm.v"},
	{name: "GRANT on existing view", before: "CREATE VIEW crm.w AS SELECT * FROM $table", sql: "GRANT SELECT ON crm.w TO an_g", seen: "view crm.w", harm: true},
	{name: "matview copy of it", sql: "CREATE MATERIALIZED VIEW crm.mv AS SELECT * FROM $table", seen: "view crm.mv"},
	{name: secondCopy, sql: "CREATE TABLE crm.second AS SELECT * FROM $table", seen: "has the columns of copy"},
	{name: "trigger on it", sql: "CREATE TRIGGER tr BEFORE INSERT ON $table FOR EACH ROW EXECUTE FUNCTION nothing()", seen: "trigger tr"},
	{name: "publication table", sql: "CREATE PUBLICATION one FOR TABLE $table", seen: "publication one", harm: true},
	{name: "inherit child", sql: "CREATE TABLE crm.child () INHERITS ($table)", seen: "relation"},
	{name: "moved to public schema", sql: "ALTER TABLE $table SET SCHEMA public", seen: "public."},
}

const secondCopy = "CTAS second copy"

// aroundCopies are changes of what is around them.
var aroundCopies = []mutation{
	{name: "role membership GRANT", sql: "GRANT grp TO r10", seen: "membership r10 in grp"},
	{name: "membership in owner", sql: "GRANT sluice_owner TO r11", seen: "r11", harm: true},
	{name: "role SUPERUSER", sql: "ALTER ROLE r12 SUPERUSER", seen: "role r12", harm: true},
	{name: "role BYPASSRLS", sql: "ALTER ROLE r13 BYPASSRLS", seen: "role r13"},
	{name: "role CREATEROLE", sql: "ALTER ROLE r14 CREATEROLE", seen: "role r14"},
	{name: "role LOGIN for group", sql: "ALTER ROLE g15 LOGIN", seen: "role g15"},
	{name: "new role", sql: "CREATE ROLE r16", seen: "role r16"},
	{name: "password removed", sql: "ALTER ROLE r17 PASSWORD NULL", seen: "password r17"},
	{name: "pg_read_all_data", sql: "GRANT pg_read_all_data TO r18", seen: "membership r18", from: 14, harm: true},
	{name: "default privileges", sql: "ALTER DEFAULT PRIVILEGES FOR ROLE eve GRANT SELECT ON TABLES TO PUBLIC", seen: "default rights eve"},
	{name: "SECURITY DEFINER function", sql: "CREATE FUNCTION f24() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'", seen: "security definer function public.f24"},
	{name: "publication all tables", sql: "CREATE PUBLICATION everything FOR ALL TABLES", seen: "publication everything", harm: true},
	{name: "logical slot", sql: "SELECT pg_create_logical_replication_slot('slot28', 'test_decoding')", seen: "replication slot slot28"},
	{name: "foreign server", sql: "CREATE FOREIGN DATA WRAPPER fdw31; CREATE SERVER srv31 FOREIGN DATA WRAPPER fdw31", seen: "foreign server srv31"},
	{name: "event trigger disabled", before: "CREATE FUNCTION ev() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; CREATE EVENT TRIGGER ev32 ON ddl_command_end EXECUTE FUNCTION ev()",
		sql: "ALTER EVENT TRIGGER ev32 DISABLE", seen: "event trigger ev32"},
	{name: "database CONNECT to a role", sql: "GRANT CONNECT ON DATABASE copies TO r33", seen: "database copies"},
	{name: "new db from TEMPLATE", sql: "CREATE DATABASE db34", seen: "database db34"},
	{name: "session config for role", sql: "ALTER ROLE r37 SET search_path = public", seen: "r37"},
	{name: "replica role", sql: "ALTER ROLE r38 REPLICATION", seen: "role r38"},
}

const rolesOfMutations = `CREATE ROLE grp; CREATE ROLE eve LOGIN PASSWORD 'eve in the integration suite'; CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE ROLE app_g; CREATE ROLE g15;` + manyRoles

const manyRoles = `CREATE ROLE r10 LOGIN; CREATE ROLE r11 LOGIN; CREATE ROLE r12 LOGIN; CREATE ROLE r13 LOGIN; CREATE ROLE r14 LOGIN; CREATE ROLE r17 LOGIN PASSWORD 'r17 in the integration suite';
CREATE ROLE r18 LOGIN; CREATE ROLE r33 LOGIN; CREATE ROLE r37 LOGIN; CREATE ROLE r38 LOGIN;`

// detection bounds what the suite demands at default intervals: three times what is
// promised, since machines that run suites have more to do. The log has the figures.
const (
	detection     = 15 * time.Second
	wireDetection = 60 * time.Second
)

func TestDrift(t *testing.T) {
	t.Parallel()
	for _, version := range harness.VersionsOr(t, 15) {
		t.Run(fmt.Sprint(version), func(t *testing.T) { testDrift(t, version) })
	}
}

func testDrift(t *testing.T, version int) {
	s := newStage(t, version, onlyAlerts)
	s.sql(t, rolesOfMutations)
	var tables []string
	for i := range onCopies {
		tables = append(tables, fmt.Sprintf("m%02d", i))
	}
	ids := s.carry(t, append(tables, "schema_of", "goes?expires=1m")...) // the one that goes last, or it is gone before all are there
	for i, m := range onCopies {
		if m.before != "" {
			s.sql(t, strings.ReplaceAll(m.before, "$table", "crm."+tables[i]))
		}
	}
	for _, m := range aroundCopies {
		if m.before != "" {
			s.sql(t, m.before)
		}
	}
	s.well(t)
	time.Sleep(3 * time.Second) // what was done before is seen
	s.costsLittle(t, "while nothing changes", func(int) { time.Sleep(5 * time.Second) })
	s.costsLittle(t, "while leases come and go", func(round int) {
		t.Run("churn", func(t *testing.T) { testChurn(t, s, round) })
	})
	t.Run("on copies", func(t *testing.T) {
		begun := make([]time.Time, len(onCopies))
		for i, m := range onCopies {
			sql := strings.NewReplacer("$table", "crm."+tables[i], "$copy", ids[tables[i]]).Replace(m.sql)
			begun[i] = time.Now()
			s.sql(t, sql)
		}
		for i, m := range onCopies {
			e := s.first(t, begun[i], 20*time.Second, m.name, func(e event) bool {
				d, is := e.body.(*ledger.Drifted)
				// Nobody can tell of which copy it was made: they all have the same columns.
				return is && (d.Copy == ids[tables[i]] || m.name == secondCopy) && inEvidence(d.Evidence, m.seen)
			})
			s.took(t, "T0", m, e.at.Sub(begun[i]), detection)
			if m.harm {
				s.first(t, begun[i], 10*time.Second, "the harm of "+m.name, func(e event) bool {
					d, is := e.body.(*ledger.Drifted)
					return is && d.Copy == ids[tables[i]] && d.Severity != ledger.SeverityLatent
				})
			}
		}
	})
	t.Run("schema", func(t *testing.T) {
		m := mutation{name: "schema USAGE to PUBLIC", seen: "schema crm"}
		began := time.Now()
		s.sql(t, "GRANT USAGE ON SCHEMA crm TO PUBLIC")
		e := s.first(t, began, 20*time.Second, m.name, func(e event) bool {
			d, is := e.body.(*ledger.Drifted)
			return is && d.Copy == ids["schema_of"] && inEvidence(d.Evidence, m.seen)
		})
		s.took(t, "T0", m, e.at.Sub(began), detection)
	})
	t.Run("around copies", func(t *testing.T) {
		begun := make([]time.Time, len(aroundCopies))
		for i, m := range aroundCopies {
			if version >= m.from {
				begun[i] = time.Now()
				for one := range strings.SplitSeq(m.sql, "; ") {
					s.sql(t, one)
				}
			}
		}
		for i, m := range aroundCopies {
			if version < m.from {
				continue
			}
			e := s.first(t, begun[i], 20*time.Second, m.name, func(e event) bool {
				c, is := e.body.(*ledger.Changed)
				return is && slices.ContainsFunc(c.Changes, func(c ledger.Change) bool { return strings.Contains(c.What+" "+c.Is, m.seen) })
			})
			s.took(t, "T1", m, e.at.Sub(begun[i]), detection)
		}
	})
	t.Logf("the last verdict about %d copies took %s", len(s.status(t).Copies), s.status(t).Took)
	t.Run("imitators", func(t *testing.T) { testImitators(t, s) })
	t.Run("password changed", func(t *testing.T) {
		time.Sleep(3 * time.Second)
		before, began := s.status(t).Changes[watchCounters], time.Now()
		s.sql(t, "ALTER ROLE r10 PASSWORD 'another one in the integration suite'; ALTER ROLE r10 PASSWORD 'and another one in the integration suite'")
		for s.status(t).Changes[watchCounters] == before {
			if time.Since(began) > 15*time.Second {
				t.Fatal("no hint")
			}
			time.Sleep(50 * time.Millisecond)
		}
		s.took(t, "CNT", mutation{name: "password changed"}, time.Since(began), detection)
	})
	t.Run("expiry", func(t *testing.T) { testExpiry(t, s, ids["goes"]) })
	t.Run("wire", func(t *testing.T) { testWire(t, s) })
}

// testWire changes who gets in.
func testWire(t *testing.T, s *stage) {
	began := time.Now()
	if err := s.there.SetHBA(t.Context(), append([]string{"host all all 127.0.0.1/32 trust"}, safeHBA...)); err != nil {
		t.Fatal(err)
	}
	server := func(e event) bool {
		m, is := e.body.(*ledger.Measured)
		return is && slices.ContainsFunc(m.Deficits, func(d ledger.Deficit) bool { return d.Code == destinationNoCredential })
	}
	e := s.first(t, began, 70*time.Second, "trust", server)
	s.took(t, "T-1, HBA, WIRE", mutation{name: "hba: trust line + reload"}, e.at.Sub(began), wireDetection)
	changed := s.first(t, began, 10*time.Second, "the rule", func(e event) bool {
		c, is := e.body.(*ledger.Changed)
		return is && slices.ContainsFunc(c.Changes, func(c ledger.Change) bool { return strings.HasPrefix(c.What, "pg_hba.conf") })
	})
	_ = changed
	if err := s.there.SetHBA(t.Context(), safeHBA); err != nil {
		t.Fatal(err)
	}
	began = time.Now()
	s.sql(t, "ALTER SYSTEM SET ssl = off")
	s.sql(t, "SELECT pg_reload_conf()")
	e = s.first(t, began, 70*time.Second, "no TLS", func(e event) bool {
		m, is := e.body.(*ledger.Measured)
		return is && (len(m.Deficits) > 0 && slices.ContainsFunc(m.Deficits, func(d ledger.Deficit) bool { return d.Code == destinationNoTLS }) || len(m.Unknown) > 0)
	})
	s.took(t, "T-1, WIRE", mutation{name: "ALTER SYSTEM ssl off + reload"}, e.at.Sub(began), wireDetection)
}

const (
	watchCounters           = "CNT"
	destinationNoCredential = "no-credential"
	destinationNoTLS        = "no-tls"
)

// took logs how long something took and demands that it is not too long.
func (s *stage) took(t *testing.T, tier string, m mutation, took, most time.Duration) {
	t.Helper()
	t.Logf("%-32s %-16s %5.2f s", m.name, tier, took.Seconds())
	if took > most {
		t.Errorf("%s: %s is more than %s", m.name, took, most)
	}
}

func inEvidence(list []ledger.Evidence, part string) bool {
	return slices.ContainsFunc(list, func(e ledger.Evidence) bool { return strings.Contains(e.What, part) })
}

// testChurn has leases come and go, the proxy's own and those of others, with other
// names in each round.
func testChurn(t *testing.T, s *stage, round int) {
	login := func(i int) string {
		return fmt.Sprintf(`"v-token-app-Abcdefghij%010d-17%08d"`, 100*round+i, i)
	}
	churned := fmt.Sprintf("churned%d", round)
	s.sql(t, "CREATE ROLE "+login(0)+" LOGIN PASSWORD 'x in the integration suite' VALID UNTIL '2099-01-01' IN ROLE app_g")
	time.Sleep(5 * time.Second) // the first of its kind is met
	before, began := len(s.events(t)), time.Now()
	for i := 1; i < 16; i++ {
		s.sql(t, "CREATE ROLE "+login(i)+" LOGIN PASSWORD 'x in the integration suite' VALID UNTIL '2099-01-01' IN ROLE app_g; GRANT CONNECT ON DATABASE copies TO "+login(i))
		if i > 3 {
			s.sql(t, "REVOKE CONNECT ON DATABASE copies FROM "+login(i-3)+"; DROP ROLE "+login(i-3))
		}
		if i == 8 {
			first := s.carry(t, churned)[churned]
			s.carry(t, churned+"?existing=swap")
			s.first(t, began, 10*time.Second, "the end of a copy in whose place another was put", ofCopy("copy.removed", first))
		}
		time.Sleep(200 * time.Millisecond)
	}
	time.Sleep(5 * time.Second)
	for _, e := range s.events(t)[before:] {
		if e.at.After(began) && (e.kind == "place.changed" || e.kind == "copy.drifted" || e.kind == "place.measured") {
			t.Errorf("churn of leases led to %s: %+v", e.kind, e.body)
		}
	}
}

// testImitators has logins that are like those of leases and are none.
func testImitators(t *testing.T, s *stage) {
	imitators := []struct{ name, sql string }{
		{"v-token-probe-Zbcdefghij0123456789-1799999999", " IN ROLE sluice_probe"},
		{"sluice_sluice_watch_abcdefghijklmnop", ""},
		{"v-token-app-Zbcdefghij0123456789-1799999999", " IN ROLE sluice_carrier"},
	}
	began := time.Now()
	for _, i := range imitators {
		s.sql(t, `CREATE ROLE "`+i.name+`" LOGIN PASSWORD 'x in the integration suite' VALID UNTIL '2099-01-01'`+i.sql)
	}
	for _, i := range imitators {
		e := s.first(t, began, 20*time.Second, "the imitator "+i.name, func(e event) bool {
			c, is := e.body.(*ledger.Changed)
			return is && slices.ContainsFunc(c.Changes, func(c ledger.Change) bool { return strings.Contains(c.What, i.name) })
		})
		s.took(t, "LOGIN", mutation{name: "imitates a lease" + i.sql}, e.at.Sub(began), detection)
		s.sql(t, `DROP ROLE "`+i.name+`"`)
	}
}
