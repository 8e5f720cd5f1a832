package dump

import (
	_ "embed"
	"fmt"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/integration/harness"
)

const (
	pgDump    = "/usr/bin/pg_dump"
	pgDumpAll = "/usr/bin/pg_dumpall"
	pgRestore = "/usr/bin/pg_restore"
	psql      = "/usr/bin/psql"
)

// newest is the last server version that Debian's pg_dump takes.
const newest = 15

//go:embed testdata/people.sql
var people string

// newWorld is a world whose shop also has people, with values that must not
// leave.
func newWorld(t *testing.T, version int) *harness.World {
	t.Helper()
	world := harness.NewWorld(t, version)
	world.Exec(t, "shop_template", people)
	world.Reset(t)
	return world
}

// eachVersion runs a test on the newest server that pg_dump takes, and on all of
// them if versions are asked for, at the same time.
func eachVersion(t *testing.T, test func(*testing.T, *harness.World)) {
	for _, version := range harness.VersionsOr(t, newest) {
		if version > newest {
			continue
		}
		t.Run(fmt.Sprintf("postgresql-%d", version), func(t *testing.T) {
			t.Parallel() // most of the time programs wait for each other
			test(t, newWorld(t, version))
		})
	}
}

// contents says what a database holds: the rows of every table, the keys
// between them, and the bytes of all large objects.
func contents(t *testing.T, world *harness.World, database string) string {
	t.Helper()
	var out strings.Builder
	tables := world.Query(t, database, `
		SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY 1`)
	for _, row := range tables {
		count := world.Query(t, database, "SELECT count(*)::text FROM ONLY "+row[0])
		fmt.Fprintln(&out, row[0], count[0][0])
	}
	keys := world.Query(t, database, `
		SELECT conrelid::regclass || ' ' || pg_get_constraintdef(oid) || CASE WHEN convalidated THEN '' ELSE ' not valid' END
		FROM pg_constraint WHERE contype = 'f' ORDER BY 1`)
	for _, row := range keys {
		fmt.Fprintln(&out, row[0])
	}
	objects := world.Query(t, database, "SELECT loid::text || ' ' || sum(length(data)) FROM pg_largeobject GROUP BY loid ORDER BY loid")
	for _, row := range objects {
		fmt.Fprintln(&out, "large object", row[0])
	}
	return out.String()
}
