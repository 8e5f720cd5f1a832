package posture

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
	"github.com/sluice-pg/sluice/policy/destination"
)

// radiusSecret stands in pg_hba.conf, and the server shows it in its view.
const radiusSecret = "shared-with-radius"

// interior is a server with one of everything that is asked for.
var interior = []string{
	"CREATE ROLE grp NOLOGIN", "CREATE ROLE app LOGIN PASSWORD '" + password + "' IN ROLE grp",
	"SET password_encryption = 'md5'; CREATE ROLE old LOGIN PASSWORD '" + password + "'",
	"SET password_encryption = 'md5'; CREATE ROLE guess LOGIN PASSWORD 'guess'",
	"CREATE ROLE maker LOGIN CREATEROLE BYPASSRLS REPLICATION", "GRANT pg_read_server_files TO app",
	"CREATE TABLE t (a int, owner text)", "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
	"CREATE POLICY soft ON t USING (owner = current_setting('app.user'))",
	"CREATE POLICY hard ON t USING (owner = current_user)",
	"CREATE PUBLICATION everything FOR ALL TABLES",
	"ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC",
	"ALTER ROLE app SET log_statement = 'all'", "ALTER ROLE app SET app.token = '" + password + "'",
	"CREATE FUNCTION ev() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'",
	"CREATE EVENT TRIGGER watcher ON ddl_command_end EXECUTE FUNCTION ev()",
	"CREATE FOREIGN DATA WRAPPER w", "CREATE SERVER far FOREIGN DATA WRAPPER w OPTIONS (host 'far.example', secret '" + password + "')",
	"SELECT pg_create_physical_replication_slot('standby')",
	"GRANT EXECUTE ON FUNCTION pg_read_file(text) TO app",
}

// What the probe sees is what is there; what an ordinary role cannot see is
// unknown and says which right is missing; and no secret is in the facts.
func TestInside(t *testing.T) {
	t.Parallel()
	for _, version := range versions(t) {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			s := start(t, version, pgserver.Options{TLS: true, InitSQL: interior, HBA: []string{
				"hostssl all all 127.0.0.1/32 scram-sha-256", `hostssl all,"odd db" +grp,"b,c" 10.0.0.0/8 radius radiusservers="127.0.0.1" radiussecrets=` + radiusSecret,
			}})
			ordinary := s.insideAs(t, s.login(t, "plain", ""))
			s.setup(t, destination.SetupOptions{})
			probe := s.insideAs(t, s.login(t, "look", "sluice_probe"))
			checkOrdinary(t, version, ordinary)
			checkProbe(t, version, probe)
			checkSame(t, version, probe, s.inside(t))
			for who, f := range map[string]*destination.Facts{"an ordinary role": ordinary, "the probe": probe} {
				text, err := json.Marshal(f)
				if err != nil || strings.Contains(string(text), password) || strings.Contains(string(text), radiusSecret) {
					t.Errorf("PostgreSQL %d: what %s sees holds a secret (%v)", version, who, err)
				}
			}
		})
	}
}

func checkOrdinary(t *testing.T, version int, f *destination.Facts) {
	for what, known := range map[string]bool{"rules": f.HBA.Known, "verifiers": f.Verifiers.Known, "files": f.FileErrors.Known, "ident maps": f.IdentMaps.Known} {
		if known {
			t.Errorf("PostgreSQL %d: an ordinary role knows the %s", version, what)
		}
	}
	if f.HBA.Evidence != "role plain has no right to pg_hba_file_rules" || f.Verifiers.Evidence != "sluice.role_secret_kind does not exist" {
		t.Errorf("PostgreSQL %d: reasons %q and %q", version, f.HBA.Evidence, f.Verifiers.Evidence)
	}
	if s := f.Settings["shared_preload_libraries"]; s.Known || !strings.Contains(s.Evidence, "hides it from role plain") {
		t.Errorf("PostgreSQL %d: shared_preload_libraries is %+v", version, s)
	}
	if !f.SystemIdentifier.Known || !f.Roles.Known {
		t.Errorf("PostgreSQL %d: what everybody may know is not known: %+v", version, f.SystemIdentifier)
	}
}

