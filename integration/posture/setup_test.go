package posture

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
	"github.com/sluice-pg/sluice/policy/destination"
)

// rightsOfOthers is everything that anybody but the four groups may do, as far
// as ACLs, memberships and attributes tell.
const rightsOfOthers = `
WITH acl(what, a) AS (
  SELECT 'database ' || datname, COALESCE(datacl, acldefault('d', datdba)) FROM pg_database
  UNION ALL SELECT 'schema ' || nspname, COALESCE(nspacl, acldefault('n', nspowner)) FROM pg_namespace WHERE nspname !~ '^pg_t'
  UNION ALL SELECT 'relation ' || oid::regclass, COALESCE(relacl, acldefault('r', relowner)) FROM pg_class WHERE relkind IN ('r','v','S','m','p','f')
  UNION ALL SELECT 'function ' || oid::regprocedure, COALESCE(proacl, acldefault('f', proowner)) FROM pg_proc)
SELECT line FROM (
  SELECT concat_ws(' ', what, CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(x.grantee) END, x.privilege_type, x.is_grantable) AS line
  FROM acl, aclexplode(a) x WHERE x.grantee = 0 OR pg_get_userbyid(x.grantee) !~ '^sluice_'
  UNION ALL SELECT concat_ws(' ', 'member', pg_get_userbyid(roleid), pg_get_userbyid(member)) FROM pg_auth_members WHERE pg_get_userbyid(member) !~ '^sluice_'
  UNION ALL SELECT concat_ws(' ', 'role', rolname, rolsuper, rolcreaterole, rolcanlogin, rolreplication, rolbypassrls, rolcreatedb) FROM pg_roles WHERE rolname !~ '^sluice_'
) s ORDER BY 1`

// The setup can be run by psql, again and again; what it makes does what it is
// for; nobody else gains anything but to see until when copies may be read; and
// the teardown leaves nothing.
func TestSetup(t *testing.T) {
	t.Parallel()
	for _, version := range versions(t) {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			s := start(t, version, pgserver.Options{TLS: true, InitSQL: []string{"CREATE ROLE bystander LOGIN"}})
			before := s.rights(t)
			s.setup(t, destination.SetupOptions{Database: database})
			after := s.rights(t)
			again := s.inside(t)
			s.setup(t, destination.SetupOptions{Database: database})
			if digest := s.inside(t).Digest(); digest != again.Digest() {
				t.Error("running the setup again changed something")
			}
			want := []string{"relation sluice.lease PUBLIC SELECT f", "schema sluice PUBLIC USAGE f"}
			for _, line := range difference(after, before) {
				switch {
				case strings.Contains(line, " postgres "): // the superuser owns what it made
				case len(want) > 0 && line == want[0]:
					want = want[1:]
				default:
					t.Errorf("PostgreSQL %d: somebody gained: %s", version, line)
				}
			}
			if len(want) > 0 {
				t.Errorf("PostgreSQL %d: missing %q", version, want)
			}
			if lost := difference(before, after); len(lost) > 0 {
				t.Errorf("PostgreSQL %d: somebody lost %q", version, lost)
			}
			s.checkGroups(t)
			s.checkTeardown(t, before)
		})
	}
}

