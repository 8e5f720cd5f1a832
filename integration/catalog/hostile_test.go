package catalog

import (
	"testing"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/policy/catalog"
)

// Names that a load could fall for if it did not say whose it means.
const hostile = `
CREATE SCHEMA evil;
GRANT USAGE ON SCHEMA evil TO PUBLIC;
CREATE FUNCTION evil.no(a oid, b oid) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'fallen for it'; END $$;
CREATE FUNCTION evil.no(a name, b name) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'fallen for it'; END $$;
CREATE FUNCTION evil.no(a "char", b "char") RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'fallen for it'; END $$;
CREATE FUNCTION evil.no(a text, b text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'fallen for it'; END $$;
CREATE OPERATOR evil.= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = evil.no);
CREATE OPERATOR evil.>= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = evil.no);
CREATE OPERATOR evil.<> (LEFTARG = oid, RIGHTARG = oid, FUNCTION = evil.no);
CREATE OPERATOR evil.= (LEFTARG = name, RIGHTARG = name, FUNCTION = evil.no);
CREATE OPERATOR evil.<> (LEFTARG = name, RIGHTARG = name, FUNCTION = evil.no);
CREATE OPERATOR evil.= (LEFTARG = "char", RIGHTARG = "char", FUNCTION = evil.no);
CREATE OPERATOR evil.<> (LEFTARG = "char", RIGHTARG = "char", FUNCTION = evil.no);
CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.no);
CREATE FUNCTION evil.count() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'fallen for it'; END $$;
CREATE FUNCTION evil.concat(VARIADIC text[]) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'fallen for it'; END $$;
CREATE FUNCTION evil.format_type(oid, int) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'fallen for it'; END $$;
CREATE FUNCTION evil.pg_get_expr(pg_node_tree, oid) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'fallen for it'; END $$;
CREATE FUNCTION evil.current_schemas(boolean) RETURNS name[] LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'fallen for it'; END $$;
CREATE TABLE evil.pg_class (oid oid);
CREATE TABLE evil.pg_proc (oid oid);
CREATE DOMAIN evil.oid AS text;
CREATE DOMAIN evil.text AS bytea;`

// A load reads the same whatever the session's settings are.
func TestSettingsOfTheSessionDoNotMatter(t *testing.T) {
	t.Parallel()
	for _, version := range harness.VersionsOr(t, 15) {
		server := newServer(t, version)
		connect(t, server.SuperuserDSN(database)).must(t, hostile)
		plain := load(t, look(t, server))
		c := look(t, server)
		for _, sql := range []string{
			"SET search_path = evil, app, public, pg_catalog", "SET quote_all_identifiers = on", "SET DateStyle = 'SQL, DMY'", "SET IntervalStyle = iso_8601",
			"SET bytea_output = escape", "SET TimeZone = 'Asia/Tokyo'", "SET extra_float_digits = 0", "SET default_transaction_isolation = 'read committed'",
		} {
			c.must(t, sql)
		}
		odd := load(t, c)
		if odd.Version != plain.Version || odd.Fingerprint != plain.Fingerprint {
			t.Errorf("PostgreSQL %d: with other settings the catalog is another:\n%s", version, difference(describe(plain), describe(odd)))
		}
		if got := c.path(t); len(got) != 3 { // there is no right to use app
			t.Errorf("PostgreSQL %d: the path is %v", version, got)
		}
		if _, err := catalog.ReadHint(t.Context(), c); err != nil {
			t.Error(err)
		}
	}
}

// A body of SQL statements is read, with what it refers to.
func TestAtomicBodies(t *testing.T) {
	t.Parallel()
	for _, version := range harness.VersionsOr(t, 18) {
		server := newServer(t, version)
		connect(t, server.SuperuserDSN(database)).must(t, "CREATE FUNCTION app.mail_of(i bigint) RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT email FROM app.users WHERE id = i; END")
		s := load(t, look(t, server))
		list, found := catalog.Sight{Snapshot: s}.Functions("app", "mail_of")
		if found != catalog.Known {
			t.Fatalf("PostgreSQL %d: app.mail_of is %v", version, found)
		}
		users, f := named(t, s, "app", "users"), list[0]
		if !f.Atomic || f.Body == "" || len(f.Uses) != 2 || f.Uses[1] != (catalog.ColumnID{Relation: users.OID, Num: 2}) {
			t.Errorf("PostgreSQL %d: the function is %+v", version, f)
		}
	}
}