func checkProbe(t *testing.T, version int, f *destination.Facts) {
	if !f.HBA.Known || !f.Verifiers.Known || !f.FileErrors.Known || f.IdentMaps.Known != (version >= 15) {
		t.Errorf("PostgreSQL %d: the probe does not know: %s, %s, %s, %s", version, f.HBA.Evidence, f.Verifiers.Evidence, f.FileErrors.Evidence, f.IdentMaps.Evidence)
	}
	if f.Vantage.TLS == "" || f.Vantage.Role != "look" || f.Vantage.Database != database || f.Vantage.ClientAddress != "127.0.0.1" {
		t.Errorf("PostgreSQL %d: vantage %+v", version, f.Vantage)
	}
	kinds := map[string]string{}
	for _, v := range f.Verifiers.Value {
		kinds[v.Role] = fmt.Sprint(v.Kind, v.Iterations, v.NameIsPassword)
	}
	for role, want := range map[string]string{"app": "scram-sha-2564096false", "old": "md50false", "guess": "md50true", "maker": "none0false"} {
		if strings.ReplaceAll(kinds[role], " ", "") != want {
			t.Errorf("PostgreSQL %d: verifier of %s is %q, want %q", version, role, kinds[role], want)
		}
	}
	rules := f.HBA.Value.Rules
	last := rules[len(rules)-1]
	if !slices.Equal(last.Databases, []string{"all", "odd db"}) || !slices.Equal(last.Users, []string{"+grp", "b,c"}) || last.Netmask != "255.0.0.0" ||
		!slices.Contains(last.Options, "radiussecrets=(set)") {
		t.Errorf("PostgreSQL %d: rule %+v", version, last)
	}
	var set []string
	for _, r := range f.RoleSettings.Value {
		set = append(set, r.Role+" "+r.Name+"="+r.Value)
	}
	if !slices.Equal(set, []string{"app app.token=", "app log_statement=all"}) {
		t.Errorf("PostgreSQL %d: settings of roles %q", version, set)
	}
	if len(f.SoftPolicies.Value) != 1 || f.SoftPolicies.Value[0].Name != "soft" || len(f.Slots.Value) != 1 || len(f.Publications.Value) != 1 ||
		!f.Publications.Value[0].AllTables || len(f.EventTriggers.Value) != 1 || f.ForeignServers.Value[0].Host != "far.example" ||
		len(f.OpenFiles.Value) == 0 || !slices.ContainsFunc(f.DefaultACLs.Value, func(d destination.DefaultACL) bool { return d.Grantee == "" && d.Type == "r" }) {
		t.Errorf("PostgreSQL %d: %+v %+v %+v %+v %+v %+v", version, f.SoftPolicies, f.Slots, f.Publications, f.EventTriggers, f.ForeignServers, f.OpenFiles)
	}
	for name, s := range f.Settings {
		if !s.Known && s.Evidence != "the server has no such setting" {
			t.Errorf("PostgreSQL %d: the probe does not see %s: %s", version, name, s.Evidence)
		}
	}
}

// checkSame shows that the probe misses nothing that a superuser sees.
func checkSame(t *testing.T, version int, probe, root *destination.Facts) {
	left, right := *probe, *root
	left.Settings, right.Settings = nil, nil
	left.Vantage, right.Vantage = destination.Vantage{}, destination.Vantage{}
	if left.Digest() != right.Digest() {
		a, _ := json.MarshalIndent(left, "", " ")
		b, _ := json.MarshalIndent(right, "", " ")
		for i, line := range difference(strings.Split(string(b), "\n"), strings.Split(string(a), "\n")) {
			if i < 20 {
				t.Errorf("PostgreSQL %d: only a superuser sees %s", version, line)
			}
		}
	}
}

// The facts are those of the transaction that asks, before it ends.
func TestInsideATransaction(t *testing.T) {
	t.Parallel()
	for _, version := range versions(t) {
		s := start(t, version, pgserver.Options{})
		q := connect(t, s.SuperuserDSN(database))
		before := s.insideAs(t, q).Digest()
		q.must(t, "BEGIN")
		q.must(t, "CREATE ROLE intruder SUPERUSER LOGIN")
		during := s.insideAs(t, q)
		if during.Digest() == before || !slices.ContainsFunc(during.Roles.Value, func(r destination.Role) bool { return r.Name == "intruder" && r.Superuser }) {
			t.Errorf("PostgreSQL %d: what the transaction did is not seen", version)
		}
		q.must(t, "ROLLBACK")
		if after := s.insideAs(t, q).Digest(); after != before {
			t.Errorf("PostgreSQL %d: the same facts have another digest", version)
		}
		// Nothing that the session set for itself is taken for the server's.
		q.must(t, "SET log_statement = 'all'")
		if f := s.insideAs(t, q).Settings["log_statement"]; !f.Known || f.Value.Value != "none" {
			t.Errorf("PostgreSQL %d: log_statement is %+v", version, f)
		}
		// A role without rights ends no transaction.
		q.must(t, "CREATE ROLE nobody; BEGIN; SET LOCAL ROLE nobody")
		s.insideAs(t, q)
		q.must(t, "SELECT 1")
	}
}

// A server cannot put its own operators and functions in front.
func TestInsideHostilePath(t *testing.T) {
	t.Parallel()
	for _, version := range versions(t) {
		s := start(t, version, pgserver.Options{InitSQL: []string{
			`CREATE FUNCTION public.no(name, name) RETURNS bool LANGUAGE sql AS 'SELECT false'`,
			`CREATE OPERATOR public.= (LEFTARG = name, RIGHTARG = name, FUNCTION = public.no)`,
			`CREATE FUNCTION public.no(oid, oid) RETURNS bool LANGUAGE sql AS 'SELECT false'`,
			`CREATE OPERATOR public.= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = public.no)`,
			`CREATE FUNCTION public.no(text, text) RETURNS bool LANGUAGE sql AS 'SELECT false'`,
			`CREATE OPERATOR public.= (LEFTARG = text, RIGHTARG = text, FUNCTION = public.no)`,
			`CREATE VIEW public.pg_roles AS SELECT 1 AS one`, `CREATE VIEW public.pg_settings AS SELECT 1 AS one`,
		}})
		q := connect(t, s.SuperuserDSN(database))
		want := s.insideAs(t, q).Digest()
		q.must(t, "SET search_path = public, pg_catalog")
		if got := s.insideAs(t, q).Digest(); got != want {
			t.Errorf("PostgreSQL %d: a hostile search_path changes the facts", version)
		}
	}
}