// checkGroups shows that each group can do what it is for and no more.
func (s *server) checkGroups(t *testing.T) {
	carrier := s.login(t, "load_1", "sluice_carrier")
	for _, sql := range []string{
		"SET ROLE sluice_owner", "CREATE SCHEMA staging_1", "CREATE TABLE staging_1.t (a int)",
		"INSERT INTO sluice.lease VALUES ('a', now())", "RESET ROLE",
		"UPDATE sluice.lease SET valid_until = now()", "DELETE FROM sluice.lease",
		"SET ROLE sluice_owner", "DROP SCHEMA staging_1 CASCADE", "RESET ROLE",
	} {
		carrier.must(t, sql)
	}
	if f := s.insideAs(t, carrier); !f.HBA.Known || !f.Verifiers.Known {
		t.Errorf("PostgreSQL %d: the carrier cannot measure: %s, %s", s.version, f.HBA.Evidence, f.Verifiers.Evidence)
	}
	reactor := s.login(t, "close_1", "sluice_reactor")
	reactor.must(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'load_1'")
	prober := s.login(t, "look_1", "sluice_probe")
	bystander := s.login(t, "passer_1", "")
	for name, q := range map[string]querier{"probe": prober, "bystander": bystander} {
		for _, sql := range []string{
			"SET ROLE sluice_owner", "CREATE SCHEMA mine", "SELECT rolpassword FROM pg_authid",
			"INSERT INTO sluice.lease VALUES ('x', now())", "CREATE TABLE sluice.t ()", "SELECT pg_read_file('PG_VERSION')",
		} {
			if err := q.Query(t.Context(), sql, func([][]byte) error { return nil }); err == nil {
				t.Errorf("PostgreSQL %d: %s can: %s", s.version, name, sql)
			}
		}
	}
	for _, sql := range []string{"SELECT * FROM sluice.role_secret_kind", "SELECT * FROM pg_hba_file_rules"} {
		if err := bystander.Query(t.Context(), sql, func([][]byte) error { return nil }); err == nil {
			t.Errorf("PostgreSQL %d: a bystander can: %s", s.version, sql)
		}
	}
	if s.version >= 16 {
		if err := carrier.Query(t.Context(), "SET ROLE sluice_probe", func([][]byte) error { return nil }); err == nil {
			t.Errorf("PostgreSQL %d: the carrier can become the probe", s.version)
		}
	}
	for _, name := range []string{"load_1", "close_1", "look_1", "passer_1"} {
		s.exec(t, "DROP ROLE "+name)
	}
}

// checkTeardown shows that copies keep the teardown from happening, and that
// nothing is left of it otherwise.
func (s *server) checkTeardown(t *testing.T, before []string) {
	sql, err := destination.TeardownSQL(destination.SetupOptions{Database: database})
	if err != nil {
		t.Fatal(err)
	}
	s.exec(t, "SET ROLE sluice_owner; CREATE SCHEMA copied; CREATE TABLE copied.t (a int)")
	if said := s.psql(t, sql, 3); !strings.Contains(said, "there are still copies or parts of them") || !strings.Contains(said, "copied.t") {
		t.Errorf("PostgreSQL %d: %s", s.version, said)
	}
	s.exec(t, "DROP SCHEMA copied CASCADE")
	s.psql(t, sql, 0)
	s.psql(t, sql, 0)
	if left := difference(s.rights(t), before); len(left) > 0 {
		t.Errorf("PostgreSQL %d: the teardown leaves %q", s.version, left)
	}
	rows, err := s.Query(t.Context(), database, "SELECT rolname FROM pg_roles WHERE rolname LIKE 'sluice%'")
	if err != nil || len(rows) > 0 {
		t.Errorf("PostgreSQL %d: the teardown leaves roles %v (%v)", s.version, rows, err)
	}
}

// The setup refuses what it must not touch, and then changes nothing.
func TestSetupRefuses(t *testing.T) {
	t.Parallel()
	for _, version := range versions(t) {
		s := start(t, version, pgserver.Options{})
		sql, err := destination.SetupSQL(destination.SetupOptions{Database: database})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct{ before, after, says string }{
			{"CREATE ROLE sluice_probe LOGIN", "DROP ROLE sluice_probe", "there is a role sluice_probe already that can log in"},
			{
				"CREATE ROLE sluice_owner; CREATE ROLE mallory LOGIN; GRANT sluice_owner TO mallory", "DROP ROLE sluice_owner; DROP ROLE mallory",
				"mallory is a member of sluice_owner, and would be able to read every copy",
			},
			{"CREATE SCHEMA sluice", "DROP SCHEMA sluice", "there is a schema sluice already that belongs to postgres"},
		} {
			s.exec(t, c.before)
			before := s.rights(t)
			if said := s.psql(t, sql, 3); !strings.Contains(said, c.says) {
				t.Errorf("PostgreSQL %d: %s does not say %s", version, said, c.says)
			}
			if changed := difference(s.rights(t), before); len(changed) > 0 {
				t.Errorf("PostgreSQL %d: a refused setup changed %q", version, changed)
			}
			s.exec(t, c.after)
		}
		other, err := destination.SetupSQL(destination.SetupOptions{Database: "another"})
		if err != nil {
			t.Fatal(err)
		}
		if said := s.psql(t, other, 3); !strings.Contains(said, "this is for the database another, and you are in copies") {
			t.Errorf("PostgreSQL %d: %s", version, said)
		}
		s.checkTwoDatabases(t, sql)
		if _, err := s.Query(t.Context(), database, "SET ROLE pg_monitor; "+sql); err == nil || !strings.Contains(err.Error(), "superuser") {
			t.Errorf("PostgreSQL %d: somebody who is no superuser: %v", version, err)
		}
	}
}

// checkTwoDatabases shows that the groups, which belong to a whole server, stay
// for as long as one of its databases needs them.
func (s *server) checkTwoDatabases(t *testing.T, sql string) {
	s.exec(t, "CREATE DATABASE second")
	second, err := destination.SetupSQL(destination.SetupOptions{Database: "second"})
	if err != nil {
		t.Fatal(err)
	}
	s.psql(t, sql, 0)
	s.psqlIn(t, "second", second, 0)
	teardown, err := destination.TeardownSQL(destination.SetupOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if said := s.psql(t, teardown, 0); !strings.Contains(said, "the role sluice_probe is kept: other databases need it") {
		t.Errorf("PostgreSQL %d: %s", s.version, said)
	}
	if !s.hasGroups(t) {
		t.Errorf("PostgreSQL %d: a database lost the groups that it needs", s.version)
	}
	s.psqlIn(t, "second", second, 0)
	if said := s.psqlIn(t, "second", teardown, 0); strings.Contains(said, "is kept") || s.hasGroups(t) {
		t.Errorf("PostgreSQL %d: groups are left: %s", s.version, said)
	}
}

func (s *server) hasGroups(t *testing.T) bool {
	t.Helper()
	rows, err := s.Query(t.Context(), database, "SELECT rolname FROM pg_roles WHERE rolname LIKE 'sluice\\_%'")
	if err != nil {
		t.Fatal(err)
	}
	return len(rows) > 0
}

// Names that need quotes work, and the right to keep logs quiet is given.
func TestSetupNames(t *testing.T) {
	t.Parallel()
	for _, version := range versions(t) {
		s := start(t, version, pgserver.Options{})
		o := destination.SetupOptions{Owner: `Own"er`, Probe: "look'er", Carrier: "car rier", Reactor: `re\actor`, QuietLogs: true}
		s.setup(t, o)
		s.setup(t, o)
		rows, err := s.Query(t.Context(), database, `SELECT r.rolname, pg_has_role(r.oid, o.oid, 'MEMBER') FROM pg_roles r, pg_roles o
			WHERE o.rolname = 'Own"er' AND r.rolname IN ('car rier', E're\\actor', 'look''er') ORDER BY 1`)
		if err != nil || fmt.Sprint(rows) != `[[car rier t] [look'er f] [re\actor t]]` {
			t.Errorf("PostgreSQL %d: %v (%v)", version, rows, err)
		}
		if version >= 15 {
			s.exec(t, `SET ROLE "car rier"; SET log_min_error_statement = panic; SET log_error_verbosity = terse; SET log_statement = none`)
		}
		teardown, err := destination.TeardownSQL(o)
		if err != nil {
			t.Fatal(err)
		}
		s.psql(t, teardown, 0)
	}
}

func (s *server) rights(t *testing.T) []string {
	t.Helper()
	rows, err := s.Query(t.Context(), database, rightsOfOthers)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, r := range rows {
		lines = append(lines, r[0])
	}
	return lines
}

// difference are the lines of one list that are not in another.
func difference(list, without []string) []string {
	there := map[string]bool{}
	for _, line := range without {
		there[line] = true
	}
	var out []string
	for _, line := range list {
		if !there[line] {
			out = append(out, line)
		}
	}
	return out
}
