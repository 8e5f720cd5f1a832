package catalog

import (
	"testing"
	"time"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/policy/catalog"
)

// noticed are changes after which a snapshot is old.
var noticed = []string{
	"CREATE TABLE app.fresh (a int)",
	"ALTER TABLE app.fresh ADD COLUMN b int",
	"ALTER TABLE app.fresh RENAME COLUMN b TO c",
	"ALTER TABLE app.fresh DROP COLUMN c",
	"ALTER TABLE app.fresh RENAME TO renamed",
	"ALTER TABLE app.renamed ALTER a SET DEFAULT 3",
	"ALTER TABLE app.renamed ALTER a SET DEFAULT 4",
	"ALTER TABLE app.renamed ALTER a TYPE text",
	"ALTER TABLE app.renamed SET SCHEMA public",
	"DROP TABLE public.renamed; CREATE TABLE public.renamed (a text)",
	"CREATE OR REPLACE VIEW app.mails_too AS SELECT email FROM app.users",
	"COMMENT ON COLUMN app.users.note IS 'class:other'",
	"COMMENT ON COLUMN app.users.note IS 'class:another'",
	"COMMENT ON COLUMN app.users.note IS NULL",
	"CREATE OR REPLACE FUNCTION app.price(n numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT n * 3'",
	"ALTER FUNCTION app.price(numeric) SECURITY DEFINER",
	"CREATE TRIGGER other BEFORE DELETE ON app.users FOR EACH ROW EXECUTE FUNCTION app.stamp()",
	"ALTER TABLE app.users DISABLE TRIGGER other",
	"DROP TRIGGER other ON app.users",
	"CREATE POLICY other ON app.users USING (true)",
	"ALTER POLICY other ON app.users USING (false)",
	"ALTER TABLE app.users NO FORCE ROW LEVEL SECURITY",
	"ALTER TABLE app.orders DETACH PARTITION app.orders_1",
	"ALTER TABLE app.vip NO INHERIT app.users",
	"ALTER TABLE app.users ADD CONSTRAINT other CHECK (id > 0)",
	"CREATE RULE other AS ON DELETE TO app.counted DO INSTEAD NOTHING",
	"ALTER DOMAIN app.mail ADD CHECK (VALUE <> '')",
	"ALTER TYPE app.mood ADD VALUE 'better'; ALTER TYPE app.mood RENAME TO temper",
	"CREATE CAST (bytea AS json) WITHOUT FUNCTION",
	"DROP OPERATOR app.=== (app.pair, app.pair) CASCADE",
	"ALTER SCHEMA app RENAME TO application",
	"ALTER SERVER files VERSION '2'",
	"ALTER PUBLICATION several ADD TABLE public.renamed",
	"ALTER EVENT TRIGGER watch ENABLE",
	"CREATE SCHEMA fresh",
}

// unnoticed are what a snapshot is not old after.
var unnoticed = []string{
	"INSERT INTO app.allowed (who) VALUES ('joe')",
	"CREATE TEMP TABLE passing (a int DEFAULT 3 CHECK (a > 0)); CREATE TEMP VIEW seen AS SELECT a FROM passing",
	"CREATE INDEX ON passing (a); ALTER TABLE passing ADD COLUMN b text; DROP TABLE passing CASCADE",
	"ANALYZE app.users; ANALYZE pg_catalog.pg_class",
	"BEGIN; CREATE TABLE app.undone (a int); COMMENT ON TABLE app.undone IS 'x'; ROLLBACK",
}

// A snapshot is said to be old exactly when it is.
func TestChangesAreNoticed(t *testing.T) {
	t.Parallel()
	for _, version := range harness.VersionsOr(t, 15) {
		server := newServer(t, version)
		root, c := connect(t, server.SuperuserDSN(database)), look(t, server)
		before := fingerprint(t, c)
		for _, sql := range unnoticed {
			root.must(t, sql)
			if fingerprint(t, c) != before {
				t.Errorf("PostgreSQL %d: taken for a change: %s", version, sql)
				before = fingerprint(t, c)
			}
		}
		root.must(t, "VACUUM FREEZE app.users")
		root.must(t, "VACUUM FREEZE pg_catalog.pg_class")
		if fingerprint(t, c) != before {
			t.Errorf("PostgreSQL %d: VACUUM FREEZE is taken for a change", version)
		}
		s := load(t, c)
		for _, sql := range noticed {
			root.must(t, sql)
			if changed, err := s.Changed(t.Context(), c); !changed || err != nil {
				t.Errorf("PostgreSQL %d: not noticed: %s (%v)", version, sql, err)
			}
			s = fresh(t, s, fingerprint(t, c))
		}
	}
}

func fingerprint(t *testing.T, c connection) catalog.Fingerprint {
	t.Helper()
	f, err := catalog.ReadFingerprint(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// fresh is a snapshot that is taken for one of the moment.
func fresh(t *testing.T, s *catalog.Snapshot, f catalog.Fingerprint) *catalog.Snapshot {
	t.Helper()
	renewed := *s
	renewed.Fingerprint = f
	return &renewed
}

// The hint moves, if late.
func TestHintMoves(t *testing.T) {
	t.Parallel()
	server := newServer(t, 15)
	root, c := connect(t, server.SuperuserDSN(database)), look(t, server)
	before, err := catalog.ReadHint(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	root.must(t, "CREATE TABLE app.fresh (a int)")
	for {
		h, err := catalog.ReadHint(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		if h != before {
			return
		}
		select {
		case <-t.Context().Done():
			t.Fatal("the hint has not moved")
		case <-time.After(100 * time.Millisecond):
		}
	}
}
