package protection

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/policy/protection"
)

// Names that a load could fall for if it did not say whose it means.
const hostile = `
CREATE SCHEMA evil;
GRANT USAGE ON SCHEMA evil TO PUBLIC;
CREATE FUNCTION evil.no(a oid, b oid) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'fallen for it'; END $$;
CREATE FUNCTION evil.no(a name, b name) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'fallen for it'; END $$;
CREATE FUNCTION evil.no(a "char", b "char") RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'fallen for it'; END $$;
CREATE FUNCTION evil.no(a text, b text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'fallen for it'; END $$;
CREATE FUNCTION evil.no(a int, b int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'fallen for it'; END $$;
CREATE FUNCTION evil.no(a int2, b int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'fallen for it'; END $$;
CREATE OPERATOR evil.= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = evil.no);
CREATE OPERATOR evil.>= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = evil.no);
CREATE OPERATOR evil.< (LEFTARG = oid, RIGHTARG = oid, FUNCTION = evil.no);
CREATE OPERATOR evil.<> (LEFTARG = oid, RIGHTARG = oid, FUNCTION = evil.no);
CREATE OPERATOR evil.= (LEFTARG = name, RIGHTARG = name, FUNCTION = evil.no);
CREATE OPERATOR evil.<> (LEFTARG = name, RIGHTARG = name, FUNCTION = evil.no);
CREATE OPERATOR evil.= (LEFTARG = "char", RIGHTARG = "char", FUNCTION = evil.no);
CREATE OPERATOR evil.<> (LEFTARG = "char", RIGHTARG = "char", FUNCTION = evil.no);
CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.no);
CREATE OPERATOR evil.= (LEFTARG = int, RIGHTARG = int, FUNCTION = evil.no);
CREATE OPERATOR evil.> (LEFTARG = int2, RIGHTARG = int, FUNCTION = evil.no);
CREATE FUNCTION evil.concat(VARIADIC text[]) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'fallen for it'; END $$;
CREATE FUNCTION evil.string_agg(text, text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'fallen for it'; END $$;
CREATE FUNCTION evil.pg_get_expr(pg_node_tree, oid) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'fallen for it'; END $$;
CREATE FUNCTION evil.aclexplode(aclitem[]) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'fallen for it'; END $$;
CREATE TABLE evil.pg_class (oid oid);
CREATE TABLE evil.pg_proc (oid oid);
CREATE DOMAIN evil.oid AS text;
CREATE DOMAIN evil.text AS bytea;`

var conditions = regexp.MustCompile(`only rows where .*\): `)

// A load says the same whatever the session's search_path holds, except for how
// conditions are written: those are only the same if it is.
func TestSearchPathDoesNotMatter(t *testing.T) {
	t.Parallel()
	for _, version := range harness.VersionsOr(t, 15) {
		server := newServer(t, version)
		c := root(t, server, database)
		c.must(t, sourceSchema+hostile)
		plain, odd := look(t, server, database), look(t, server, database)
		odd.must(t, "SET search_path = evil, app, public, pg_catalog")
		s, o := load(t, plain), load(t, odd)
		for _, name := range []string{"app.users", "app.events", "app.employee"} {
			a, b := conditions.ReplaceAllString(listing(s, relation(t, s, name)), ""), conditions.ReplaceAllString(listing(o, relation(t, o, name)), "")
			if a != b || a == "" {
				t.Errorf("PostgreSQL %d, %s:\n%s\nand with another search_path\n%s", version, name, a, b)
			}
		}
	}
}

// What statements do to those who can read a relation: each line of SQL runs
// after the ones before, and leaves the readers named, at the least effort.
func TestRightsBesideTables(t *testing.T) {
	t.Parallel()
	type step struct{ sql, want string }
	steps := []step{
		{"CREATE ROLE owner1 NOLOGIN; CREATE ROLE ann LOGIN; CREATE ROLE ben LOGIN; CREATE SCHEMA s AUTHORIZATION owner1; CREATE TABLE s.t (a int, b int); ALTER TABLE s.t OWNER TO owner1", ""},
		{"GRANT SELECT ON s.t TO ann", ""}, // no USAGE on the schema
		{"GRANT USAGE ON SCHEMA s TO ann", "ann:0"},
		{"REVOKE CONNECT ON DATABASE shop FROM PUBLIC", ""},
		{"GRANT CONNECT ON DATABASE shop TO ann", "ann:0"},
		{"ALTER ROLE ben REPLICATION", "ann:0 ben:3"}, // needs no CONNECT
		{"ALTER ROLE ben NOREPLICATION; GRANT pg_read_server_files TO ben", "ann:0 ben:3"},
		{"REVOKE pg_read_server_files FROM ben; GRANT EXECUTE ON FUNCTION pg_read_file(text) TO ben", "ann:0 ben:3"},
		{"REVOKE EXECUTE ON FUNCTION pg_read_file(text) FROM ben; GRANT CONNECT ON DATABASE shop TO ben; GRANT owner1 TO ben", "ann:0 ben:0"},
		{"REVOKE SELECT ON s.t FROM owner1", "ann:0 ben:2"}, // an owner can grant it again
		{"REVOKE owner1 FROM ben; GRANT TRIGGER ON s.t TO ben; GRANT USAGE ON SCHEMA s TO ben", "ann:0 ben:2"},
		{"REVOKE TRIGGER ON s.t FROM ben; GRANT INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES ON s.t TO ben", "ann:0"},
		{"ALTER TABLE s.t ENABLE ROW LEVEL SECURITY", ""}, // no policy, no row
		{"ALTER ROLE ann BYPASSRLS", "ann:0"},
		{"ALTER ROLE ann NOBYPASSRLS; CREATE POLICY p ON s.t TO ben USING (a = 1)", ""},
		{"GRANT ben TO ann", "ann:0"}, // policies follow inherited rights
		{"REVOKE ben FROM ann; ALTER POLICY p ON s.t TO PUBLIC", "ann:0"},
	}
	for _, version := range harness.VersionsOr(t, 15, 18) {
		server := newServer(t, version)
		c := root(t, server, database)
		for _, s := range steps {
			c.must(t, s.sql)
			if got := least(load(t, c), "s.t", "ann", "ben"); got != s.want {
				t.Errorf("PostgreSQL %d, after %s: %q, want %q", version, s.sql, got, s.want)
			}
		}
		if version >= 17 {
			c.must(t, "GRANT MAINTAIN ON s.t TO ben; ALTER POLICY p ON s.t USING (false)")
			if got := least(load(t, c), "s.t", "ann", "ben"); got != "" {
				t.Errorf("PostgreSQL %d: MAINTAIN lets read: %q", version, got)
			}
		}
	}
}

// least lists the roles among some that read a relation, with their efforts.
func least(s *protection.Server, name string, roles ...string) string {
	schema, bare, _ := strings.Cut(name, ".")
	r, found := s.Relation(schema, bare)
	if !found {
		return "no relation"
	}
	best := map[string]protection.Effort{}
	readers, _ := s.Readers(r)
	for _, reader := range readers {
		if e, known := best[reader.Role]; slices.Contains(roles, reader.Role) && (!known || reader.Effort < e) {
			best[reader.Role] = reader.Effort
		}
	}
	var out []string
	for role, effort := range best {
		out = append(out, role+":"+string('0'+rune(effort)))
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}
