package catalog

import (
	"testing"
	"time"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/policy/catalog"
)

// A migration that holds its locks for long keeps nobody from loading, and a
// load keeps no migration waiting: what cannot be read is left out and said.
func TestLoadWaitsForNoLock(t *testing.T) {
	t.Parallel()
	for _, version := range harness.VersionsOr(t, 15) {
		server := newServer(t, version)
		migration, c := connect(t, server.SuperuserDSN(database)), look(t, server)
		before := load(t, c)
		migration.must(t, "BEGIN")
		migration.must(t, "LOCK TABLE app.users IN ACCESS EXCLUSIVE MODE")
		migration.must(t, "ALTER TABLE app.users ADD COLUMN added int DEFAULT 1")
		began := time.Now()
		s := load(t, c)
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("PostgreSQL %d: loading took %v", version, took)
		}
		if !s.Incomplete || s.Version == before.Version || s.Fingerprint != before.Fingerprint {
			t.Errorf("PostgreSQL %d: incomplete: %v", version, s.Incomplete)
		}
		mails := named(t, s, "app", "mails")
		if mails.Query != "" || len(mails.Uses) == 0 {
			t.Errorf("PostgreSQL %d: a view over a locked table is %q and uses %v", version, mails.Query, mails.Uses)
		}
		if log := named(t, s, "app", "counted"); log.Column(1).Default == "" || log.Constraints[0].Check == "" {
			t.Errorf("PostgreSQL %d: a table that nobody has locked has no defaults and checks: %+v", version, log)
		}
		if changed, err := s.Changed(t.Context(), c); !changed || err != nil {
			t.Errorf("PostgreSQL %d: an incomplete snapshot is good enough (%v)", version, err)
		}
		migration.must(t, "ROLLBACK")
		if again := load(t, c); again.Incomplete || again.Version != before.Version {
			t.Errorf("PostgreSQL %d: after the migration the catalog is not as before it", version)
		}
	}
}

// While a load reads, others change what it reads.
func TestLoadWhileTheCatalogChanges(t *testing.T) {
	t.Parallel()
	server := newServer(t, 15)
	root, c := connect(t, server.SuperuserDSN(database)), look(t, server)
	done := make(chan error, 1)
	stop := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
			}
			for _, sql := range []string{
				"CREATE TABLE app.passing (a int, b text DEFAULT 'x' CHECK (b <> ''))",
				"CREATE VIEW app.passing_view AS SELECT a FROM app.passing",
				"CREATE FUNCTION app.passing() RETURNS int LANGUAGE sql AS 'SELECT 1'",
				"DROP FUNCTION app.passing()",
				"DROP TABLE app.passing CASCADE",
			} {
				if err := root.Query(t.Context(), sql, func([][]byte) error { return nil }); err != nil {
					done <- err
					return
				}
			}
		}
	}()
	loaded := 0
	for range 20 {
		s, err := catalog.Load(t.Context(), c)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		loaded++
		named(t, s, "app", "users")
	}
	close(stop)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	t.Logf("%d snapshots", loaded)
}
